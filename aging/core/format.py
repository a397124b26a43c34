"""The one formatter: times, sizes, rates, shares and probabilities as reports, terminals, messages and file names
write them.

Three significant digits, binary prefixes, a space before the unit: ``1.65 GiB``, ``+965 MiB/h``. The unit follows from
the indicator's name. ``–`` stands for what is not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aging.core.measure import Measure

NONE = "–"
"""Stands for what is not known."""

_BINARY = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_DECIMAL = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_DECIMAL_NAMES = frozenset(name for _, name in _DECIMAL[:-1])
_TIME = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_MILLISECONDS = tuple((factor * 1e3, name) for factor, name in _TIME)
_MICROSECONDS = tuple((factor * 1e6, name) for factor, name in _TIME)
_PLAIN = ((1.0, ""),)
_CPU = ((1.0, "CPU"), (1e-3, "mCPU"), (1e-6, "µCPU"))
_LEAST_WRITTEN, _MOST_WRITTEN = 1e-6, 1e15
_LEAST_OWN, _MOST_OWN = 1e-3, 1e5
_NEAR = 100.0
"""A slope is written in the unit of limits that are at most this many times larger."""

_MORE_DIGITS = 2
_APART = 1e4
"""Two numbers further apart than this are not written in one unit."""

Scales = Sequence[tuple[float, str]]


def utc(wall: float) -> datetime:
    """Epoch seconds as an aware UTC datetime."""
    return datetime.fromtimestamp(wall, UTC)


def folder_name(wall: float) -> str:
    """``20261121T001500Z``: a UTC start as a folder name that sorts by time."""
    return utc(wall).strftime("%Y%m%dT%H%M%SZ")


def hour_name(wall: float) -> str:
    """``20261121T00``: the UTC hour that names a segment."""
    return utc(wall).strftime("%Y%m%dT%H")


def readable_duration(seconds: float) -> str:
    """``3m 05s``: a duration for display."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {secs:02d}s" if minutes else f"{secs}s"


@dataclass(frozen=True, slots=True)
class Unit:
    """How an indicator's values are scaled, and what is written after the scaled unit (``/s`` for a counter).

    ``own`` is the scale of their source, which is kept as long as its numbers are neither long nor tiny.
    """

    scales: Scales
    suffix: str = ""
    own: tuple[float, str] | None = None

    def scale(self, magnitude: float) -> tuple[float, str]:
        """The scale of the source, else the largest that is not above ``magnitude`` (of 0: 1), with its name."""
        if self.own is not None and (not magnitude or _LEAST_OWN <= magnitude / self.own[0] < _MOST_OWN):
            return self.own
        magnitude = magnitude or 1.0
        for factor, name in self.scales:
            if magnitude >= factor * 0.9995:  # 1023.9 B would be written as 1024 B
                return factor, name
        return self.scales[-1]


_BY_ENDING = (
    ("_cpu_seconds_total", Unit(_CPU)),
    ("_bytes_total", Unit(_BINARY, "/s")),
    ("_seconds_total", Unit(_TIME, "/s")),
    ("_total", Unit(_PLAIN, "/s")),
    ("_bytes", Unit(_BINARY)),
    ("_milliseconds", Unit(_MILLISECONDS)),
    ("_ms", Unit(_MILLISECONDS)),
    ("_microseconds", Unit(_MICROSECONDS)),
    ("_us", Unit(_MICROSECONDS)),
    ("_seconds", Unit(_TIME)),
)


_BY_BASE: Mapping[str, Scales] = {"B": _BINARY, "s": _TIME, "CPU": _CPU, "%": ((1.0, "%"),), "": _PLAIN}

Indicator = str | Unit
"""A name whose ending says the unit, or the unit itself."""


