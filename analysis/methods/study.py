"""What all studies share: the command line, a frozen seed, a printed table, and the files under ``docs/``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.random import Generator

from analysis import ROOT

SEED = 20_270_311
"""Frozen. Every cell's generator follows from it, the study's name and the cell's: cells may be run alone."""

LENGTHS = (216, 600, 2000)
DOCS = ROOT / "docs"

Cell = TypeVar("Cell")
Row = TypeVar("Row")
Measure = Callable[[bool], pd.DataFrame]
Draw = Callable[[pd.DataFrame], Figure]


def generator(*cell: object) -> Generator:
    """Return the generator of one cell of one study."""
    return np.random.default_rng([SEED, crc32(repr(cell).encode())])


def monte_carlo_error(rate: float, replicates: int) -> float:
    """Return the standard error of a share that was found in so many replicates."""
    return float(np.sqrt(rate * (1 - rate) / replicates))


def on_all_cores(measure: Callable[[Cell], Row], cells: Sequence[Cell]) -> list[Row]:
    """Measure the cells of a study side by side; each has a generator of its own, so the order does not matter."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(measure, cells))


def progress(what: str) -> None:
    """Say on a line what has just been measured."""
    print(f"  {what}", flush=True)


def conduct(name: str, about: str | None, measure: Measure, draw: Draw | None = None) -> None:
    """Run a study from the command line: ``--quick`` prints a small version, ``--full`` also writes ``docs/``."""
    parser = argparse.ArgumentParser(description=about)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--quick", action="store_true", help="few replicates, to see that it runs; writes nothing")
    size.add_argument("--full", action="store_true", help="the documented table; writes it and its figure")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where tables/ and figures/ lie")
    options = parser.parse_args()
    began = time.perf_counter()
    table = measure(options.full)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    print(f"\n{name}: {time.perf_counter() - began:.0f} s, seed {SEED}")
    if options.full:
        for path in _write(name, table, draw, options.docs):
            print(f"wrote {path.name}")


def _write(name: str, table: pd.DataFrame, draw: Draw | None, docs: Path) -> Iterator[Path]:
    path = docs / "tables" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format="%.4g", lineterminator="\n")
    yield path
    if draw is not None:
        path = docs / "figures" / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 9}):
            draw(table).savefig(path, metadata={"Date": None}, bbox_inches="tight")
        yield path
