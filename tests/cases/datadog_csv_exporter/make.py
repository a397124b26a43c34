"""Datadog's CSV exporter: date, a ``metric`` column of text, then one column a scope; blanks where a host was down.

host:gpu-a +1.1e9 B/h, host:gpu-b constant. 24 h, one in 5 min.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(2024)
    start = datetime(2024, 7, 1)
    lines = ["date,metric,host:gpu-a,host:gpu-b"]
    for i in range(288):
        flat = "" if 150 <= i < 156 else f"{4.4e10 + noise.gauss(0, 3e7):.1f}"
        lines.append(
            f"{start + timedelta(minutes=5 * i):%Y-%m-%d %H:%M:%S},system.mem.used (avg),{5.1e10 + 1.1e9 * i / 12 + noise.gauss(0, 4e7):.1f},{flat}"
        )
    (folder / "Metrics-CSV.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