def unit_of_measure(measure: Measure) -> Unit:
    """The unit in which values of a measure are written: that of their source, where it had one, else to scale."""
    written = measure.written.removesuffix("/s") if measure.rate else measure.written
    suffix = "/s" if measure.rate else ""
    if not measure.base:
        return Unit(((1.0, written),), suffix)
    own = (measure.factor, written) if written and measure.factor != 1 and measure.base != "CPU" else None
    return Unit(_DECIMAL if written in _DECIMAL_NAMES else _BY_BASE[measure.base], suffix, own)


def unit_of(indicator: Indicator) -> Unit:
    """The unit of an indicator, from the ending of its name, before the labels of one of its series."""
    if isinstance(indicator, Unit):
        return indicator
    name = indicator.partition("{")[0]
    return next((unit for ending, unit in _BY_ENDING if name.endswith(ending)), Unit(_PLAIN))


def byte_size(count: float | None, *, signed: bool = False) -> str:
    """Bytes: ``1.65 GiB``, ``+12.0 MiB`` where they are a change."""
    return NONE if _unknown(count) else _written(Unit(_BINARY), [count], signed=signed, per="")


def share(value: float | None) -> str:
    """A share of 1 in percent: ``99.3 %``; ``100 %`` is the whole, nothing missing."""
    if value is None or not math.isfinite(value):
        return NONE
    return "100 %" if value == 1 else f"{(min(value, 0.9999) if value < 1 else value) * 100:.4g} %"


def request_rate(per_second: float | None) -> str:
    """``7.9 req/s``."""
    return NONE if per_second is None else f"{per_second:.3g} req/s"


def objectives_text(objectives: Mapping[str, float]) -> str:
    """Objectives in seconds as text: ``TTFT ≤ 1s, TPOT ≤ 50ms``."""
    return ", ".join(f"{name.upper()} ≤ {_short(seconds)}" for name, seconds in objectives.items())


