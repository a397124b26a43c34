"""``date; docker stats --no-stream`` each 5 min: date line, header, two containers, ``308MiB`` beside ``1.9GiB``.

frigate grows from about 2 GB at 8 AM to 25 GB at 8 PM (1.92 GiB/h); mosquitto is constant.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(6174)
    start = datetime(2023, 4, 20, 8, 0, 0)
    lines = []
    for i in range(144):
        lines.append(f"{start + timedelta(minutes=5 * i):%a %b %e %H:%M:%S} UTC 2023")
        lines.append(
            "CONTAINER ID   NAME        CPU %     MEM USAGE / LIMIT     MEM %     NET I/O           BLOCK I/O         PIDS"
        )
        gib = 2.0 + 0.16 * i + noise.gauss(0, 0.02)
        mib = 308 + noise.gauss(0, 0.4)
        cpu = noise.uniform(80, 140)
        lines.append(
            f"3f1c9a7be210   frigate     {cpu:.2f}%   {gib:.2f}GiB / 62.57GiB   {gib / 62.57 * 100:.2f}%     {1.2 + 0.4 * i:.1f}GB / {2 + i}GB   1.2GB / {3 + i}GB   74"
        )
        lines.append(
            f"a17d5a52c0fe   mosquitto   0.06%     {mib:.1f}MiB / 62.57GiB   {mib / 640.7:.2f}%     11.2MB / 9.8MB    0B / 1.5MB        1"
        )
    (folder / "stats.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
