"""JSON lines with a nested object: ``{"ts": epoch ms, "pid": 1, "mem": {"rss": .., "heapTotal": .., "external":
..}}``.

external (and rss with it) +190 MB/h, heapUsed saws with the collector. 6 h.
"""

import json
import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(2512)
    lines, heap = [], 12_249_688.0
    for i in range(300):
        heap += noise.uniform(2e6, 4e6)
        if heap > 60e6:
            heap = 12.5e6
        external = 104_174 + 190e6 * i / 50
        mem = {
            "rss": int(133e6 + external + noise.gauss(0, 1e6)),
            "heapTotal": 83_886_080,
            "heapUsed": int(heap),
            "external": int(external),
        }
        lines.append(json.dumps({"ts": 1_583_400_000_000 + 72_000 * i, "level": "info", "pid": 1, "mem": mem}))
    (folder / "mem.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
