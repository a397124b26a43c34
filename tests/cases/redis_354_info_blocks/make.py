"""``redis-cli info`` appended each 10 min: sections, ``key:value``, uptime as the only clock; one day.

used_memory is steady at 2.14e9, used_memory_rss grows by 29.4e6 B/h: fragmentation 1.05 -> 1.38.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(354)
    lines = []
    for i in range(144):
        rss = 2.248e9 + 29.4e6 * i / 6 + noise.gauss(0, 2e6)
        used = 2_140_949_360 + noise.gauss(0, 4e6)
        lines += [
            "redis_version:2.4.2",
            "process_id:2314",
            f"uptime_in_seconds:{76_593 + 600 * i}",
            "uptime_in_days:1",
            f"connected_clients:{99 + noise.randint(-3, 3)}",
            f"used_memory:{used:.0f}",
            f"used_memory_human:{used / 2**30:.2f}G",
            f"used_memory_rss:{rss:.0f}",
            f"mem_fragmentation_ratio:{rss / used:.2f}",
            "mem_allocator:jemalloc-2.2.1",
            f"total_commands_processed:{17_530_737 + 64_500 * i}",
            "db0:keys=812334,expires=0",
            "",
        ]
    (folder / "info.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
