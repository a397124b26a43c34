"""Each hour ``top -b -n 1 | head -10`` appended for 5 days: the clock passes midnight, several processes a screen.

PID 1 grows by 200 MB a day (8,138 KiB/h) from 2.1 GB; sshd is constant.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(2614)
    lines = []
    for i in range(120):
        clock = (14 * 3600 + 3600 * i) % 86400
        at = f"{clock // 3600:02d}:{clock // 60 % 60:02d}:{(clock + 7) % 60:02d}"
        days, rest = divmod(i + 9 * 24, 24)
        res = 2_100_000 + 8138 * i + noise.gauss(0, 900)
        lines += [
            f"top - {at} up {days} days, {rest:2d}:04,  2 users,  load average: 0.40, 0.36, 0.31",
            "Tasks: 412 total,   1 running, 411 sleeping,   0 stopped,   0 zombie",
            "%Cpu(s):  2.1 us,  0.9 sy,  0.0 ni, 96.8 id,  0.1 wa,  0.0 hi,  0.1 si,  0.0 st",
            "KiB Mem : 65769424 total, 21043512 free, 12388132 used, 32337780 buff/cache",
            "",
            "   PID USER      PR  NI    VIRT    RES    SHR S  %CPU %MEM     TIME+ COMMAND",
            f"     1 root      20   0 3983112 {res:7.0f}   2168 S   0.7  {res / 657_694:.1f} {900 + i}:20.25 systemd",
            f"  1893 root      20   0  105968   4104   3140 S   0.0  0.0   0:{i % 60:02d}.11 sshd",
            "",
        ]
    (folder / "top.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
