"""What a gate asks of a series: the limit, the two errors, and when it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aging.stats.series.validation import SeriesError

RED_AFTER = 0.3
"""The share of the budget that growth must last before it is called a leak: a cache may fill for as long."""

GREEN_AFTER = 0.1
"""The share of the budget before which nothing is below a limit: a leak shows when what the heap had free is used."""

_FIRST, _RATIO = 20.0, 1.15


@dataclass(frozen=True, slots=True)
class Design:
    """The limit on a present rate, both errors, and all planned looks.

    ``limit`` is in the indicator's unit per unit of the axis: a request, or a second. ``alpha`` is the false red,
    P(above | rate <= limit); ``beta`` the false green, P(below | rate >= 2 limit). ``looks`` are seconds since the
    start of load, increasing; the last is the end of the budget. Raises :class:`~aging.stats.SeriesError`.
    """

    limit: float
    alpha: float = 0.01
    beta: float = 0.05
    looks: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise SeriesError(f"limit must be a positive number, not {self.limit}")
        for name in ("alpha", "beta"):
            if not 0 < getattr(self, name) < 0.5:
                raise SeriesError(f"{name} must lie between 0 and 0.5, not {getattr(self, name)}")
        if (
            not self.looks
            or self.looks[0] <= 0
            or any(b <= a for a, b in zip(self.looks, self.looks[1:], strict=False))
        ):
            raise SeriesError("looks must be positive times in seconds that increase, and at least one")

    @property
    def budget(self) -> float:
        """The time of the last look, in seconds since the start of load."""
        return self.looks[-1]


def planned_looks(budget: float, first: float = _FIRST, ratio: float = _RATIO) -> tuple[float, ...]:
    """Return looks in geometric progression that end with the ``budget``; the earliest is not before ``first`` seconds.

    Each is ``ratio`` times as late as the one before: a decision is late by at most a seventh of its time, whatever the
    budget, and 600 s take 25 looks.
    """
    if not (math.isfinite(budget) and budget > 0 and first > 0 and ratio > 1):
        raise SeriesError(f"budget must be a positive number of seconds, not {budget}")
    count = max(int(math.log(max(budget / first, 1.0)) / math.log(ratio) + 1e-9), 0)
    return tuple(budget / ratio**k for k in range(count, -1, -1))
