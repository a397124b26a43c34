"""The points of a design: which level each factor has in which run.

Factors are named by strings and have levels as they are written, in order: of two levels the first is the low one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from aging.campaign.units import parse_duration, parse_size
from aging.experiments.fractions import Fraction

Factors = Mapping[str, Sequence[Any]]
"""Levels by factor."""


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of levels. A centre point has every factor halfway between its two levels."""

    number: int
    levels: Mapping[str, Any]
    centre: bool = False


def full_factorial(factors: Factors) -> tuple[Point, ...]:
    """Every combination, in standard order: the first factor changes fastest."""
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
    """The points of a design that was written down."""
    return _points(rows)


def with_centre(points: Sequence[Point], factors: Factors, count: int) -> tuple[Point, ...]:
    """The points and ``count`` centre points after them. Raises ValueError where a factor has no centre."""
    if not count:
        return tuple(points)
    levels = {name: centre(of) for name, of in factors.items()}
    return (*points, *(Point(len(points) + k, levels, centre=True) for k in range(1, count + 1)))


def centre(levels: Sequence[Any]) -> Any:
    """What lies halfway between two levels, written as they are. Raises ValueError where nothing does."""
    if len(levels) != 2:
        raise ValueError(f"a centre point needs two levels of every factor, got {len(levels)}")
    low, high = (quantity(level) for level in levels)
    if low is None or high is None:
        raise ValueError(
            f"there is nothing halfway between {levels[0]!r} and {levels[1]!r}; only quantities have a centre"
        )
    middle = (low.value + high.value) / 2
    if low.unit != high.unit:
        raise ValueError(f"{levels[0]!r} and {levels[1]!r} are not quantities of one kind")
    if low.unit == "bytes":
        return f"{round(middle)}B"
    if low.unit == "seconds":
        return f"{middle:g}s"
    if all(isinstance(level, int) for level in levels):
        if middle != round(middle):
            raise ValueError(f"there is no whole number halfway between {levels[0]} and {levels[1]}")
        return round(middle)
    return middle


@dataclass(frozen=True, slots=True)
class Quantity:
    """A level as a number, in ``seconds``, ``bytes`` or no unit."""

    value: float
    unit: str


def quantity(level: Any) -> Quantity | None:
    """A number, a duration or a size as it is written in a campaign file; None for anything else."""
    if isinstance(level, bool):
        return None
    if isinstance(level, int | float):
        return Quantity(float(level), "")
    for unit, parse in (("seconds", parse_duration), ("bytes", parse_size)):
        try:
            return Quantity(float(parse(level)), unit)
        except ValueError:
            continue
    return None


def _points(rows: Sequence[Mapping[str, Any]]) -> tuple[Point, ...]:
    return tuple(Point(number, dict(row)) for number, row in enumerate(rows, start=1))
