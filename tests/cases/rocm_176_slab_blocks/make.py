"""``date; uptime; cat /proc/meminfo | grep -i -e recl -e slab`` hourly: time of day in the line of uptime, blocks of
``key: value kB``.

SUnreclaim +4,200 kB/h, SReclaimable saturates. 4 days.
"""

import random
from math import exp
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(176)
    lines = []
    for i in range(96):
        clock = (11 * 3600 + 28 * 60 + 15 + 3600 * i) % 86400
        hours = i % 24
        up = f"{i // 24} days, {hours:2d}:10" if i >= 24 else f"{hours:2d}:10"
        unreclaimable = 83_868 + 4200 * i + noise.randint(-500, 500)
        reclaimable = 97_832 + 62_000 * (1 - exp(-i / 3)) + noise.randint(-700, 700)
        lines += [
            f" {clock // 3600:02d}:{clock // 60 % 60:02d}:{clock % 60:02d} up {up},  1 user,  load average: 0,28, 0,40, 0,27",
            f"Slab:             {unreclaimable + reclaimable:.0f} kB",
            f"SReclaimable:     {reclaimable:.0f} kB",
            f"SUnreclaim:       {unreclaimable} kB",
            "",
        ]
    (folder / "slab.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
