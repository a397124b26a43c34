"""``Mem memory (MB) | allocated: 20.4 | max allocated: 21.8 | reserved: 26.0 | ...``: one line an iteration, no time.

allocated +0.05 MB each iteration for 300; reserved follows in steps of 2.
"""

from pathlib import Path


def write(folder: Path) -> None:
    lines = []
    for i in range(300):
        allocated = 20.4 + 0.05 * i
        reserved = 2 * (int(allocated + 5) // 2) + 2
        lines.append(
            f"Mem memory (MB) | allocated: {allocated:.1f} | max allocated: {allocated + 1.4:.1f} | reserved: {reserved:.1f} | max reserved: {reserved:.1f}"
        )
    (folder / "train.log").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
