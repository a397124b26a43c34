"""A memory test's table with thousands separators in quotes: resident + 1 MB, + 15 MB with the adapter, + 0 from then
on.
"""

from pathlib import Path


def write(folder: Path) -> None:
    lines = ["seconds,resident,virtual,gpu_mib"]
    for i in range(60):
        resident = 4_262_637_568 + 1_179_648 * (i > 0) + 15_204_352 * (i > 4)
        virtual = 4_740_259_840 + 34_004_992 * (i > 0) + 15_261_696 * (i > 4)
        lines.append(f'{10 * i},"{resident:,}","{virtual:,}",6773')
    (folder / "input.csv").write_text("\r\n".join(lines) + "\r\n")


if __name__ == "__main__":
    write(Path())
