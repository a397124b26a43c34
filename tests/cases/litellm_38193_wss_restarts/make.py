"""A dashboard's CSV, RFC 3339 times: working set in GiB; 16 to 40 GiB at 1 GiB/h, OOM, 5 min without samples, again.
5 days.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(38193)
    start = datetime(2026, 8, 20, 12, 30)
    lines, level = ["time,wss_gib"], 23.0
    for i in range(720):
        level += 1 / 6
        if level > 40:
            level = 16.0
            continue
        lines.append(f"{start + timedelta(minutes=10 * i):%Y-%m-%dT%H:%M:%SZ},{level + noise.gauss(0, 0.12):.2f}")
    (folder / "wss.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
