"""Reading a long CSV file: this package against pyarrow's own reader, in turn, in one run::

python -m analysis.benchmarks.tables                    # 10⁷ rows of five numbers
python -m analysis.benchmarks.tables --rows 1000000
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from pyarrow import csv

from aging.tables.choice import Choice
from aging.tables.reader import read

_BLOCK = 1_000_000
_ROUNDS = 3


def main() -> None:
    """Write the file, read it in both ways, print the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    with TemporaryDirectory() as folder:
        path = Path(folder) / "long.csv"
        write(path, rows)
        print(f"{rows:,} rows, {path.stat().st_size / 2**20:,.0f} MiB")
        theirs: list[float] = []
        ours: list[float] = []
        for _ in range(_ROUNDS):
            theirs.append(_seconds(lambda: csv.read_csv(path)))
            ours.append(_seconds(lambda: read(path, Choice())))
    ratio = np.median(ours) / np.median(theirs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"pyarrow {np.median(theirs):.2f} s, aging {np.median(ours):.2f} s, ratio {ratio:.2f}, peak {peak:.2f} GiB")


def write(path: Path, rows: int) -> None:
    """A time, three gauges and a counter."""
    rng = np.random.default_rng(1)
    for start in range(0, rows, _BLOCK):
        k = np.arange(start, min(start + _BLOCK, rows))
        table = pa.table(
            {
                "timestamp": 1_785_542_400 + k,
                "rss_bytes": 2**30 + 4096 * k + rng.integers(0, 2**20, k.size),
                "cpu_percent": rng.normal(50, 5, k.size).round(2),
                "latency_ms": rng.gamma(2.0, 10.0, k.size).round(3),
                "tokens_total": 17 * k,
            }
        )
        with path.open("ab") as file:
            csv.write_csv(table, file, csv.WriteOptions(include_header=start == 0))


def _seconds(task: Callable[[], object]) -> float:
    begin = time.perf_counter()
    task()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
