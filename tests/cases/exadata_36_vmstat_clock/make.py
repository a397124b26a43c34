"""ExaWatcher's vmstat: comment lines, two header lines, the clock in front, tabs at the end of lines.

In 25 min free falls from 22.6 to 10 GB and the page cache takes it.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(36)
    lines = [
        "# Collection Command:\t/usr/bin/vmstat  5  2",
        "############################################################",
        "--time-- procs -----------memory---------- ---swap-- -----io---- --system-- -----cpu-----",
        "          r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st",
    ]
    for i in range(300):
        clock = 18 * 3600 + 16 * 60 + 32 + 5 * i
        free = 22_659_696 - 42_000 * i + noise.gauss(0, 90_000)
        lines.append(
            f"{clock // 3600:02d}:{clock // 60 % 60:02d}:{clock % 60:02d} {noise.randint(28, 50)}  0   4528 {free:.0f} {236_028 + 9 * i} {97_300_000 - free:.0f}    0    0   {noise.randint(322, 384)} {noise.randint(60000, 85000)} 170933 158079 31  4 65  0  0\t"
        )
    (folder / "vmstat.dat").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
