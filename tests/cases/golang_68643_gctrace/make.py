"""``GODEBUG=gctrace=1``: ``gc 7 @12.003s 0%: ... ms clock, ... ms cpu, 12->12->11 MB, 12 MB goal, 8 P``; 1 MB/s is
kept.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(68643)
    lines = []
    for n in range(1, 181):
        at = 3.0 + 4 * n
        live = int(4 + at)
        lines.append(f"allocate: {live} MB")
        lines.append(
            f"gc {n} @{at:.3f}s 0%: {noise.uniform(0.01, 0.05):.3f}+{noise.uniform(0.1, 0.4):.2f}+0.003 ms clock, 0.29+0/0.16/0+0.074 ms cpu, {live + 4}->{live + 4}->{live} MB, {live + 6} MB goal, 0 MB stacks, 0 MB globals, 24 P"
        )
    (folder / "gctrace.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
