"""Three metrics a minute: two ``_total`` counters and resident memory; the exporter restarts after 9 h: counters from
0.

RSS +14e6 B/h in both lives; requests and CPU seconds go on at their rates. 15 h.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(146)
    lines = ["timestamp,promhttp_metric_handler_requests_total,process_cpu_seconds_total,process_resident_memory_bytes"]
    requests, cpu, age = 0, 0.0, 0
    for i in range(900):
        if i == 540:
            requests, cpu, age = 0, 0.0, 0
        requests += 4
        cpu += 18 + noise.uniform(-2, 2)
        age += 1
        lines.append(
            f"{1_588_900_000 + 60 * i},{requests},{cpu:.2f},{31e6 + 14e6 * age / 60 + noise.gauss(0, 6e5):.0f}"
        )
    (folder / "exporter.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
