"""Saved by Excel in a day-first locale: ``30/04/2020 23:45``, ``;``, decimal comma, blank for missing; across a
month's end.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(1966)
    start = datetime(2020, 4, 29, 8)
    lines = ["Zeitpunkt;Speicher (MB);Threads"]
    for i in range(288):
        used = f"{1843.5 + 6.5 * i / 4 + noise.gauss(0, 1.5):.1f}".replace(".", ",")
        lines.append(
            f"{start + timedelta(minutes=15 * i):%d/%m/%Y %H:%M};{used};{'' if i in (40, 41) else 64 + noise.randint(0, 2)}"
        )
    (folder / "speicher.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))


if __name__ == "__main__":
    write(Path())
