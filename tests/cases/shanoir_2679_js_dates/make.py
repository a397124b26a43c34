"""JavaScript's ``Date.toString()`` in a CSV: ``Fri Feb 28 2025 01:00:00 GMT+0100 (Central European Standard Time)``.

A session cache grows by 45 entries an hour. 2 days.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(2679)
    start = datetime(2025, 2, 28, 1)
    lines = ["time,sessions"]
    for i in range(288):
        at = start + timedelta(minutes=10 * i)
        lines.append(
            f"{at:%a %b %d %Y %H:%M:%S} GMT+0100 (Central European Standard Time),{210 + 7.5 * i + noise.randint(-12, 12):.0f}"
        )
    (folder / "sessions.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
