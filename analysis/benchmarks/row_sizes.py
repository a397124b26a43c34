"""How many bytes a row takes on the disk, by source: the figures that ``aging plan`` reckons with.

Of the result directories named, and of two hours of a simulated campaign (``harness_memory.py``), whose samplers
are today's. A sealed row is a Parquet file's share, an open one a line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from aging.store.segments import SEALED
from analysis.benchmarks.harness_memory import simulate, watched

_SHOWN_ROWS = 500


def figures(root: Path) -> Iterator[tuple[str, int, float, float]]:
    """Of each source of a result directory: rows, bytes of a sealed row, bytes of an open row."""
    files = defaultdict(list)
    for path in sorted(root.glob(f"*/r*/*/*{SEALED}")):
        harness = path.parts[-4] == "_harness"
        files[path.parent.name + (" (harness)" if harness else "")].append(path)
    for source, paths in sorted(files.items()):
        rows = sum(pq.read_metadata(path).num_rows for path in paths)
        shown = [row for path in paths for row in pq.read_table(path).slice(0, _SHOWN_ROWS).to_pylist()]
        line = sum(len(json.dumps(row, separators=(",", ":"))) + 1 for row in shown) / len(shown)
        yield source, rows, sum(path.stat().st_size for path in paths) / rows, line


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("directories", type=Path, nargs="*")
    directories = arguments.parse_args().directories
    with tempfile.TemporaryDirectory() as folder:
        with watched() as targets:
            asyncio.run(simulate(2, Path(folder), targets))
        for root in (*directories, Path(folder)):
            print(root if root != Path(folder) else "simulated, two hours")
            for source, rows, sealed, line in figures(root):
                print(f"  {source:<20} {rows:>8,} rows  {sealed:>7.1f} bytes sealed  {line:>7.0f} bytes open")


if __name__ == "__main__":
    main()
