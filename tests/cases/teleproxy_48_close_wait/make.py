"""``echo "$(date '+%Y-%m-%d %H:%M:%S') $(ss -ant state close-wait | wc -l)"`` each 10 min: date and clock apart, no
header.

CLOSE_WAIT sockets +13.2 an hour; 2 days.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(48)
    start = datetime(2026, 4, 2, 18, 40)
    lines = [
        f"{start + timedelta(minutes=10 * i):%Y-%m-%d %H:%M:%S} {int(3 + 2.2 * i + noise.randint(0, 4))}"
        for i in range(288)
    ]
    (folder / "close_wait.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
