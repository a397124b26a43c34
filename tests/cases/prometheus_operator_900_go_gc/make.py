"""Memory of Prometheus in a pod, each minute for 24 h: the collector lets it double and takes it back; some 20 teeth,
uneven.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(900)
    lines, level, top = ["time,container_memory_bytes"], 700e6, 1.4e9
    for i in range(1440):
        level += noise.uniform(6e6, 14e6)
        if level > top:
            level, top = 700e6 + noise.gauss(0, 1.5e7), 1.4e9 + noise.gauss(0, 4e7)
        lines.append(f"{1_516_150_000 + 60 * i},{level:.0f}")
    (folder / "prom.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
