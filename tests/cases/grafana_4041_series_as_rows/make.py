"""``Series;Time;Value``, all of one pod and then all of the other: vllm-0 flat, vllm-1 +150 MiB/h; 24 h, one a
minute.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(40410)
    start = datetime(2026, 8, 1)
    lines = ["Series;Time;Value"]
    for pod, level, rate in (("vllm-0", 9.1e9, 0.0), ("vllm-1", 6.2e9, 150 * 2**20 / 60)):
        for i in range(1440):
            lines.append(
                f"{pod};{start + timedelta(minutes=i):%Y-%m-%dT%H:%M:%S}.000Z;{level + rate * i + noise.gauss(0, 6e6):.0f}"
            )
    (folder / "input.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
