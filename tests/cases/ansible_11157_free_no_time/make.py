"""``free -m`` every 5 s with the lines ``Mem:`` kept: the header once, no time.

used 259 -> 12,259 MB while ansible runs (1 h), available falls as much.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(11157)
    lines = ["              total        used        free      shared  buff/cache   available"]
    for i in range(720):
        used = 259 + 12_000 * i / 720 + noise.gauss(0, 15)
        lines.append(
            f"Mem:          15931       {used:5.0f}       {15006 - used:5.0f}         114         925       {15578 - used:5.0f}"
        )
    (folder / "free.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
