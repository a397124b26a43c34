"""The series of a table: what is judged, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aging.core.measure import PLAIN, Measure
from aging.stats.note import Note

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axis:
    """What a series is measured along: seconds, or a ``count`` of something (``req``), whose name it then is."""

    count: str | None = None


CLOCK = Axis()


@dataclass(frozen=True, slots=True)
class TableSeries:
    """One column of one subject: ``t`` (shape n), ``y`` (shape n) in the base unit of ``measure``, and notes.

    ``t`` are seconds since the start of load, or a count along ``axis``. ``origin_assumed``: the first sample was taken
    for the start of load. ``start`` is the epoch time in seconds of ``t`` = 0, where it is known. ``labels`` tell the
    series from others of the same column (``pod``: ``vllm-1``). ``counter`` is a cumulative count, whose rate matters.
    ``limit`` is where the source says that it ends. ``work`` are the cumulative counts beside it, by ``requests`` and
    ``tokens``, each of shape (n,). ``restarts`` are the values of ``t`` from which on another process was measured (by
    its id, start time or uptime, or a counter beside the series that fell); None where the source does not show them.
    ``origin`` is ``t`` = 0 on the axis of the file.
    """

    column: str
    t: Floats
    y: Floats
    notes: tuple[Note, ...] = ()
    origin_assumed: bool = True
    work: Mapping[str, Floats] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    measure: Measure = PLAIN
    axis: Axis = CLOCK
    counter: bool = False
    start: float | None = None
    limit: float | None = None
    origin: float = 0.0
    restarts: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        """The column with its labels: ``rss_bytes[pod=vllm-1]``."""
        labels = ",".join(f"{label}={value}" for label, value in self.labels.items())
        return f"{self.column}[{labels}]" if labels else self.column


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that is not judged: one of its values, as text, and why."""

    column: str
    example: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableReading:
    """What was read from one source.

    ``format`` is the kind of the format, ``extent`` says what the times cover (``2,880 samples over 24 h, one every 30
    s``), ``notes`` are those of the whole table.
    """

    series: tuple[TableSeries, ...]
    left_out: tuple[LeftOut, ...] = ()
    format: str = ""
    extent: str = ""
    notes: tuple[Note, ...] = ()
