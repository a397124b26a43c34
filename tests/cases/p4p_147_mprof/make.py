"""``mprof run --include-children client.py``: CMDLINE, then ``MEM MiB epoch`` and ``CHLD n MiB epoch``.

The main process leaks 36 MiB/h, its child is constant. 2 h.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(147)
    lines = ["CMDLINE /usr/bin/python3 client.py"]
    for i in range(240):
        at = 1_722_240_000.1 + 30.01 * i
        lines.append(f"MEM {52.4 + 0.3001 * i + noise.gauss(0, 0.2):.6f} {at:.4f}")
        lines.append(f"CHLD 1 {31.25 + noise.gauss(0, 0.01):.6f} {at:.4f}")
    (folder / "mprofile_20240729.dat").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
