"""The series that a gate judges: by deployment and condition, from a result directory that may still be written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aging.core.metrics import ages_downwards
from aging.findings.series import Series, Window, chosen_series, planned_window
from aging.store.results import Results

Floats = NDArray[np.float64]

_MOST_CELLS = 1200
_LEAST_CELL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class JudgedSeries:
    """One indicator of one run, all shape (n,): ``t`` seconds of load, ``y`` the indicator, ``w`` requests until then.

    What ages downwards has its sign changed: growth is aging. ``w`` is None where no requests are counted. ``level`` is
    the usual size of the indicator at the start.
    """

    t: Floats
    y: Floats
    w: Floats | None
    level: float

    @property
    def requests_per_second(self) -> float | None:
        """The mean over the series; None where there were none."""
        if self.w is None or self.t.size < 2 or self.w[-1] <= self.w[0]:
            return None
        return float((self.w[-1] - self.w[0]) / (self.t[-1] - self.t[0]))


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """The series of one run by indicator, the longest generation of each; ``seconds`` of load were measured."""

    replica: int
    seconds: float
    series: Mapping[str, JudgedSeries]


def judged_runs(
    results: Results, deployment: str, indicators: Iterable[str], budget: float, until: float
) -> list[JudgedRun]:
    """The runs of a deployment whose load has begun, as far as ``until`` seconds of load, on a grid for ``budget``."""
    wanted = sorted(set(indicators))
    runs = []
    for replica in results.replicas(deployment):
        window = planned_window(results, deployment, replica)
        if window is not None:
            measured = window.load_end - window.load_start
            cut = _cut(window, budget, until)
            found = chosen_series(results, deployment, replica, wanted, cut)
            runs.append(JudgedRun(replica, measured, {name: _longest(name, found) for name in wanted}))
    return runs


def points(series: JudgedSeries, most: int) -> list[tuple[float, float]]:
    """At most so many (minute of load, value), medians of stretches of equal length."""
    if not series.t.size:
        return []
    parts = np.array_split(np.arange(series.t.size), min(most, series.t.size))
    return [(float(np.median(series.t[part])) / 60, float(np.median(series.y[part]))) for part in parts]


def _cut(window: Window, budget: float, until: float) -> Window:
    grid = max(_LEAST_CELL_SECONDS, budget / _MOST_CELLS)
    end = min(window.load_end, window.load_start + until)
    return replace(window, grid=grid, load_end=end, phases=(), earlier=0.0, age=None)


def _longest(indicator: str, found: Sequence[Series]) -> JudgedSeries:
    """The longest generation; of several equal ones the last."""
    own = [one for one in found if one.indicator == indicator]
    if not own:
        return JudgedSeries(np.empty(0), np.empty(0), None, 0.0)
    longest = max(own, key=lambda one: (one.t.size, one.generation))
    y = -longest.y if ages_downwards(indicator) else longest.y
    early = longest.y[: max(longest.y.size // 4, 1)]
    return JudgedSeries(longest.t, y, longest.work.get("requests"), abs(float(np.median(early))) if early.size else 0.0)
