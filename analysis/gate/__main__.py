"""The gate against other rules: ``python -m analysis.gate --full`` writes the tables, the figure and every run.

Simulated servers of held-out seeds, the recorded reference server and the recordings of other real servers; one
process, about 20 minutes. ``--quick`` judges a few of each and writes nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from analysis.gate import page, real, simulated, tables
from analysis.gate.record import FOLDER
from analysis.methods.study import DOCS, SEED

RUNS = FOLDER / "runs.csv.gz"
THRESHOLDS = "gate_thresholds.csv"


def measured(full: bool, jobs: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a run, and the thresholds of the rules; in so many processes."""
    with ProcessPoolExecutor(jobs) as pool:
        simulations = [row for rows in pool.map(simulated.rows, simulated.cells(full)) for row in rows]
        windows = list(pool.map(real.row, real.windows(full), chunksize=20))
    runs = pd.concat([pd.DataFrame(simulations).assign(half="held-out"), pd.DataFrame(windows)], ignore_index=True)
    return runs, simulated.thresholds(full)


def tabled(runs: pd.DataFrame, thresholds: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """The tables by name."""
    colored = tables.with_colors(runs, thresholds)
    return {
        "gate_targets": tables.targets(colored),
        "gate_false_red": tables.false_red(colored),
        "gate_detection": tables.detection(colored),
        "gate_times": tables.times(colored),
    }


def save(runs: pd.DataFrame, thresholds: pd.DataFrame, docs: Path) -> None:
    """Write every run, and the thresholds below ``docs``."""
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    compact = {"method": "gzip", "mtime": 0}
    runs.to_csv(RUNS, index=False, float_format="%.4g", compression=compact, lineterminator="\n")
    thresholds.to_csv(docs / "tables" / THRESHOLDS, index=False, float_format="%.4g", lineterminator="\n")


def write(runs: pd.DataFrame, thresholds: pd.DataFrame, docs: Path) -> None:
    """Write the tables, the figure and the figures of the page below ``docs``."""
    for name, table in tabled(runs, thresholds).items():
        path = docs / "tables" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False, float_format="%.4g", lineterminator="\n")
        print(f"wrote {path.name}")
    path = docs / "figures" / "gate.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "gate", "svg.fonttype": "none", "font.size": 9}):
        tables.figure(tables.with_colors(runs, thresholds)).savefig(path, metadata={"Date": None}, bbox_inches="tight")
    print(f"wrote {path.name}")
    page.write(docs / "evidence.md", page.markdown(tables.with_colors(runs, thresholds)))


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--quick", action="store_true", help="a few of each, to see that it runs; writes nothing")
    size.add_argument("--full", action="store_true", help="the documented study; writes tables, figure and runs")
    size.add_argument("--tables", action="store_true", help="tables and figure again from the runs that are there")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where tables/ and figures/ lie")
    options = parser.parse_args()
    began = time.perf_counter()
    if not options.tables:
        runs, thresholds = measured(options.full, options.jobs)
        if options.full:  # tables are made of what the files hold, so that they can be made again
            save(runs, thresholds, options.docs)
    if not options.quick:
        runs, thresholds = pd.read_csv(RUNS), pd.read_csv(options.docs / "tables" / THRESHOLDS)
    found = tables.targets(tables.with_colors(runs, thresholds))
    print(found.to_string(index=False, float_format=lambda x: f"{x:.3f}"))
    print(f"\ngate: {len(runs)} runs, {time.perf_counter() - began:.0f} s, seed {SEED}")
    if not options.quick:
        write(runs, thresholds, options.docs)


if __name__ == "__main__":
    main()
