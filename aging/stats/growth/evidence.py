"""What a series shows of its growth, in windows that all end with it and begin ever later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from aging.stats.growth.curve_score import curve_part, curve_score
from aging.stats.growth.operational_time import Score, operational_time, recording, score
from aging.stats.noise.har_variance import COSINES
from aging.stats.series.block_medians import block_medians
from aging.stats.series.validation import Floats

WINDOWS = (0.05, 0.2, 0.4, 0.6)
"""Where the windows begin, in shares of the series."""

BAR = 0.5
"""The power of growth between a leak (1) and a high-water mark (0)."""

_FEWEST = 12
_CONTRARY = -1.0
_FINEST_CURVE, _FINEST_LINE = 1_000, 400
_AS_GOOD, _ALIKE = 1.25, 1e-9
_CURVES = 5
_TAILS, _STOPPED = (4, 6, 10), 0.25
_TIME_CONSTANTS = np.geomspace(0.02, 0.4, 12)
_BLOCKS = 60
_OPPOSED = -0.25


@dataclass(frozen=True)
class Evidence:
    """The part of a series from ``start`` on: ``x`` and ``y``, shape (m,), and what it shows.

    ``half`` and ``constant`` are the scores of the powers 1/2 and 1 (:mod:`aging.stats.growth.operational_time`);
    ``early`` and ``late`` the growth per unit of the axis in the window's halves. ``floor``: it is the floor of a
    sawtooth, which moves only with its teeth.
    """

    start: float
    x: Floats
    y: Floats
    half: Score
    constant: Score
    early: float
    late: float
    floor: bool = False

    @property
    def span(self) -> float:
        return float(self.x[-1] - self.start)

    @property
    def late_growth(self) -> float:
        """How much the series grew in the second half of the window."""
        return self.late * self.span / 2

    @property
    def larger_growth(self) -> float:
        """The growth of the half that grew more."""
        return max(self.early, self.late) * self.span / 2

    @property
    def growth(self) -> float:
        return self.constant.growth

    @cached_property
    def stopped(self) -> bool:
        """Whether the end grew at less than a quarter of the mean rate, and less than any other part of its length.

        Not told from noise of the level.
        """
        _, grown = block_growth(self.x, self.y)
        if is_noise_of_level(grown):
            return False
        for blocks in _TAILS[1:] if self.floor else _TAILS:
            parts = grown[grown.size % blocks :].reshape(-1, blocks).sum(axis=1)
            if parts[-1] < min(_STOPPED * float(parts.mean()), float(parts[:-1].min())):
                return True
        return False

    @cached_property
    def line(self) -> Line | None:
        """The line beneath a warm-up in this window."""
        return line_part(self.x, self.y)

    @cached_property
    def noisy(self) -> bool:
        """Whether noise of the level hides the rate."""
        return is_noise_of_level(block_growth(self.x, self.y)[1])

    @property
    def share(self) -> tuple[float, float]:
        """The 95 % limits of the late rate as a part of the early one (Fieller 1954); infinite where they are open."""
        return self.share_at(0.95)

    def share_at(self, confidence: float) -> tuple[float, float]:
        """The same limits with this confidence."""
        return _share(self.x, self.y, confidence)

    @property
    def faster_than_half(self) -> bool:
        """Whether powers of growth up to 1/2 are refuted, by the blocks or by a regression under noise."""
        if self.half.z > quantile(self.half):
            return True
        return self.half.z > _CONTRARY and outgrows(self.x, self.y, BAR)

    @property
    def slower_than_half(self) -> bool:
        """Whether powers of growth from 1/2 on are refuted."""
        return self.half.z < -quantile(self.half)

    @property
    def slows(self) -> bool:
        """Whether a constant rate is refuted."""
        return self.constant.z < -quantile(self.constant)


class Line(NamedTuple):
    """Limits of the rate of a line beneath a warm-up: with the curve that fits best, and the least with any that fits.

    ``least``, ``low`` and ``high`` per unit of the axis.
    """

    least: float
    low: float
    high: float


def line_part(x: Floats, y: Floats) -> Line | None:
    """Bound the constant rate that goes on beneath a warm-up: the line beside a curve, for curves that fit ``y``.

    Curves: the logarithm of x, and exponential saturations; of the five that leave least unexplained, those that leave
    at most a quarter more than the best do fit. Limits are at 95 %. None where no curve differs from a line.
    """
    places, levels = block_medians(x, y, _FINEST_LINE)
    since = (places - places[0]) / (places[-1] - places[0])
    curves = [np.log(places), *(-np.exp(-since / constant) for constant in _TIME_CONSTANTS)]
    left = np.array([_left_beside(levels, places, curve) for curve in curves])
    closest = np.argsort(left, kind="stable")[:_CURVES]
    fitting = [curves[k] for k in closest if left[k] <= _AS_GOOD * left[closest[0]]]
    parts = [part for curve in fitting if (part := curve_part(levels, places, curve)) is not None]
    if not parts:
        return None
    best = parts[0]
    t = float(stdtrit(COSINES, 0.975))
    least = min(part.coefficient - t * part.error for part in parts)
    return Line(least, best.coefficient - t * best.error, best.coefficient + t * best.error)


def _left_beside(y: Floats, line: Floats, curve: Floats) -> float:
    """The squares that a regression on (1, ``line``, ``curve``) leaves of ``y``."""
    design = np.column_stack([line - line.mean(), curve - curve.mean()])
    centred = y - y.mean()
    gram, response = design.T @ design, design.T @ centred
    determinant = gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2
    if determinant <= _ALIKE * gram[0, 0] * gram[1, 1]:
        return float(centred @ centred)
    coefficients = np.linalg.solve(gram, response)
    return max(float(centred @ centred - coefficients @ response), 0.0)


def evidence(x: Floats, y: Floats, *, floor: bool = False) -> list[Evidence]:
    """Return what each of four windows shows of ``y`` at ``x`` > 0 since the start of load; without those too short."""
    found = []
    for share in WINDOWS:
        start = max(float(x[0] + share * (x[-1] - x[0])), 1e-9 * float(x[-1]))
        kept = x >= start
        if np.count_nonzero(kept) < _FEWEST:
            continue
        samples = recording(x, y, start)
        half, constant = score(samples, BAR), score(samples, 1.0)
        if half is not None and constant is not None:
            found.append(Evidence(start, x[kept], y[kept], half, constant, *_halves(x[kept], y[kept]), floor=floor))
    return found


def block_growth(x: Floats, y: Floats) -> tuple[float, Floats]:
    """Cut ``y`` at ``x`` into 60 blocks of one width; return the width and the growth in each, shape (60,)."""
    places, levels = block_medians(x, y, _BLOCKS * 4)
    edges = np.linspace(x[0], x[-1], _BLOCKS + 1)
    return float(edges[1] - edges[0]), np.diff(np.interp(edges, places, levels))


def is_noise_of_level(grown: Floats) -> bool:
    """Whether neighbouring growths are opposed: noise of the level, not of the growth, hides the rate."""
    departures = grown - grown.mean()
    return float(departures[1:] @ departures[:-1]) < _OPPOSED * float(departures @ departures)


def _halves(x: Floats, y: Floats) -> tuple[float, float]:
    """The growth per unit in both halves: of their ends or, where the level is noisy, of two lines that meet."""
    width, grown = block_growth(x, y)
    if not is_noise_of_level(grown):
        half = grown.size // 2
        return float(grown[:half].mean()) / width, float(grown[half:].mean()) / width
    middle = (x[0] + x[-1]) / 2
    design = np.column_stack([np.ones(x.size), np.minimum(x - middle, 0), np.maximum(x - middle, 0)])
    _, early, late = np.linalg.lstsq(design, y, rcond=None)[0]
    return float(early), float(late)


def _share(x: Floats, y: Floats, confidence: float) -> tuple[float, float]:
    _, grown = block_growth(x, y)
    half = grown.size // 2
    early, late = float(grown[:half].mean()), float(grown[half:].mean())
    phase = np.pi * (np.arange(half) + 0.5) / half
    cosines = np.sqrt(2 / half) * np.cos(np.outer(np.arange(1, COSINES // 2 + 1), phase))
    long_run = float(np.mean([(cosines @ part) ** 2 for part in (grown[:half], grown[half:])]))
    return _fieller(early, late, float(stdtrit(COSINES, (1 + confidence) / 2)) ** 2 * long_run / half)


def _fieller(below: float, above: float, margin: float) -> tuple[float, float]:
    """The ratios r of ``above`` to ``below`` with (above - r below)^2 <= ``margin`` (1 + r^2)."""
    a, b, c = below**2 - margin, -below * above, above**2 - margin
    if a <= 0 or below <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (-b - root) / a, (-b + root) / a


def outgrows(x: Floats, y: Floats, power: float) -> bool:
    """Whether a line is needed beside the curve of that power: the better witness where noise hides the growth."""
    places, levels = block_medians(x, y, _FINEST_CURVE)
    return curve_score(levels, places, operational_time(places / places[-1], power)) > float(stdtrit(COSINES, 0.975))


def quantile(found: Score, p: float = 0.975) -> float:
    """Student's t of a score."""
    return float(stdtrit(found.df, p))
