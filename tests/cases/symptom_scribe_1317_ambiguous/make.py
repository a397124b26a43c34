"""``toLocaleDateString("en-GB")``: DD/MM/YYYY for the 4th to the 7th of September: every day could be a month.

Read with the month first the samples would lie months apart. +8 MB/h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(1317)
    start = datetime(2026, 9, 4, 6)
    lines = ["date,rss_mb"]
    for i in range(288):
        lines.append(f"{start + timedelta(minutes=15 * i):%d/%m/%Y %H:%M},{512 + 2 * i + noise.gauss(0, 1.5):.1f}")
    (folder / "history.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
