"""False alarms under long memory against power: how many cosines the test has, and whether it knows fractional noise.

Both are settings of the primary test. A point is a pair of them: its false
alarms where the noise is hardest, and its power beside the oracle's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import stdtr

from aging.stats.noise.autoregression import autoregressive_autocorrelation
from aging.stats.noise.fractional import fractional_autocorrelation, memory
from aging.stats.noise.har_variance import slope_variance
from aging.stats.noise.models import detrend, models
from aging.stats.slope.kendall import average_ranks
from analysis.methods.power import POWER, detectable
from analysis.methods.signals import Floats, ar1, fractional, random_walk
from analysis.methods.study import conduct, generator, on_all_cores, progress

ALPHA = 0.05
COSINES = (6, 8, 10, 12, 16, 24)
USED = (12, True)
LENGTHS = (216, 600)
REPLICATES, _QUICK = 1000, 10
NULLS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "fractional noise, H = 0.8": partial(fractional, hurst=0.8),
    "random walk": random_walk,
}
PHIS = (0.0, 0.3, 0.6)


def rejections(y: Floats) -> dict[tuple[int, bool], bool]:
    """Return whether the test refuses "no trend" with each number of cosines, without and with the third model."""
    slope, residuals = detrend(average_ranks(y))
    noise = models(residuals)
    rhos = [autoregressive_autocorrelation(model.phi, y.size) for model in noise]
    d = memory(residuals, noise)
    both = rhos if d is None else [*rhos, fractional_autocorrelation(d, y.size)]
    return {
        (cosines, third): bool(p_value(slope, slope_variance(residuals, known, cosines), cosines) < ALPHA)
        for cosines in COSINES
        for third, known in ((False, rhos), (True, both))
    }


def p_value(slope: float, variance: float, freedom: int) -> float:
    """Return the two-sided p of a slope."""
    return float(2 * stdtr(freedom, -abs(slope) / math.sqrt(variance)))


def share(kind: str, n: int, replicates: int) -> dict[tuple[int, bool], float]:
    """Return the share refused of a process without a trend, or of AR(1) noise whose trend the oracle finds in 80 %."""
    rng = generator("tradeoff", kind, n)
    found = dict.fromkeys(((cosines, third) for cosines in COSINES for third in (False, True)), 0)
    for _ in range(replicates):
        y = NULLS[kind](rng, n) if kind in NULLS else _trend(float(kind), n) + ar1(rng, n, float(kind))
        for setting, refused in rejections(y).items():
            found[setting] += refused
    return {setting: count / replicates for setting, count in found.items()}


def _trend(phi: float, n: int) -> Floats:
    return detectable(phi, n) * np.arange(1.0, n + 1)


def measure(full: bool) -> pd.DataFrame:
    """One row a setting and length: the false alarms, and the mean power as a share of the oracle's."""
    cells = [(kind, n, full) for n in (LENGTHS if full else LENGTHS[:1]) for kind in (*NULLS, *map(str, PHIS))]
    shares = dict(zip(cells, on_all_cores(_cell, cells), strict=True))
    rows: list[dict[str, object]] = []
    for n in sorted({n for _, n, _ in cells}):
        for setting in ((cosines, third) for third in (False, True) for cosines in COSINES):
            sizes = {kind: shares[kind, n, full][setting] for kind in NULLS}
            powers = [shares[str(phi), n, full][setting] / POWER for phi in PHIS]
            row: dict[str, object] = {"n": n, "cosines": setting[0], "fractional_model": setting[1]}
            rows.append(row | sizes | {"power_of_oracle": float(np.mean(powers)), "least_power": min(powers)})
    return pd.DataFrame(rows)


def _cell(cell: tuple[str, int, bool]) -> dict[tuple[int, bool], float]:
    kind, n, full = cell
    found = share(kind, n, REPLICATES if full else _QUICK)
    progress(f"{kind}, n = {n}")
    return found


def draw(table: pd.DataFrame) -> Figure:
    """One panel a process: false alarms against power, a line a length and model, the numbers of cosines along it."""
    figure = Figure(figsize=(8, 3.6))
    panels = figure.subplots(1, len(NULLS), sharey=True)
    for axes, kind in zip(panels, NULLS, strict=True):
        axes.axhspan(0.03, 0.07, color="0.9")
        for (n, third), rows in table.groupby(["n", "fractional_model"]):
            label = f"n = {n}, {'with' if third else 'without'} the fractional model"
            colour = "tab:blue" if third else "tab:red"
            style = "-" if n == LENGTHS[0] else "--"
            axes.plot(rows["power_of_oracle"], rows[kind], "o" + style, color=colour, markersize=3, label=label)
            used = rows[(rows["cosines"] == USED[0]) & (rows["fractional_model"] == USED[1])]
            axes.plot(used["power_of_oracle"], used[kind], "o", color="black", markersize=6, fillstyle="none")
            for row in rows.to_dict("records") if n == LENGTHS[0] else []:
                at = (float(row["power_of_oracle"]), float(row[kind]))
                axes.annotate(str(row["cosines"]), at, xytext=(2, 4), textcoords="offset points", fontsize=7)
        axes.set_title(kind)
        axes.set_xlabel("power / oracle, mean of AR(1) 0, 0.3, 0.6")
    panels[0].set_ylabel("false alarms, nominal 5 %")
    panels[0].legend(fontsize=7)
    return figure


if __name__ == "__main__":
    conduct("tradeoff", __doc__, measure, draw)
