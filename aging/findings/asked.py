"""What an operator asks beside the campaign file: run on until when, within which memory?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aging.findings.direction import Worse


@dataclass(frozen=True, slots=True)
class Asked:
    """A memory limit in bytes and a horizon in seconds, in place of those of the campaign; None: as there."""

    memory_limit: float | None = None
    horizon: float | None = None


AS_IN_CAMPAIGN = Asked()
"""The limit of the campaign file, else of the host; the horizon of the campaign file."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a series must not arrive: a ``value`` in its unit, or ``in_bytes`` where it was given as a size."""

    value: float
    in_bytes: bool = False


@dataclass(frozen=True, slots=True)
class NamedLimit:
    """Where an indicator must not arrive: a ``value`` in its unit, and the ``name`` of what sets it."""

    value: float
    name: str


Falls = Literal["restarts", "collector"]
"""What falls of a series to the level of its start come from."""


@dataclass(frozen=True, slots=True)
class AskedOfSeries:
    """What a user says of a table's series: which way it gets worse, where it must not arrive, and until when.

    None: by its name; that of its source; no outlook, or 30 days where there is a limit. ``brief`` asks for no more
    than the verdict and the rate: see :func:`aging.stats.trend.analyze`. ``falls``: what its falls come from, where
    the source does not show it; None: by the rules of :mod:`aging.stats.series.generations`.
    """

    worse: Worse | None = None
    limit: Limit | None = None
    horizon: float | None = None
    brief: bool = False
    falls: Falls | None = None


NOTHING = AskedOfSeries()

USUAL_HORIZON = 30 * 86_400.0
"""Seconds, where no other horizon is given."""
