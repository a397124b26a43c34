"""``epoch,open_fds`` each minute for 5 days: sockets pile up with the daily traffic, and stand at 4,999 from the
third day.
"""

import random
from math import pi, sin
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(4880)
    lines, piled = ["epoch,open_fds"], 180.0
    for i in range(7200):
        piled += 1.15 * (1 + 0.7 * sin(2 * pi * (i / 1440 - 0.3))) + noise.gauss(0, 1)
        lines.append(f"{1_663_142_400 + 60 * i},{int(min(4999, piled + noise.randint(0, 11)))}")
    (folder / "input.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
