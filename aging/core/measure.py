"""What values are measured in: the base unit, and the unit in which their source wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Base = Literal["B", "s", "CPU", "%", ""]
"""Bytes, seconds, processor cores, percent, or a plain number (a count, or a unit that has no other name here)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The unit of a series.

    Values are held in ``base``. ``written`` is the unit of their source, where all values had one (``MB``, ``KiB``,
    ``ms``, ``W``), and ``factor`` its size in the base unit (1e6, 1024, 1e-3); with a base of ``""`` the factor is 1.
    ``rate`` is true of a speed: the unit per second.
    """

    base: Base = ""
    written: str = ""
    factor: float = 1.0
    rate: bool = False


PLAIN = Measure()
"""Of a plain number."""
