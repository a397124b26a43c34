"""``time,mem`` cut out of a server's log each 5 s: whole megabytes, ``35MB``; about 1 MB a minute, 40 min."""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(4364)
    start = datetime(2025, 6, 16, 18, 7, 27, 212_000)
    lines = ["time,mem"]
    for i in range(480):
        at = f"{start + timedelta(seconds=5 * i, milliseconds=i // 12):%Y-%m-%d %H:%M:%S.%f}"[:-3]
        lines.append(f"{at},{int(35.1 + i / 12 + noise.uniform(-0.15, 0.15))}MB")
    (folder / "input.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
