"""What taking out a daily or weekly cycle does to size, coverage and width of the interval of a slow growth beside it.

Series of 2 to 14 days, every half hour: a load that swings by day as a sine, as working hours of a height that
differs from day to day, or as weeks of five days, over autocorrelated noise, with no growth (``size``: share of
trends found at 5 %) and with a slow leak (``coverage`` and ``width`` of the 95 % interval of the slope, width in
units of the leak). Without a cycle: autocorrelated noise, a random walk, and a leak.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter

from aging.stats import sen_slope_autocorrelated, series_har
from aging.stats.series.cycle import without_cycle
from analysis.methods.study import conduct, generator, on_all_cores, progress

Floats = NDArray[np.float64]

_DAY, _STEP = 86_400.0, 1800.0
DAYS = (2, 3, 7, 14)
_LEAK = 1.0
"""Growth of the leak over the series; the swing has a height of 2 to 20."""
_KINDS = ("sine", "working hours", "working weeks", "none", "random walk")


def series(rng: Generator, kind: str, days: int, leak: float) -> tuple[Floats, Floats]:
    """A series of that kind over so many days."""
    t = np.arange(0.0, days * _DAY, _STEP)
    noise = lfilter([0.2 * np.sqrt(1 - 0.7**2)], [1, -0.7], rng.normal(0, 1, t.size))
    phase, height = rng.uniform(0, 1), 10 ** rng.uniform(0.3, 1.3)
    day = ((t / _DAY + phase) % 1.0, (t / _DAY + phase).astype(int))
    hours = np.exp(3 * (np.cos(2 * np.pi * (day[0] - 0.5)) - 1))
    daily = 1 + 0.1 * rng.normal(0, 1, days + 2)
    swing = {
        "sine": 0.5 * np.sin(2 * np.pi * (t / _DAY + phase)),
        "working hours": hours * daily[day[1]],
        "working weeks": hours * daily[day[1]] * np.where((day[1] + int(rng.integers(0, 7))) % 7 < 5, 1.0, 0.3),
        "none": 0.0 * t,
        "random walk": np.cumsum(rng.normal(0, 1, t.size)) / np.sqrt(t.size) / height,
    }[kind]
    return t, leak * t / t[-1] + height * swing + noise


def measure(full: bool) -> pd.DataFrame:
    """One row a half, kind and length; each before and after the cycle is taken out."""
    count = 100 if full else 4
    cells = [(half, kind, days, count) for half in ("tune", "held-out") for kind in _KINDS for days in DAYS]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: tuple[str, str, int, int]) -> dict[str, object]:
    half, kind, days, count = cell
    rng = generator("cycles", half, kind, days)
    taken = 0
    found: dict[str, list[float]] = {f"{what} {when}": [] for what in _MEASURED for when in ("before", "after")}
    for _ in range(count):
        t, flat = series(rng, kind, days, 0.0)
        cycle, rest = without_cycle(t, flat)
        taken += cycle is not None
        for when, y in (("before", flat), ("after", rest)):
            found[f"size {when}"].append(series_har(y).p < 0.05)
        t, leaking = series(rng, kind, days, _LEAK)
        for when, y in (("before", leaking), ("after", without_cycle(t, leaking)[1])):
            slope, true = sen_slope_autocorrelated(t, y), _LEAK / t[-1]
            found[f"coverage {when}"].append(slope.low <= true <= slope.high)
            found[f"width {when}"].append((slope.high - slope.low) / true)
    progress(f"{half}: {kind}, {days} days")
    means = {name: float(np.median(values) if "width" in name else np.mean(values)) for name, values in found.items()}
    return {"half": half, "kind": kind, "days": days, "series": count, "taken": taken / count} | means


_MEASURED = ("size", "coverage", "width")

if __name__ == "__main__":
    conduct("cycles", __doc__, measure)
