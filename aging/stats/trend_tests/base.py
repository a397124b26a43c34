"""Trend tests, one a file: the base contract.

A new test is a new file with one module-level ``TrendTest``; it then appears in
every finding's ``tests`` and may be named as ``[analysis] test``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike
from scipy.special import ndtr

from aging.stats.series.prepared import Observed

ENTRY_POINT_GROUP = "aging.trend_tests"


@dataclass(frozen=True, slots=True)
class TestResult:
    """A trend test's statistic ``s``, its variance under no trend, the score ``z`` and the two-sided ``p``.

    ``z`` is a normal score unless the test says otherwise. ``note`` is the reason
    where there are no numbers (they are then NaN).
    """

    __test__: ClassVar[bool] = False

    s: float
    var_s: float
    z: float
    p: float
    note: str | None = None


@dataclass(frozen=True, slots=True)
class TrendTest:
    """A named test of "no monotone trend", as a function of a series of which other tests share what they compute."""

    kind: str
    on: Callable[[Observed], TestResult]

    def run(self, t: ArrayLike, y: ArrayLike) -> TestResult:
        """Test a series by itself. Raises :class:`~aging.stats.SeriesError`."""
        return self.on(Observed.of(t, y))


def two_sided(z: float) -> float:
    """Return the two-sided p of a normal score; NaN stays NaN."""
    return math.nan if math.isnan(z) else float(2 * ndtr(-abs(z)))
