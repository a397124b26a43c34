"""Levels of factors as quantities, and the centre between two levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aging.core.quantities import parse_duration, parse_size


def centre(levels: Sequence[Any]) -> Any:
    """The mean of two levels, in their unit. Raises ValueError if they are not two quantities of one kind."""
    if len(levels) != 2:
        raise ValueError(f"a centre point requires two levels of every factor, got {len(levels)}")
    low, high = (quantity(level) for level in levels)
    if low is None or high is None:
        raise ValueError(
            f"{levels[0]!r} and {levels[1]!r} have no centre; only quantities have one, so remove `centre_points`"
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
    """A number, a duration or a size as in a campaign file; None for any other value."""
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
