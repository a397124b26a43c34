"""Differences of levels of memory: at the end of the window, and the greatest in it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from aging.core.metrics import PRIMARY
from aging.findings.comparison.quantity import Quantity, relevant_level
from aging.findings.comparison.side import Facing, Side
from aging.findings.comparison.types import Statistic
from aging.stats.difference.uncertain import Uncertain, mean_of
from aging.stats.difference.welch import difference

_LAST = 0.05


def levels(faced: Facing) -> Iterator[Quantity]:
    """The levels of both sides; with an interval where both have replicas.

    A start of a server has one level. How much that varies from start to start is not in the samples of one.
    """
    mine, theirs = _of_runs(faced.baseline, faced), _of_runs(faced.other, faced)
    statistics: tuple[Statistic, ...] = ("at_end", "at_peak")
    for place, statistic in enumerate(statistics):
        first, second = (np.array([run[place] for run in runs]) for runs in (mine, theirs))
        if not first.size or not second.size:
            continue
        known = first.size > 1 and second.size > 1
        base, other = (mean_of(one) if known else _alone(one) for one in (first, second))
        found = difference(base, other) if known else None
        yield Quantity(PRIMARY, statistic, base, other, found, relevant_level(PRIMARY, base.value))


def _alone(values: np.ndarray) -> Uncertain:
    return Uncertain(float(values.mean()), math.inf, math.inf, math.inf)


def _of_runs(side: Side, faced: Facing) -> list[tuple[float, float]]:
    """The median of the last twentieth of the window, and the greatest sample in it, of each run."""
    begin, end = faced.span
    found = []
    for replica in side.windows:
        t, y = side.memory(replica, begin, end)
        late = t >= end - _LAST * (end - begin)
        if late.any():
            found.append((float(np.median(y[late])), float(y.max())))
    return found
