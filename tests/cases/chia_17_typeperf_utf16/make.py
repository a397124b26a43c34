"""typeperf piped through PowerShell's ``tee``: UTF-16 with BOM and CRLF, quoted, month-first stamps.

Private Bytes of ollama +150 MiB/h, Handle Count constant; a blank cell in the first sample. 5 h.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(17)
    start = datetime(2021, 5, 31, 22, 5, 2, 117000)
    host = "\\\\WIN-RIG"
    lines = [f'"(PDH-CSV 4.0)","{host}\\Process(ollama)\\Private Bytes","{host}\\Process(ollama)\\Handle Count"']
    for i in range(300):
        at = f"{start + timedelta(seconds=60 * i):%m/%d/%Y %H:%M:%S.%f}"[:-3]
        private = 2.1e9 + 150 * 2**20 * i / 60 + noise.gauss(0, 4e6)
        lines.append(f'"{at}","{private:.6f}","{"412.000000" if i else " "}"')
    (folder / "perf.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("utf-16"))


if __name__ == "__main__":
    write(Path())
