"""Memory in percent of a 1 GB limit, hourly for 26 days: 14 % to 60 %; the leak follows the traffic of day and
weekend.
"""

import random
from datetime import datetime, timedelta
from math import pi, sin
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(48028)
    start = datetime(2023, 10, 25)
    traffic = [
        (1 + 0.6 * sin(2 * pi * (i / 24 - 0.3))) * (0.5 if (start + timedelta(hours=i)).weekday() > 4 else 1.0)
        for i in range(624)
    ]
    lines, grown = ["Time,memory %"], 0.0
    for i, load in enumerate(traffic):
        grown += 46 * load / sum(traffic)
        lines.append(
            f"{start + timedelta(hours=i):%Y-%m-%d %H:%M:%S},{14 + grown + 1.2 * load + noise.gauss(0, 0.15):.2f}%"
        )
    (folder / "sidecar.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
