"""Prints of two processes in one log: ``(name pid=..) actor_pid=..  \\t 2021-11-04T11:09:40Z \\t mem= 275.9 MB.``

The actor grows by 66 MB/h, the main process is constant. 2 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(19891)
    start = datetime(2021, 11, 4, 11, 9, 40)
    lines = []
    for i in range(240):
        at = start + timedelta(seconds=30 * i)
        lines.append(
            f"(qps_prediction pid=25580) actor_pid=25580 \t {at:%Y-%m-%dT%H:%M:%SZ} \t mem= {275.9 + 0.55 * i + noise.gauss(0, 0.3):.1f} MB."
        )
        lines.append(f"main_pid=25559 \t {at:%Y-%m-%dT%H:%M:%SZ} \t mem= {264.8 + noise.gauss(0, 0.1):.1f} MB.")
    (folder / "mem.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
