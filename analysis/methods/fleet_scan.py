"""What `aging scan` says of a fleet of 2,000 series over 14 days, 4,032 values each: false alarms, leaks found, cost.

In one fleet all series are healthy, in the other every tenth leaks at a known rate.
"""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aging.core.blas_threads import one_thread
from aging.findings.fleet.fetch import Fleet
from aging.findings.fleet.judge import Judging, judge
from aging.findings.fleet.subjects import Line
from aging.findings.fleet.types import ScanFinding
from analysis.methods.fleet_signals import HEALTHY, LEAKS, WINDOW, Signal
from analysis.methods.study import conduct, generator, on_all_cores, progress

SERIES, _QUICK = 2_000, 200
LEVEL = 0.05
_NEAR = 0.1
_LEAKY = 0.1


def fleet(leaky: bool, series: int) -> tuple[Fleet, list[tuple[str, Signal]]]:
    """Return the lines of a fleet and what each of them is; three metrics make a subject."""
    rng = generator("fleet", leaky)
    leaks = round(_LEAKY * series) if leaky else 0
    kinds = [list(LEAKS)[k % len(LEAKS)] for k in range(leaks)]
    kinds += [list(HEALTHY)[k % len(HEALTHY)] for k in range(series - leaks)]
    order = rng.permutation(series)
    known = [(kinds[k], {**HEALTHY, **LEAKS}[kinds[k]](rng)) for k in order]
    lines = [_line(signal, place) for place, (_, signal) in enumerate(known)]
    limits = tuple(None if signal.limit is None else ("limit", signal.limit) for _, signal in known)
    return Fleet(tuple(lines), limits, ()), known


def _line(signal: Signal, place: int) -> Line:
    labels = {"job": "server", "instance": f"{place // 3}:8000", "series": str(place)}
    return Line(signal.entry, labels, labels, signal.values, signal.restarts)


def measure(full: bool) -> pd.DataFrame:
    """One row a fleet and shape; at the end of each fleet its sum, with the cost of judging."""
    one_thread()
    series = SERIES if full else _QUICK
    cells = [(name, leaky, series) for name, leaky in (("healthy", False), ("every tenth leaks", True))]
    return pd.DataFrame([row for rows in on_all_cores(_rows, cells) for row in rows])


def _rows(cell: tuple[str, bool, int]) -> list[dict[str, object]]:
    name, leaky, series = cell
    lines, known = fleet(leaky, series)
    before = time.process_time()
    scan = judge(lines, WINDOW, "", Judging(LEVEL, processes=1))
    cost = time.process_time() - before
    progress(f"{name}: {cost:.1f} s of CPU, {_memory():.0f} MiB")
    found = {one.labels["series"]: one for one in scan.findings}
    of_kind: dict[str, list[tuple[Signal, ScanFinding]]] = defaultdict(list)
    for place, (kind, signal) in enumerate(known):
        of_kind[kind].append((signal, found[str(place)]))
    rows: list[dict[str, object]] = [
        {"fleet": name, "shape": kind} | _row(of_kind[kind]) for kind in (*HEALTHY, *(LEAKS if leaky else ()))
    ]
    every = [case for cases in of_kind.values() for case in cases]
    false = sum(case.ages for signal, case in every if not signal.rate)
    alarms = sum(case.ages for _, case in every)
    total = _row(every) | {"cpu_s": cost, "memory_mib": _memory(), "false_share_of_alarms": false / max(alarms, 1)}
    return [*rows, {"fleet": name, "shape": "all"} | total]


def _row(cases: Sequence[tuple[Signal, ScanFinding]]) -> dict[str, object]:
    leaks = [(signal, case) for signal, case in cases if signal.rate]
    healthy = [case for signal, case in cases if not signal.rate]
    found = [(signal, case) for signal, case in leaks if case.ages]
    right = [abs((case.rate or 0.0) - signal.rate) <= _NEAR * signal.rate for signal, case in found]
    inside = [(case.low or 0.0) <= signal.rate <= (case.high or np.inf) for signal, case in found]
    return {
        "series": len(cases),
        "false_alarms": sum(case.ages for case in healthy) / len(healthy) if healthy else np.nan,
        "undecided": sum(case.verdict == "inconclusive" for _, case in cases) / max(len(cases), 1),
        "leaks_found": len(found) / len(leaks) if leaks else np.nan,
        "rate_within_10_percent": np.mean(right) if right else np.nan,
        "rate_in_interval": np.mean(inside) if inside else np.nan,
    }


def _memory() -> float:
    """The most that this process has held, MiB: the answers, and what judging them takes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    conduct("fleet_scan", __doc__, measure)
