"""``date; free -m`` each 20 min for 3 days: date line, header, Mem: and Swap:.

available falls by 5 MB/h though no process's RSS changes.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(387)
    start = datetime(2026, 6, 26, 7, 0, 1)
    lines = []
    for i in range(216):
        used = 612 + 5 * i / 3 + noise.gauss(0, 2)
        lines += [
            f"{start + timedelta(minutes=20 * i):%a %b %e %H:%M:%S} CEST 2026",
            "               total        used        free      shared  buff/cache   available",
            f"Mem:            3794      {used:6.0f}      {2400 - 5 * i / 3:6.0f}          18         782      {3182 - 5 * i / 3 + noise.gauss(0, 2):6.0f}",
            "Swap:           2047           0        2047",
        ]
    (folder / "free.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
