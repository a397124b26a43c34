"""Local times without a zone over the end of summer time in Belgium: 02:00 to 02:59 comes twice; +20 MiB/h for 36 h."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo


def write(folder: Path) -> None:
    noise = random.Random(8058)
    start = datetime(2026, 10, 24, 10, tzinfo=UTC)
    lines = ["Time,rss"]
    for i in range(2160):
        local = (start + timedelta(minutes=i)).astimezone(ZoneInfo("Europe/Brussels"))
        lines.append(f"{local:%Y-%m-%d %H:%M:%S},{4e9 + 20 * 2**20 * i / 60 + noise.gauss(0, 3e6):.0f}")
    (folder / "input.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
