"""``pidstat -r -p 7276 60``: kernel line, AM/PM clock over midnight, header every 20 lines.

RSS 210,176 kB +7,200 kB/h. 6 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(35129)
    start = datetime(2012, 3, 27, 20, 34, 36)
    lines = ["Linux 3.0.0-14-generic (forensic) \t03/27/2012 \t_x86_64_\t(4 CPU)", ""]
    for i in range(360):
        at = f"{start + timedelta(minutes=i):%I:%M:%S %p}"
        if i % 20 == 0:
            lines.append(f"{at}       PID  minflt/s  majflt/s     VSZ    RSS   %MEM  Command")
        at = f"{start + timedelta(minutes=i + 1):%I:%M:%S %p}"
        rss = 210_176 + 120 * i + noise.randint(-60, 60)
        lines.append(
            f"{at}      7276 {noise.uniform(1, 4):9.2f}      0.00  {rss + 139_036} {rss}   {rss / 29_437:.2f}  scalpel"
        )
    lines += ["", f"Average:          7276      2.50      0.00  {370_812} {231_776}   7.87  scalpel"]
    (folder / "pidstat.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
