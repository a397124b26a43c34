"""'Series as columns' with the whole label set as a column's name; ``null`` while a replica is down.

Replica 10.0.3.7 leaks 210 MiB/h; 10.0.3.9 is constant. 12 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(4041)
    start = datetime(2026, 6, 11, 11, 50)
    name = '{{__name__=""process_resident_memory_bytes"", instance=""{}:8000"", job=""vllm""}}'
    lines = [f'"Time";"{name.format("10.0.3.7")}";"{name.format("10.0.3.9")}"']
    for i in range(360):
        flat = "null" if 200 <= i < 204 else f"{7.4e9 + noise.gauss(0, 4e6):.0f}"
        lines.append(
            f"{start + timedelta(minutes=2 * i):%Y-%m-%dT%H:%M:%S}.000Z;{6.1e9 + 210 * 2**20 * i / 30 + noise.gauss(0, 4e6):.0f};{flat}"
        )
    (folder / "columns.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
