"""``top -d 15 -b | grep tritonserver >> memfile.log``: no header, no clock; RES 3.6g -> 4.4g, then held."""

import random
from math import exp
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(2750)
    lines, cpu = [], 114.0
    for i in range(240):
        cpu += noise.uniform(15, 35)
        res = 4.4 - 0.8 * exp(-i / 60)
        lines.append(
            f"   64 root      20   0   28.0g   {res:.1f}g   1.2g S {noise.uniform(88, 177):5.1f} {1.4 + 0.4 * (res - 3.6):5.1f} {int(cpu // 60):3d}:{cpu % 60:05.2f} tritonserver"
        )
    (folder / "input.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
