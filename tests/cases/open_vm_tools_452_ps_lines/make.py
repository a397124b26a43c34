"""One line at each change: date, then the line of ``ps faux``; irregular times, no header.

vmtoolsd: RSS +530 kB/h, from 1,050,980 kB; 24 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(452)
    start = datetime(2020, 7, 30, 15, 58, 53)
    lines, seconds = [], 0
    while seconds < 86400:
        at = start + timedelta(seconds=seconds)
        grown = 530 * seconds / 3600
        lines.append(
            f"{at:%a %b %e %H:%M:%S} UTC 2020 root 5494 0.0 12.8 {1_137_912 + grown + noise.randint(-8, 8):.0f} {1_050_980 + grown + noise.randint(-8, 8):.0f} ? Sl May06 107:{20 + seconds // 5400} /usr/local/bin/vmtoolsd"
        )
        seconds += noise.choice([450, 690, 720, 480, 390, 600])
    (folder / "vmtoolsd.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
