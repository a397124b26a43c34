"""``kubectl top pod`` each minute behind a time: ``963m 4544Mi``; 120 Mi/h for 12 h."""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(2300)
    start = datetime(2026, 8, 3, 9)
    lines = ["TIME NAME CPU(cores) MEMORY(bytes)"]
    for i in range(720):
        lines.append(
            f"{start + timedelta(minutes=i):%Y-%m-%dT%H:%M:%SZ} cognition-api-5d4bc4f657-btf4n {noise.randint(955, 975)}m {4544 + 2 * i + noise.gauss(0, 5):.0f}Mi"
        )
    (folder / "input.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
