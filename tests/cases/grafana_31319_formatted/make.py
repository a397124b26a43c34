"""Grafana 7 'formatted data': a unit in every cell, MiB below and GiB above 1024 MiB; a gap of N/A. +60 MiB/h, 12 h."""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(31319)
    start = datetime(2021, 2, 18, 1)
    lines = ["Time,tei-0,tei-1"]
    for i in range(288):
        mib = 760 + 2.5 * i + noise.gauss(0, 1.2)
        grown = "N/A" if 100 <= i < 106 else f"{mib:.1f} MiB" if mib < 1024 else f"{mib / 1024:.3f} GiB"
        lines.append(
            f"{start + timedelta(seconds=150 * i):%Y-%m-%d %H:%M:%S},{grown},{1.31 + noise.gauss(0, 0.0008):.3f} GiB"
        )
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