def _short(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    return readable_duration(seconds) if seconds >= 60 else f"{seconds:g}s"


def sentence(text: str) -> str:
    """``text`` with a full stop at its end."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def level(indicator: Indicator, value: float | None) -> str:
    """A value of the indicator itself: ``1.21 GiB``."""
    return NONE if _unknown(value) else _written(unit_of(indicator), [value], signed=False, per="")


def slope(indicator: Indicator, value: float | None, per: str, beside: Sequence[float | None] | None = None) -> str:
    """A signed slope: ``+1.21 MiB/h``; in the unit of its limits where it stands ``beside`` them."""
    if _unknown(value):
        return NONE
    around = [abs(limit) for limit in beside or () if limit is not None and math.isfinite(limit)]
    return _written(unit_of(indicator), [value], signed=True, per=per, around=around)


def size(indicator: Indicator, value: float | None, per: str) -> str:
    """An unsigned slope, such as a limit of detection: ``310 KiB/h``."""
    return NONE if _unknown(value) else _written(unit_of(indicator), [value], signed=False, per=per)


def interval(indicator: Indicator, limits: Sequence[float | None] | None, per: str) -> str:
    """Both limits in one unit: ``+1.1 to +1.3 MiB/h``."""
    if limits is None or any(_unknown(limit) for limit in limits):
        return NONE
    return _written(unit_of(indicator), list(limits), signed=True, per=per)


def bounded(
    indicator: Indicator, value: float | None, limits: Sequence[float | None] | None, per: str
) -> tuple[str, str]:
    """A slope and its limits in one unit with the same decimals, so that it lies between them as they are written.

    As many as tell the limits apart, up to five digits; of numbers far apart each is written by itself.
    """
    if _unknown(value) or limits is None or any(_unknown(limit) for limit in limits):
        return slope(indicator, value, per), interval(indicator, limits, per)
    numbers = [float(number) for number in (value, *limits) if number is not None]
    magnitudes = [abs(number) for number in numbers if number]
    if not value or max(magnitudes) / min(magnitudes) > _APART:
        return slope(indicator, value, per, limits), interval(indicator, limits, per)
    unit = unit_of(indicator)
    factor, _ = unit.scale(max(magnitudes))
    like = max(magnitudes) / factor
    scaled = [number / factor for number in numbers]
    for _ in range(_MORE_DIGITS):
        if significant(scaled[1], like=like) != significant(scaled[-1], like=like) or scaled[1] == scaled[-1]:
            break
        like /= 10
    whole = all(number == round(number) for number in numbers)
    one, both = (
        _in_unit_of(unit, max(magnitudes), each, signed=True, per=per, like=like, whole=whole)
        for each in (numbers[:1], numbers[1:])
    )
    return one, both


def probability(value: float | None) -> str:
    """A p or q value: ``0.034``, ``< 0.001``."""
    if value is None or not math.isfinite(value):
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(value: float | None) -> str:
    """A whole number with commas between the thousands."""
    return NONE if _unknown(value) else f"{value:,.0f}"


def setting(name: str, value: Any) -> str:
    """A manifest value by its key's suffix."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and math.isfinite(value):
        if name.endswith("_bytes"):
            return level(name, value)
        if name.endswith("_seconds"):
            return readable_duration(value) if value >= 60 else f"{value:g} s"
        return f"{value:g}" if isinstance(value, float) else str(value)
    return str(value)


def clock(seconds: float | None) -> str:
    """A time since the campaign's start: ``0:03:05``, ``26:00:00``."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    whole = round(abs(seconds))
    sign = "−" if seconds < 0 and whole else ""
    return f"{sign}{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def significant(value: float, signed: bool = False, like: float | None = None) -> str:
    """Three significant digits of ``like`` (or of the value), and no exponent where one can be avoided."""
    if value == 0:
        return "0"
    magnitude = abs(value)
    sign = "−" if value < 0 else "+" if signed else ""
    if magnitude < _LEAST_WRITTEN:
        return "≈ 0"  # the last bits of a floating-point sum
    if magnitude >= _MOST_WRITTEN:
        return f"{sign}{magnitude:.2e}"
    digits = f"{magnitude:.{_decimals(magnitude if like is None else like)}f}"
    if float(digits) == 0:  # a limit that is not zero must not read as zero
        digits = f"{magnitude:.{_decimals(magnitude)}f}"
    return sign + digits


def _decimals(magnitude: float) -> int:
    return max(0, 2 - math.floor(math.log10(magnitude)))


def _unknown(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _written(unit: Unit, values: Sequence[Any], *, signed: bool, per: str, around: Sequence[float] = ()) -> str:
    magnitudes = [abs(value) for value in values if value]
    if magnitudes and around and max(around) < _NEAR * magnitudes[0]:
        return _in_unit_of(unit, max([*around, *magnitudes]), values, signed=signed, per=per)
    largest = max(magnitudes, default=0.0)
    if magnitudes and largest / min(magnitudes) > _APART:
        return " to ".join(_written(unit, [value], signed=signed, per=per) for value in values)
    return _in_unit_of(unit, largest, values, signed=signed, per=per)


def _in_unit_of(  # noqa: PLR0913 - numbers, and how they are written
    unit: Unit,
    magnitude: float,
    values: Sequence[Any],
    *,
    signed: bool,
    per: str,
    like: float | None = None,
    whole: bool = True,
) -> str:
    """``like``, in the scaled unit, has three digits after rounding: by default the largest of the values."""
    factor, name = unit.scale(magnitude)
    scaled = [value / factor for value in values]
    like = max(abs(value) for value in scaled) if like is None else like
    numbers = " to ".join(_number(one, like, signed=signed, whole=whole and factor == 1) for one in scaled)
    named = f"{name}{unit.suffix}"
    if per:
        named += f" per {per}" if unit.suffix or " " in per else f"/{per}"
    space = "" if not named or named.startswith(("/", " ")) else " "
    return f"{numbers}{space}{named}"


def _number(value: float, largest: float, *, signed: bool, whole: bool) -> str:
    if whole and value == round(value) and abs(value) < _MOST_WRITTEN:
        return significant(value, signed, like=100)
    return significant(value, signed, like=largest)
