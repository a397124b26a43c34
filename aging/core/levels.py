"""A level of an indicator as a file has it: a number in the indicator's unit, a size, a duration, or a share.

``220000000``, ``"220MiB"``, ``"1.5s"``, ``"80%"``: a share is one of the limit that the indicator has.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema, core_schema

from aging.core.metric_table import METRICS
from aging.core.metrics import base_name
from aging.core.quantities import parse_duration, parse_size

INDICATOR = r"^[a-z][A-Za-z0-9_]*$"
"""What the name of an indicator looks like."""

_PERCENT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*")


@dataclass(frozen=True, slots=True)
class Level:
    """``number`` in the indicator's unit, or, of a ``share``, the fraction of its limit (0.8 of ``"80%"``).

    ``unit`` is that of a text: ``bytes``, ``seconds``, empty for a bare number.
    """

    number: float
    share: bool = False
    unit: str = ""
    written: str = ""

    def __str__(self) -> str:
        return self.written or f"{self.number:g}"

    def of(self, limit: float | None) -> float | None:
        """The level in the indicator's unit; None of a share whose ``limit`` is not known."""
        if not self.share:
            return self.number
        return None if limit is None else self.number * limit

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(cls)


def parse_level(given: Any) -> Level:
    """The level of a number, ``"220MiB"``, ``"90s"`` or ``"80%"``. Raises ValueError with examples."""
    if isinstance(given, Level):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool):
        if not math.isfinite(given) or given < 0:
            raise ValueError(f"{given!r} is not a level; write a number of at least 0")
        return Level(float(given))
    if isinstance(given, str):
        if percent := _PERCENT.fullmatch(given):
            if not 0 < (part := float(percent[1])) <= 100:
                raise ValueError(f'{given!r} is not a share of a limit; write "1%" to "100%"')
            return Level(part / 100, share=True, written=given)
        for parse, unit in ((parse_size, "bytes"), (parse_duration, "seconds")):
            try:
                return Level(float(parse(given)), unit=unit, written=given)
            except ValueError:
                continue
    raise ValueError(
        f'{given!r} is not a level; write a number in the unit of the indicator, a size like "220MiB", '
        'a duration like "1.5s", or a share of the limit like "80%"'
    )


def fitting(level: Level, indicator: str) -> Level:
    """The level, if it can be one of ``indicator``. Raises ValueError for a unit that the indicator does not have.

    A name that no metric has is a mistake of its own, and says nothing of the unit.
    """
    known = indicator.startswith(("engine_", "client_")) or any(metric.name == indicator for metric in METRICS)
    if level.unit and known and not base_name(indicator).endswith(f"_{level.unit}"):
        raise ValueError(
            f"{level.written!r} is a {'size' if level.unit == 'bytes' else 'duration'}, and {indicator} is not in "
            f'{level.unit}; write a number in its unit, or a share of its limit like "80%"'
        )
    return level


def fitting_limit(level: Level, indicator: str) -> Level:
    """The level, if ``indicator`` can have it as its limit. Raises ValueError for 0, and for another unit."""
    if level.number == 0:
        raise ValueError(f'{level} is no limit, since no level is below it; write one like "2GiB" or "80%"')
    return fitting(level, indicator)


LevelKey = Annotated[Level, BeforeValidator(parse_level), PlainSerializer(lambda level: level.written or level.number)]
"""A level; in the file a number or a text."""
