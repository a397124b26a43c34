"""The measured inputs of docs/scale.md, and the plan for so many hosts, indicators and days that follows from them.

    python -m analysis.study.inputs results/real-runtimes results/six-deployments --hosts 10000 --days 30

Of the result directories: bytes of a sealed row by source. Of this machine: seconds to analyze a series of the days
asked for, to hash and to read a sealed file, to write a line of a ledger with its fsync, and to fold a cell's lines.
With ``--ray``: milliseconds of ``ray.nodes()`` and of a task on a cluster of this process alone.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aging.core.blas_threads import one_thread

one_thread()

import numpy as np  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

import aging.stats.trend_tests  # noqa: E402
from aging.core.plugins import discover  # noqa: E402
from aging.findings.indicator_analysis import alone  # noqa: E402
from aging.findings.series import Series  # noqa: E402
from aging.stats.trend_tests.base import TrendTest  # noqa: E402
from aging.store.segments import SEALED  # noqa: E402
from aging.study.events import AttemptCollected, AttemptPlaced, AttemptSeen, StudyEvent  # noqa: E402
from aging.study.ledger import Ledger, read_ledger  # noqa: E402
from aging.study.state import fold  # noqa: E402

_CELLS = 500
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one sampler: how many, bytes of a sealed one, its columns, and bytes a value."""

    name: str
    rows: int
    row: float
    columns: int
    value: float


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was measured. Bytes, seconds."""

    sources: Sequence[Source]
    series: float
    hash_rate: float
    read: float
    line: float
    line_size: float
    fold: float
    parse: float


def sources(roots: Sequence[Path]) -> Iterator[Source]:
    """Of each source: rows, bytes of a sealed row, its columns, and bytes a value."""
    files: dict[str, list[Path]] = defaultdict(list)
    for root in roots:
        for path in sorted(root.glob(f"*/r*/*/*{SEALED}")):
            files[path.parent.name].append(path)
    for name, paths in sorted(files.items()):
        described = [pq.read_metadata(path) for path in paths]
        rows = sum(one.num_rows for one in described)
        size = sum(path.stat().st_size for path in paths)
        columns = round(statistics.mean(one.num_columns for one in described))
        values = sum(one.num_rows * one.num_columns for one in described)
        yield Source(name, rows, size / rows, columns, size / values)


def seconds_of_series(days: int) -> float:
    """CPU seconds of the statistics of one series of 60 s medians, every test, a mean over four shapes."""
    tests = dict(discover(aging.stats.trend_tests, TrendTest))
    every = [_indicator(days * 1440, k) for k in range(8)]
    alone(every[:4], tests)
    return _seconds(lambda: alone(every, tests), time.process_time) / len(every)


def ledger_costs(folder: Path) -> tuple[float, float, float, float]:
    """Seconds to write a line, its bytes, and seconds to fold and to parse those of a cell."""
    path = folder / "ledger.jsonl"
    ledger = Ledger(path)
    written = [event for cell in range(_CELLS) for event in _lines(f"cell-{cell:05d}")]
    took = _seconds(lambda: [ledger.record(event) for event in written])
    ledger.close()
    read: list[StudyEvent] = []
    parse = _seconds(lambda: read.extend(read_ledger(path)), time.process_time)
    folded = _seconds(lambda: fold(read), time.process_time)
    return took / len(written), path.stat().st_size / len(written), folded / _CELLS, parse / _CELLS


def inputs(roots: Sequence[Path], days: int) -> Inputs:
    """All that needs no cluster."""
    sealed = [path for root in roots for path in sorted(root.glob(f"*/r*/process/*{SEALED}"))]
    content = bytes(64 << 20)
    rate = len(content) / _seconds(lambda: hashlib.sha256(content).digest(), time.process_time)
    read = _seconds(lambda: [pq.read_table(path) for path in sealed], time.process_time) / len(sealed)
    with tempfile.TemporaryDirectory() as folder:
        line, size, folded, parse = ledger_costs(Path(folder))
    return Inputs(list(sources(roots)), seconds_of_series(days), rate, read, line, size, folded, parse)


def ray_costs() -> Iterator[tuple[str, float]]:
    """Milliseconds of what a head asks of Ray, on a cluster of this process alone."""
    import ray  # noqa: PLC0415 - an optional part

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        task = ray.remote(num_cpus=0)(_nothing)
        ray.get(task.remote())
        yield "ray.nodes(), one node", 1e3 * statistics.median(_seconds(ray.nodes) for _ in range(50))
        yield (
            "a task, its worker warm",
            1e3 * statistics.median(_seconds(lambda: ray.get(task.remote())) for _ in range(200)),
        )
        cold = ray.remote(num_cpus=0, max_calls=1)(_nothing)
        yield (
            "a task in a worker of its own",
            1e3 * statistics.median(_seconds(lambda: ray.get(cold.remote())) for _ in range(5)),
        )
        block = np.zeros(4 << 20, np.uint8)
        took = statistics.median(_seconds(lambda: ray.get(ray.put(block))) for _ in range(20))
        yield "ray.put and ray.get of 4 MiB", 1e3 * took
    finally:
        ray.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--indicators", type=int, default=60)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--ray", action="store_true", help="also what a head asks of Ray")
    options = parser.parse_args()
    found = inputs(options.directories, options.days)
    print("| source | rows | bytes a row, sealed | columns | bytes a value |\n|---|---|---|---|---|")
    for one in found.sources:
        print(f"| {one.name} | {one.rows:,} | {one.row:.1f} | {one.columns} | {one.value:.2f} |")
    print(f"\na series of {options.days} d of 60 s medians: {found.series:.3f} s of CPU")
    print(f"SHA-256: {found.hash_rate / 1e6:.0f} MB/s; a sealed file of processes read in {1e3 * found.read:.1f} ms")
    print(f"a line of the ledger: {found.line_size:.0f} bytes, {1e3 * found.line:.2f} ms with its fsync")
    print(f"a cell of {len(_lines('c'))} lines: parsed in {1e6 * found.parse:.0f} µs, ", end="")
    print(f"folded in {1e6 * found.fold:.0f} µs")
    for what, took in ray_costs() if options.ray else ():
        print(f"{what}: {took:.2f} ms")
    for line in plan(found, options.hosts, options.indicators, options.days):
        print(line)


def plan(found: Inputs, hosts: int, indicators: int, days: int) -> Iterator[str]:
    """The sums for so many hosts, each one cell with 1 Hz samples of all indicators."""
    sampled = [one for one in found.sources if one.name != "requests"]
    rate = sum(one.rows * one.row for one in sampled) / sum(one.rows * one.columns for one in sampled)
    values = indicators * days * 86_400
    host = values * rate
    series = hosts * indicators
    grid = hosts * indicators * days * 1440 * 16
    yield f"\nplan: {hosts:,} hosts × {indicators} indicators × {days} days at 1 Hz, {rate:.2f} bytes a value"
    yield f"  a host: {values:,} values, {host / 1e9:.2f} GB, {host / days / 24 / 1e6:.2f} MB/h"
    yield f"  all: {hosts * host / 1e12:.1f} TB; {hosts * host / days / 86_400 / 1e6:.0f} MB/s into one place"
    yield f"  series: {series:,}, {series * found.series / 3600:.0f} CPU-hours; as 60 s medians {grid / 1e12:.2f} TB"
    lines = hosts * len(_lines("c")) + hosts * days * 24 // 6
    yield f"  ledger: {lines:,} lines, {lines * found.line_size / 1e6:.0f} MB, {lines * found.line:.0f} s of fsync"
    hashes = hosts * host / found.hash_rate / 3600
    yield f"  fold of a resume: {hosts * (found.fold + found.parse):.1f} s; hashes {hashes:.1f} CPU-hours"


def _lines(cell: str) -> list[StudyEvent]:
    """What the ledger has of a cell without trouble, and of two collections before its end."""
    where = f"/scratch/aging/studies/host-0001/study/{cell}/a01/results/campaign/20261121T011500Z"
    return [
        AttemptPlaced(cell=cell, number=1, host="host-0001"),
        AttemptSeen(cell=cell, number=1, state="running", directory=where),
        AttemptCollected(cell=cell, number=1, files=120, size=8_000_000, whole=False),
        AttemptCollected(cell=cell, number=1, files=240, size=16_000_000, whole=False),
        AttemptSeen(cell=cell, number=1, state="completed", directory=where),
        AttemptCollected(cell=cell, number=1, files=300, size=20_000_000, whole=True),
    ]


def _indicator(n: int, k: int) -> Series:
    rng = np.random.default_rng(k)
    t, noise = 60.0 * np.arange(1.0, n + 1), rng.normal(size=n)
    level = (t / t[-1] + 0.1 * noise, np.cumsum(noise) / n**0.5, np.maximum.accumulate(noise), noise)[k % 4]
    return Series("server", 1, 1, f"indicator_{k}", t, 4096 * np.round(1000 * level), {})


def _nothing() -> None:
    return None


def _seconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    call()
    return clock() - began


if __name__ == "__main__":
    main()
