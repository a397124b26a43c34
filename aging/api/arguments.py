"""What callers give, checked: spans of time, limits, costs, names. An InputError says what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NoReturn

import numpy as np

from aging.campaign.errors import suggestion
from aging.core.errors import InputError
from aging.core.quantities import parse_duration, parse_size
from aging.findings.asked import Limit

Span = str | float | timedelta
"""A length of time: text with its unit (``"90s"``), seconds, or a timedelta."""


def seconds_of(name: str, value: Span | None) -> float | None:
    """A span of time that a caller gave, as text with its unit, as seconds or as a timedelta."""
    if value is None:
        return None
    try:
        seconds = parse_duration(value) if isinstance(value, str) else _plain_seconds(value)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    except TypeError:
        raise InputError(f"{name}: {value!r} is no span of time; give seconds, or text like '90s'") from None
    if not (np.isfinite(seconds) and seconds >= 0) or (name in ("resample", "horizon") and seconds == 0):
        raise InputError(f"{name}: {value!r} is not a positive number of seconds")
    return seconds


def _plain_seconds(value: float | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def written_duration(duration: Span) -> str:
    """A duration as a campaign file has it."""
    if isinstance(duration, str):
        return duration  # whose mistakes come with those of the file
    seconds = seconds_of("duration", duration)
    return f"{seconds:f}s"


def limit_of(given: float | str) -> Limit:
    """A limit that a caller gave, as a size or as a number."""
    if isinstance(given, bool):
        raise InputError(f"limit: {given!r} is no limit; give a number, or a size like '64GiB'")
    try:
        value = parse_size(given) if isinstance(given, str) else float(given)
    except ValueError as error:
        raise InputError(f"limit: {error}") from None
    except TypeError:
        raise InputError(f"limit: {given!r} is no limit; give a number, or a size like '64GiB'") from None
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"limit: {given!r} is not above 0")
    return Limit(value, in_bytes=isinstance(given, str))


def cost_of(name: str, given: float) -> float:
    """A cost that a caller gave."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not (0 < given < np.inf):
        raise InputError(f"{name}: {given!r} is no cost; give a number above 0, like 20")
    return float(given)


def check_name(name: str, known: Iterable[str], wrong: str) -> None:
    """Raise, with what is ``wrong`` and the nearest of the ``known`` names, where ``name`` is none of them."""
    options = list(known)
    if not isinstance(name, str):
        raise InputError(f"{name!r} is no name; write it as text, one of: {listed(options)}")
    if name not in options:
        raise InputError(f"{wrong}; {suggestion(name, options) if options else 'there are none yet'}")


def listed(names: Iterable[object]) -> str:
    """Names in a sentence."""
    return ", ".join(map(str, names))


def names_of(argument: str, given: object) -> list[str]:
    """Several names that a caller gave."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"{argument}: {given!r} is no list of names; write [{given!r}]")
    return [str(name) for name in given]


def no_attribute(owner: str, name: str, known: Iterable[str]) -> NoReturn:
    """Raise AttributeError with the nearest of the ``known`` attributes."""
    raise AttributeError(f"{owner} has no {name!r}; {suggestion(name, list(known))}")
