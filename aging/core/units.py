"""Types of the keys of a campaign file: durations, sizes, booleans."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, Strict

from aging.core.quantities import parse_duration, parse_size


def _written(seconds: float) -> str:
    """Seconds as :func:`parse_duration` reads them, to the nanosecond and without an exponent."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


Duration = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(_written, return_type=str)]
"""A duration in seconds; in the file a text with units."""


def parse_warmup(text: Any) -> float | None:
    """Seconds of a duration, or None for ``auto``. Raises ValueError with examples."""
    if text == "auto":
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f'{error}; or "auto"') from None


WarmUp = Annotated[float | None, BeforeValidator(parse_warmup)]
"""A duration in seconds, or None if the analysis determines it from the data."""

Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(lambda n: f"{n}B", return_type=str)]
"""A size in bytes; in the file a text with a unit."""

Positive = Annotated[Duration, Field(gt=0)]
"""A duration above zero."""

Flag = Annotated[bool, Strict()]
"""true or false; no other value is converted."""
