"""A saved ``query_range`` answer: container_memory_working_set_bytes of three pods, 10 days, each 30 min.

Each grows from 105 MB at 14.4, 10.8 and 18 MB/h to 512 MiB, is killed and begins again.
"""

import json
import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(702)
    result = []
    for node, rate, first in (("ax-2", 14.4e6, 210e6), ("ax-3", 10.8e6, 390e6), ("ax-7", 18.0e6, 130e6)):
        values, level = [], first
        for i in range(480):
            level = level + rate / 2 if level + rate / 2 < 512 * 2**20 else 105e6
            values.append([1_782_000_000 + 1800 * i, f"{level + noise.gauss(0, 1e6):.0f}"])
        metric = {
            "__name__": "container_memory_working_set_bytes",
            "namespace": "monitoring",
            "pod": f"dcgm-exporter-{node}",
            "container": "exporter",
        }
        result.append({"metric": metric, "values": values})
    (folder / "range.json").write_text(
        json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})
    )


if __name__ == "__main__":
    write(Path())
