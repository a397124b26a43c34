"""The shape of a series: constant, linear, decelerating, step, saturating or cyclic.

Each shape is fitted by least squares, its residuals are described by an AR
model, and shape and series are whitened by it and fitted again; the shape with
the least Bayesian information criterion is named. Without whitening, a step is
found in most autocorrelated series that have none.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from aging.stats.noise.model_selection import whitened_criterion
from aging.stats.series.block_medians import block_medians
from aging.stats.series.validation import Floats

Shape = Literal["constant", "linear", "decelerating", "step", "saturating", "cyclic"]

_FINEST = 400
_TIME_CONSTANTS = np.geomspace(0.02, 0.7, 15)
_MARGIN = 0.05
_SEARCHED = 2  # a place among n is worth more than one smooth parameter (Zhang and Siegmund 2007)
_FEWEST_CYCLES, _FEWEST_PER_CYCLE = 2, 8
_UNSEEN = 0.5
"""Of a cycle: one that a gap hides more of is not known to be one."""


def classify_shape(t: Floats, y: Floats) -> Shape:
    """Return the shape of ``y`` at ``t`` seconds since the start of load, both shape (n,), n >= 12.

    Series longer than 400 samples are first reduced to 400 medians of equally
    many samples. Among shapes of one criterion the simpler comes first.
    """
    t, y = block_medians(t, y, _FINEST)
    if np.ptp(y) == 0:
        return "constant"
    criteria: dict[Shape, float] = {
        shape: whitened_criterion(y, design, searched) for shape, (design, searched) in _candidates(t, y).items()
    }
    return min(criteria, key=lambda shape: criteria[shape])


def _candidates(t: Floats, y: Floats) -> dict[Shape, tuple[Floats, int]]:
    """Each shape's design matrix, shape (n, k), and how many parameters besides its columns were searched for."""
    one = np.ones(t.size)
    place = (t - t[0]) / (t[-1] - t[0])
    margin = max(2, int(_MARGIN * t.size))
    candidates: dict[Shape, tuple[Floats, int]] = {
        "constant": (one[:, None], 0),
        "linear": (np.column_stack([one, place]), 0),
        "step": (_best_step(y, margin), _SEARCHED),
        "saturating": (_best(y, [1 - np.exp(-place / constant) for constant in _TIME_CONSTANTS]), 1),
        "decelerating": (_best(y, _slowing(t)), 1),
    }
    cycles = range(_FEWEST_CYCLES, min(t.size // _FEWEST_PER_CYCLE, int(_UNSEEN / np.diff(place).max())) + 1)
    if cycles:
        candidates["cyclic"] = (_best_cycle(y, place, cycles), _SEARCHED)
    return candidates


def _slowing(t: Floats) -> list[Floats]:
    """Growth curves between logarithmic and linear, from the start of load where that is known to lie before ``t``."""
    since = t if t[0] > 0 else t - t[0] + (t[-1] - t[0]) / t.size
    return [np.log(since), np.sqrt(since)]


def _best(y: Floats, curves: list[Floats]) -> Floats:
    """Return (1, curve) for the curve that leaves the least of ``y`` unexplained."""
    matrix = np.array(curves)
    centred = matrix - matrix.mean(axis=1, keepdims=True)
    explained = (centred @ (y - y.mean())) ** 2 / np.maximum((centred**2).sum(axis=1), 1e-300)
    return np.column_stack([np.ones(y.size), matrix[int(np.argmax(explained))]])


def _best_step(y: Floats, margin: int) -> Floats:
    """As :func:`_best`, of the steps with at least ``margin`` samples on either side."""
    n = y.size
    before = np.arange(margin, n - margin + 1)
    explained = np.cumsum(y - y.mean())[before - 1] ** 2 * n / (before * (n - before))
    return np.column_stack([np.ones(n), np.arange(n) >= before[int(np.argmax(explained))]])


def _best_cycle(y: Floats, place: Floats, cycles: range) -> Floats:
    angles = 2 * np.pi * np.outer(np.array(cycles), place)
    centred = y - y.mean()
    power = (np.cos(angles) @ centred) ** 2 + (np.sin(angles) @ centred) ** 2
    best = angles[int(np.argmax(power))]
    return np.column_stack([np.ones(y.size), np.cos(best), np.sin(best)])
