"""Memory after each of 50 iterations: it follows the kind of mutation, nine kinds in turn, between 74 and 116 MB; no
trend.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(278)
    by_kind = (106.6, 77.5, 93.0, 115.2, 84.1, 101.9, 74.8, 88.3, 97.4)
    lines = ["iteration,memory_mb"]
    for i in range(54):
        lines.append(f"{i + 1},{by_kind[i % 9] + noise.gauss(0, 0.8):.1f}")
    (folder / "soak.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
