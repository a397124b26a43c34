"""vLLM's ``Engine 000:`` lines each 10 s, date without a year, other lines between them.

Within one endless request KV usage rises from 0.1 to 12 % and generation throughput falls from 213 to 140 tokens/s;
50 min.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(31353)
    start = datetime(2025, 12, 25, 13, 36, 10)
    lines = []
    for i in range(300):
        at = start + timedelta(seconds=10 * i)
        lines.append(
            f"(APIServer pid=324144) INFO {at:%m-%d %H:%M:%S} [loggers.py:248] Engine 000: Avg prompt throughput: 0.0 tokens/s, "
            f"Avg generation throughput: {213 - 0.24 * i + noise.gauss(0, 2):.1f} tokens/s, Running: 1 reqs, Waiting: 0 reqs, "
            f"GPU KV cache usage: {0.1 + 0.04 * i:.1f}%, Prefix cache hit rate: 18.8%"
        )
        if i % 25 == 7:
            lines.append(f'(APIServer pid=324144) INFO:     10.0.0.{i % 9}:50{i:03d} - "GET /metrics HTTP/1.1" 200 OK')
    (folder / "vllm.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
