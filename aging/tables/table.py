"""The values between a format and the series that are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from aging.core.measure import Measure
from aging.stats.note import Note

Column = NDArray[Any]
"""Numbers, truth values or instants (datetime64); or objects, mostly text, None for a missing value."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length by name, in the order of the file; what a format knows of them beside their values.

    ``time`` is the column of times (None: to be found by its name and values), ``every`` the seconds between rows of a
    table without times. ``labels`` are the columns whose values tell series apart (a process id, a pod, a GPU).
    ``measures`` are the units of columns of plain numbers; a cell with a unit of its own needs none. ``counters`` are
    cumulative counts, ``identifiers`` numbers that measure nothing (an index, a process id, a port). ``limits`` are in
    the base unit of their column. ``decimal`` is the decimal mark that the file suggests, where it does. ``fractions``
    are columns whose source says that 1 is 100 %, ``decimal_units`` those whose ``kB`` is 1000 bytes.
    """

    columns: Mapping[str, Column]
    time: str | None = None
    every: float | None = None
    labels: tuple[str, ...] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    counters: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    limits: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    decimal: str = ""
    fractions: frozenset[str] = frozenset()
    decimal_units: frozenset[str] = frozenset()
