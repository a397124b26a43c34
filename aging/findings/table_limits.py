"""Growth that has ended because nothing was left: at its limit, or at a maximum that may be one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aging.findings.series_analysis import SeriesAnalysis
from aging.stats.growth.standstill import Standstill, outlasts, standstill
from aging.stats.series.validation import Floats

_AT_LIMIT = 0.005
"""A level within this share of the limit is at the limit."""

Judge = Callable[[Floats, Floats], SeriesAnalysis]


@dataclass(frozen=True, slots=True)
class End:
    """The standstill in which a series ends, and the analysis of the climb before it."""

    verdict: Literal["exhausted", "capped"]
    stands: Standstill
    climb: SeriesAnalysis


def end_of_growth(t: Floats, y: Floats, limit: float | None, resolution: float, judge: Judge) -> End | None:
    """How the growth of ``y`` at ``t``, both shape (n,), has ended; None where it goes on, or slowed down by itself.

    Growth is what gets worse. It is ``exhausted`` at a known ``limit``. Where none is known it is ``capped`` if it was
    sustained until it stood still from one sample to the next, as it is at a limit, or in a cache that is full, for
    longer than it does between two steps.
    """
    if limit is not None:
        tolerance = max(resolution, _AT_LIMIT * abs(limit))
        stands = standstill(t, y, tolerance) if y.size and y.max() >= limit - tolerance else None
        return None if stands is None else End("exhausted", stands, judge(t[: stands.index], y[: stands.index]))
    stands = standstill(t, y)
    if stands is None or not outlasts(t, y, stands):
        return None
    climb = judge(t[: stands.index], y[: stands.index])
    sustained = climb.trend is not None and climb.trend.verdict == "aging"
    return End("capped", stands, climb) if sustained else None
