"""``echo $(date +%s) $(ls /proc/PID/fd | wc -l)`` each minute, no header: CLOSE_WAIT sockets up to 1023, then no more
for hours.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(456)
    lines = [f"{1_717_000_000 + 60 * i} {min(1023, int(24 + 2.4 * i + noise.randint(-2, 2)))}" for i in range(600)]
    (folder / "fd.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
