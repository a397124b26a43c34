"""How often the 95 % interval of the slope holds the true slope: under noise, and for leaks made of separate losses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aging.stats import sen_slope, sen_slope_autocorrelated
from analysis.methods.signals import ar1, line
from analysis.methods.study import conduct, generator, on_all_cores, progress

REPLICATES, _QUICK = 1000, 10
NOISE = tuple(("AR(1)", phi, n) for phi in (0.0, 0.5, 0.8, 0.9) for n in (60, 216, 600))
LEAKS = tuple(("losses", float(events), n) for events in (300, 1000) for n in (60, 150))


def series(kind: str, parameter: float, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Return times, values and the true slope per second: a line under noise, or a compound Poisson leak."""
    t = 2.0 * np.arange(1, n + 1)
    if kind == "AR(1)":
        return t, line(n) + 0.2 * ar1(rng, n, parameter), 1 / (2.0 * n)
    return t, 4096.0 * np.cumsum(rng.poisson(parameter / n, n)), 4096.0 * parameter / (2.0 * n)


def coverage(kind: str, parameter: float, n: int, replicates: int) -> dict[str, float]:
    """Return the share of intervals that hold the truth: corrected for autocorrelation, and Sen's plain one."""
    rng = generator("coverage", kind, parameter, n)
    held = {"corrected": 0, "plain": 0}
    for _ in range(replicates):
        t, y, slope = series(kind, parameter, n, rng)
        corrected, plain = sen_slope_autocorrelated(t, y), sen_slope(t, y)
        held["corrected"] += corrected.low <= slope <= corrected.high
        held["plain"] += plain.low <= slope <= plain.high
    return {name: count / replicates for name, count in held.items()}


def measure(full: bool) -> pd.DataFrame:
    """One row a process and length."""
    return pd.DataFrame(on_all_cores(_row, [(*cell, full) for cell in (*NOISE, *LEAKS)]))


def _row(cell: tuple[str, float, int, bool]) -> dict[str, object]:
    kind, parameter, n, full = cell
    shares = coverage(kind, parameter, n, REPLICATES if full else _QUICK)
    progress(f"{kind} {parameter:g}, n = {n}: {shares['corrected']:.3f}")
    return {"process": kind, "parameter": parameter, "n": n} | shares


if __name__ == "__main__":
    conduct("interval_coverage", __doc__, measure)
