"""``dcgmi dmon -e 252,203 -d 60000``: ``#Entity   FBUSD   GPUTL`` and ``ID`` below, again now and then; ``GPU 0`` in
each row; no time.

GPU 3 +2.2 MB a sample, GPU 0 constant.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(252)
    lines = []
    for i in range(240):
        if i % 30 == 0:
            lines += [
                "#Entity   FBUSD                       GPUTL                       ",
                "ID                                                                 ",
            ]
        lines.append(
            f"GPU 0     {61_440 + noise.choice([0, 0, 2])}                       {noise.randint(20, 99):2d}                          "
        )
        lines.append(
            f"GPU 3     {58_120 + 2.2 * i + noise.choice([-1, 0, 1]):.0f}                       {noise.randint(20, 99):2d}                          "
        )
    (folder / "dcgmi.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
