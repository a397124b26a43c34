"""``sar -r -f sa03``: kernel line, 12-hour clock, header again after a blank line and after LINUX RESTART,
``Average:``.

kbavail falls by 180,000 kB/h to a reboot at 14:00, then again from the start. 24 h, one a 5 min.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(3)
    start = datetime(2026, 8, 3, 0, 5, 1)
    head = "    kbmemfree   kbavail kbmemused  %memused kbbuffers  kbcached  kbcommit   %commit"
    lines = ["Linux 6.1.0-26-amd64 (gpu01) \t08/03/2026 \t_x86_64_\t(64 CPU)", ""]
    for i in range(286):
        now = start + timedelta(minutes=5 * i)
        at = f"{now:%I:%M:%S %p}"
        if i == 168:
            lines += ["", f"{at}  LINUX RESTART\t(64 CPU)", ""]
            continue
        if i in (0, 169) or i % 48 == 0:
            lines.append(f"{now - timedelta(minutes=5):%I:%M:%S %p}{head}")
        avail = 131_000_000 - 15_000 * (i if i < 168 else i - 168) + noise.gauss(0, 30_000)
        used = 263_000_000 - avail
        lines.append(
            f"{at} {avail - 9_000_000:12.0f} {avail:9.0f} {used:9.0f} {used / 2_630_000:9.2f} {812_000:9d} {20_400_000:9d} {used + 11e6:9.0f} {41.2:9.2f}"
        )
    lines.append("Average:    120000000 129000000 134000000     50.95    812000  20400000 145000000     41.20")
    (folder / "sar.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
