"""``nvidia-smi --query-gpu=... --format=csv -l 60`` of a box with two GPUs: units in header and cells, ``[N/A]`` for
ECC.

GPU 0 holds its share, the memory of GPU 1 is never given back: 120 MiB/h. 8 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(17243)
    start = datetime(2026, 4, 25, 9, 0, 0, 123000)
    lines = [
        "timestamp, index, memory.used [MiB], memory.total [MiB], utilization.gpu [%], ecc.errors.uncorrected.volatile.total"
    ]
    for i in range(300):
        for gpu in (0, 1):
            at = f"{start + timedelta(seconds=96 * i + 0.02 * gpu):%Y/%m/%d %H:%M:%S.%f}"[:-3]
            used = 71_200 + noise.randint(-2, 2) + (3.2 * i if gpu else 0)
            lines.append(f"{at}, {gpu}, {used:.0f} MiB, 143771 MiB, {noise.randint(20, 97)} %, [N/A]")
    (folder / "gpu.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
