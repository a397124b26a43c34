"""The unit in which the values of a chart are written, round numbers for its axes, and its time axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aging.core.format import Indicator, Unit, unit_of
from aging.core.metrics import base_name

_PERCENT = Unit(((0.01, "%"),))
_SHARES = ("_ratio", "_attainment", "_share")
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_ROUND_HOURS = (1.0, 2.0, 3.0, 6.0, 10.0)
_TIMES = (
    (86400.0, "days", _ROUND),
    (3600.0, "hours", _ROUND_HOURS),
    (60.0, "minutes", _ROUND),
    (1.0, "seconds", _ROUND),
)
_LEAST_UNITS = 2.5


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis: values are divided by ``factor`` and have the unit ``name``; ``ticks`` are values with their texts."""

    factor: float
    name: str
    ticks: Sequence[tuple[float, str]]


def unit_of_quantity(quantity: Indicator) -> Unit:
    """The unit of an indicator; shares of 1 are written in percent."""
    if isinstance(quantity, Unit):
        return quantity
    return _PERCENT if base_name(quantity).endswith(_SHARES) else unit_of(quantity)


def value_scale(quantity: Indicator, least: float, greatest: float, ticks: int = 5) -> Scale:
    """The vertical axis from ``least`` to ``greatest``."""
    unit = unit_of_quantity(quantity)
    factor, name = unit.scale(max(abs(least), abs(greatest)))
    return Scale(factor, f"{name}{unit.suffix}", _ticks(least, greatest, factor, ticks, _ROUND))


def log_scale(quantity: Indicator, least: float, greatest: float) -> Scale:
    """A logarithmic axis: every tick has a unit of its own."""
    unit = unit_of_quantity(quantity)
    decades = math.log10(greatest / least)
    steps = (1.0,) if decades > 2 else (1.0, 3.0)
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(greatest)) + 1)
    values = [step * 10.0**power for power in powers for step in steps]
    return Scale(1.0, "", [(one, _named(unit, one)) for one in values if least <= one <= greatest])


def time_scale(last: float, ticks: int = 6) -> Scale:
    """Seconds from 0 to ``last``, in the unit that suits them."""
    factor, name, steps = next((unit for unit in _TIMES if last >= unit[0] * _LEAST_UNITS), _TIMES[-1])
    return Scale(factor, name, _ticks(0.0, last, factor, ticks, steps))


def _named(unit: Unit, value: float) -> str:
    factor, name = unit.scale(value * (1 + 1e-9))
    return f"{value / factor:.4g} {name}{unit.suffix}".rstrip()


def _ticks(
    least: float, greatest: float, factor: float, most: int, steps: Sequence[float]
) -> Sequence[tuple[float, str]]:
    """Round numbers in units of ``factor``, at most ``most`` + 1, with as many decimals as neighbors need to differ."""
    low, high = least / factor, greatest / factor
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return ()
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in steps if one * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    decimals = next((count for count in range(12) if abs(round(step, count) - step) < step * 1e-6), 12)
    return [
        (place * step * factor, f"{place * step:.{decimals}f}".replace("-", "−")) for place in range(first, last + 1)
    ]
