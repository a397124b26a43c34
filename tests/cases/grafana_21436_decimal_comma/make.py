"""An export saved by a Belgian Excel: BOM, ``;``, ``25.08.2026 00:00``, decimal comma, CRLF; +0.25 GiB/h for 24 h."""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(21436)
    start = datetime(2026, 8, 25)
    lines = ["Time;vllm-0"]
    for i in range(1440):
        value = f"{18.2 + i / 240 + noise.gauss(0, 0.03):.3f}".replace(".", ",")
        lines.append(f"{start + timedelta(minutes=i):%d.%m.%Y %H:%M};{value}")
    (folder / "input.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("utf-8-sig"))


if __name__ == "__main__":
    write(Path())
