"""A script's output with ``|`` between ISO time, rss, heapTotal, heapUsed and external in MB, header once.

rss +21 MB/h while the heap recovers at each collection. 7 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(2351)
    start = datetime(2019, 12, 12, 5, 4, 19)
    lines, heap = ["timestamp|rss|heapTotal|heapUsed|external"], 20.0
    for i in range(420):
        heap = heap + noise.uniform(0.6, 1.4) if heap < 55 else 20.0
        lines.append(
            f"{start + timedelta(minutes=i):%Y-%m-%dT%H:%M:%S}.000Z|{98.4 + 0.35 * i + noise.gauss(0, 0.5):.2f}|72.12|{heap:.2f}|{1.5 + noise.uniform(0, 0.2):.2f}"
        )
    (folder / "memory.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
