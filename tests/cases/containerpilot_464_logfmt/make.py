"""logfmt: ``time="..." level=info msg="memstats sample" pid=1 rss=14.2MiB heap_alloc=3145728 goroutines=23``.

RSS +0.9 MiB/h, HeapAlloc +20,000 B/h at the most, goroutines steady; 10 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(464)
    start = datetime(2017, 8, 16, 9, 12)
    lines = []
    for i in range(600):
        rss = 14.2 + 0.015 * i + noise.gauss(0, 0.04)
        lines.append(
            f'time="{start + timedelta(minutes=i):%Y-%m-%dT%H:%M:%SZ}" level=info msg="memstats sample" pid=1 rss={rss:.2f}MiB heap_alloc={3_145_728 + noise.randint(0, 900_000)} goroutines={23 + noise.randint(-2, 2)}'
        )
    (folder / "pilot.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
