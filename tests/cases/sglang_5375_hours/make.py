"""Memory of two nodes against ``uptime_hours`` to three decimals: 500 MB in 3 h on each, 58,412 and 61,980 MB at the
start.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(5375)
    lines = ["uptime_hours,node1_used_mb,node2_used_mb"]
    for i in range(181):
        lines.append(
            f"{i / 60:.3f},{58_412 + 500 * i / 180 + noise.gauss(0, 6):.0f},{61_980 + 500 * i / 180 + noise.gauss(0, 6):.0f}"
        )
    (folder / "nodes.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
