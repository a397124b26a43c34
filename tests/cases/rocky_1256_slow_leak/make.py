"""A soak run's samples.jsonl: 24 h each 30 s, RSS 26,752 -> 39,800 KB in steps of 16, descriptors constant.

Of the first quarter's gain 1,100 KB are a warm-up; the quarters gain 4,096, 2,944, 3,056 and 2,816 KB.
"""

import json
import random
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(1256)
    start = datetime(2026, 7, 24, 17, 10, 21, tzinfo=UTC)
    lines, base = [], 26_752.0
    for quarter, gain in enumerate((4096, 2944, 3056, 2816)):
        warm = 1100 if quarter == 0 else 0
        for i in range(720):
            level = base + warm * (1 - exp(-i / 80)) + (gain - warm) * i / 720 + noise.gauss(0, 14)
            at = start + timedelta(seconds=30 * (720 * quarter + i))
            lines.append(json.dumps({"ts": f"{at:%Y-%m-%dT%H:%M:%SZ}", "rss_kb": round(level / 16) * 16, "fd": 11}))
        base += gain
    (folder / "input.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
