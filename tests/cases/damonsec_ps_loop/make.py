"""``echo "$(date +%H:%M:%S) $(ps -p PID -o rss=)"`` in a loop: 9 h from 21:00 over midnight; kB; 60 MiB/h; no header."""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(23)
    lines = []
    for i in range(540):
        clock = (21 * 3600 + 61 * i) % 86400
        lines.append(
            f"{clock // 3600:02d}:{clock // 60 % 60:02d}:{clock % 60:02d} {1_850_000 + 1041 * i + noise.gauss(0, 400):.0f}"
        )
    (folder / "input.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
