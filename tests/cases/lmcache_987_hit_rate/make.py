"""A minute's hit rate of a KV cache from a log: 0.62 falls by 0.05 an hour to 0.12 in 10 h while the total of tokens
is steady.
"""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(987)
    start = datetime(2025, 7, 6, 18, 36, 10, tzinfo=UTC)
    lines = ["ts,total_tokens,hit_rate"]
    for i in range(300):
        lines.append(
            f"{(start + timedelta(minutes=2 * i)).isoformat()},{7283 + noise.randint(-300, 300)},{0.62 - 0.05 * i / 30 + noise.gauss(0, 0.012):.4f}"
        )
    (folder / "hits.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
