"""psrecord's log, one a second: a service that keeps 400 MB of each request, one request in 3 min: stairs. 30 min."""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(4649)
    lines = ["# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)"]
    for i in range(1800):
        kept = 400 * (i // 180)
        lines.append(
            f"{i * 1.002:12.3f} {noise.uniform(0, 20):12.3f} {1210 + kept + noise.uniform(-0.4, 0.4):12.3f} {9200 + kept:12.3f}"
        )
    (folder / "input.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
