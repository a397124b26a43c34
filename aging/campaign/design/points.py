"""The points of a design: the level of each factor in each run.

Factors are identified by strings. Their levels are in file order: of two levels the first is the low one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from aging.campaign.design.fractions import Fraction

Factors = Mapping[str, Sequence[Any]]
"""The levels of each factor, in order."""


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of levels. A centre point has every factor halfway between its two levels."""

    number: int
    levels: Mapping[str, Any]
    centre: bool = False


def full_factorial(factors: Factors) -> tuple[Point, ...]:
    """Every combination of levels in standard order (the first factor changes fastest)."""
    rows = product(*reversed(list(factors.values())))
    return _points([dict(zip(factors, reversed(row), strict=True)) for row in rows])


def fractional_factorial(factors: Factors, fraction: Fraction) -> tuple[Point, ...]:
    """The runs of a regular two-level fraction."""
    return _points(
        [
            {name: levels[(sign + 1) // 2] for (name, levels), sign in zip(factors.items(), row, strict=True)}
            for row in fraction.rows()
        ]
    )


def chosen_points(rows: Sequence[Mapping[str, Any]]) -> tuple[Point, ...]:
    """The points of a custom design, one per row."""
    return _points(rows)


def with_centre(points: Sequence[Point], levels: Mapping[str, Any], count: int) -> tuple[Point, ...]:
    """The points, followed by ``count`` centre points with these levels."""
    return (*points, *(Point(len(points) + k, levels, centre=True) for k in range(1, count + 1)))


def _points(rows: Sequence[Mapping[str, Any]]) -> tuple[Point, ...]:
    return tuple(Point(number, dict(row)) for number, row in enumerate(rows, start=1))
