"""``aws cloudwatch get-metric-statistics``: one JSON object, data points not in order of time, each with its unit.

mem_used_percent +0.21 an hour. 3 days, each 15 min.
"""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(2020)
    start = datetime(2020, 3, 1)
    points = [
        {
            "Timestamp": f"{start + timedelta(minutes=15 * i):%Y-%m-%dT%H:%M:%S}+00:00",
            "Average": 41.2 + 0.21 * i / 4 + noise.gauss(0, 0.1),
            "Unit": "Percent",
        }
        for i in range(288)
    ]
    noise.shuffle(points)
    (folder / "mem.json").write_text(json.dumps({"Label": "mem_used_percent", "Datapoints": points}, indent=4))


if __name__ == "__main__":
    write(Path())
