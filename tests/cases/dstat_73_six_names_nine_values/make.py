"""dstat 0.7.2 ``-ms --output``: a header of 6 names over rows of 9 values (its own bug): the columns are not known."""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(73)
    lines = ['"used","free","buff","cach","used","free"']
    for i in range(120):
        used = 934_621_184 + 1_000_000 * i
        lines.append(
            f"4146851840,{used},{4_146_851_840 - used},50966528,{306_008_064 + noise.randint(-9, 9)},77385728,20946944,0,4292866048"
        )
    (folder / "out.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
