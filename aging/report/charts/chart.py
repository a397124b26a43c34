"""A chart over time, a forest plot and a heat map, as values: what is drawn, not how.

One value is drawn by matplotlib (SVG, PNG, PDF, an Axes of a notebook), by the script of the page (zoom, values under
the pointer), and written as CSV. Nothing here loads pandas or matplotlib: the live page uses it beside a campaign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

Role = Literal["samples", "medians", "fit", "current", "median", "p95", "p99", "attainment", "series"]
"""What a line or band shows; it decides color and weight. ``series`` is one of several of equal rank."""

SpanKind = Literal["warm-up", "rejuvenation", "fault", "gap"]
MarkKind = Literal["died", "restarted", "rejuvenated", "fault", "generation"]


@dataclass(frozen=True, slots=True)
class Line:
    """Values ``y`` at times ``t`` (seconds since the chart's origin, increasing); NaN breaks the line."""

    label: str
    role: Role
    t: Floats
    y: Floats


@dataclass(frozen=True, slots=True)
class Band:
    """The area between ``low`` and ``high`` at times ``t``: an envelope of samples, an interval, a span of quantiles.

    An envelope holds the least and the greatest sample of every place of the screen: no spike is hidden.
    """

    label: str
    role: Role
    t: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, from ``begin`` to ``end`` in seconds since the origin."""

    kind: SpanKind
    begin: float
    end: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """An event ``at`` seconds since the origin."""

    kind: MarkKind
    at: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line: a limit, an objective."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One plot over time.

    ``key`` is unique in a report and a file name of it (``memory-llama-r01``: lower-case letters, digits, ``.``, ``-``,
    ``_``). ``quantity`` is an indicator's name, whose ending says the unit (:func:`aging.core.format.unit_of`).
    Times count from ``origin`` (``the load began``) to ``last``; ``bottom`` and ``top`` limit the vertical axis.
    Charts of equal ``clock`` share their time axis: zooming one zooms all. ``label`` is for screen readers.
    """

    key: str
    title: str
    label: str
    quantity: str
    origin: str
    last: float
    bottom: float
    top: float
    lines: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    spans: Sequence[Span] = ()
    marks: Sequence[Mark] = ()
    levels: Sequence[Level] = ()
    logarithmic: bool = False
    clock: str = "load"
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A row of a forest plot: an estimate with its 95 % interval; None: not known.

    ``weight`` is its share of the pooled estimate, 0 to 1; ``pooled`` rows are drawn as diamonds.
    """

    label: str
    value: float | None
    low: float | None
    high: float | None
    weight: float | None = None
    pooled: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Forest:
    """A forest plot: estimates of one ``quantity``, one row each.

    Rates are ``per`` hour, request or token; of levels ``per`` is empty.
    """

    key: str
    title: str
    label: str
    quantity: str
    per: str
    rows: Sequence[Estimate]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a heat map: its verdict or tone, and what it says. ``strength`` from 0 to 1 shades it."""

    tone: Literal["good", "bad", "warn", "mute", "none"]
    text: str
    strength: float = 1.0
    title: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Rows by columns of cells, with a name each."""

    key: str
    title: str
    label: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[Cell]]


Figure = Chart | Forest | HeatMap
