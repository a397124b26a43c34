"""``date; kubectl top po -n nvidia | grep nvidia-dcgm`` every few hours for 12 days, at irregular times.

Two pods of dcgm-exporter: 145 -> 265 Mi (0.455 Mi/h) and 154 -> 320 Mi (0.63 Mi/h); no header.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(340)
    start = datetime(2022, 5, 14, 4, 19, 2)
    lines, hours = [], 0.0
    while hours < 264:
        lines.append(f"{start + timedelta(hours=hours):%a %b %e %H:%M:%S} UTC 2022")
        for pod, level, rate, cpu in (
            ("nvidia-dcgm-exporter-2rt62", 145, 0.455, 3),
            ("nvidia-dcgm-exporter-745n2", 154, 0.63, 7),
        ):
            mem = level + rate * hours + noise.gauss(0, 0.8)
            lines.append(
                f"{pod}                                    {cpu + noise.randint(-1, 2)}m           {mem:.0f}Mi   "
            )
        lines.append("")
        hours += noise.uniform(2, 5)
    (folder / "top.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
