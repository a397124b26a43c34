"""``typeperf -si 15 -o input.csv``: quoted, ``(PDH-CSV 4.0) (zone)(-120)`` over the times, month first; +400 MiB/h
for 5 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(12305)
    start = datetime(2026, 9, 16, 9, 21, 2, 14_000)
    process = "\\\\GAMING-PC\\Process(ollama#1)"
    lines = [f'"(PDH-CSV 4.0) (W. Europe Daylight Time)(-120)","{process}\\Private Bytes","{process}\\Handle Count"']
    for i in range(1200):
        at = f"{start + timedelta(seconds=15 * i):%m/%d/%Y %H:%M:%S.%f}"[:-3]
        lines.append(
            f'"{at}","{3.1e9 + 400 * 2**20 * i / 240 + noise.gauss(0, 5e6):.6f}","{612 + noise.randint(0, 2)}.000000"'
        )
    (folder / "input.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode())


if __name__ == "__main__":
    write(Path())
