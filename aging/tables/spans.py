"""The rows of one subject along the axis, and the series of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aging.core.errors import Mistake, MistakesError, require
from aging.stats.note import Note
from aging.tables.axis import Found
from aging.tables.cells import Cells
from aging.tables.choice import Choice
from aging.tables.columns import bare_names, by_metric, counts_up
from aging.tables.labels import WHOLE, Group
from aging.tables.restarts import restarts_of
from aging.tables.series import Floats, TableSeries
from aging.tables.stamps import stamp_of
from aging.tables.table import Table
from aging.tables.times import Times, instant_of, seconds_of
from aging.tables.work import along, counts_of, first_of


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of one subject along the axis.

    ``t`` and ``finite`` (where there is a time) have shape (n,); ``order`` sorts times that are not. ``origin`` was
    subtracted; ``start`` is the same where it counts from the epoch. ``counts`` are those of work.
    """

    group: Group
    t: Floats
    finite: NDArray[np.bool_]
    order: NDArray[np.int64] | None
    start: float | None
    notes: tuple[Note, ...]
    counts: Mapping[str, Mapping[str, Floats]]
    origin: float = 0.0
    restarts: tuple[float, ...] | None = None


def span_of(group: Group, found: Found, load_start: str | None, source: str, values: Mapping[str, Floats]) -> Span:
    """The rows of a subject, with times from the start of load. Raises MistakesError for a start that is no time."""
    times = require(found.times, "the times")
    seconds, notes = times.in_order(group.rows)
    finite = np.isfinite(seconds)
    order = None
    if not np.all(seconds[1:] >= seconds[:-1]):  # also where a time is missing
        known = np.flatnonzero(finite)
        if np.any(np.diff(seconds[known]) < 0):
            order = known[np.argsort(seconds[known], kind="stable")]
    origin = float(seconds[finite].min()) if finite.any() else 0.0
    if load_start is not None:
        origin = _start(load_start, times, seconds[finite], source)
    start = origin if times.epoch else None
    return Span(group, seconds - origin, finite, order, start, notes, counts_of(values, group.rows), origin)


def with_restarts(span: Span, table: Table, values: Mapping[str, Floats], others: Sequence[str]) -> Span:
    """The span with what the columns show of restarts; ``others`` are labels and times."""
    rows, labels = span.group.rows, span.group.labels
    beside = bare_names(table)
    counters = {
        name: each for name, each in values.items() if counts_up(name, labels, each[rows], table.counters, beside)
    }
    return replace(span, restarts=restarts_of(table.columns, counters, rows, span.t, others))


def _start(text: str, times: Times, seconds: Floats, source: str) -> float:
    """The start of load on the axis. Raises MistakesError."""
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return float(seconds_of(np.array([number]))[0][0]) if times.epoch else number
    instant = instant_of(text)
    stamp = stamp_of(text)
    if instant is None and stamp is None:
        what = f"{text!r} is neither a number of seconds nor an ISO 8601 time"
        raise MistakesError(source, [Mistake("--load-start", what)])
    if times.kind == "clock" and stamp is not None and stamp.day is None:
        first = float(seconds[0]) if seconds.size else 0.0
        return stamp.seconds if stamp.seconds <= first % 86400 or stamp.seconds >= first else stamp.seconds + 86400.0
    if not times.epoch or instant is None:
        what = f"{text!r} is a date, but the file's times count from the start of recording: give seconds"
        raise MistakesError(source, [Mistake("--load-start", what)])
    if times.timezone is not None and "+" not in text and not text.endswith("Z"):
        return float(_local(instant, times)[0])
    return instant


def _local(instant: float, times: Times) -> Floats:
    return Times(np.array([instant]), "local", timezone=times.timezone).in_order(WHOLE)[0]


def series_in_span(  # noqa: PLR0913, PLR0917
    name: str, cells: Cells, span: Span, found: Found, table: Table, choice: Choice, beside: frozenset[str]
) -> TableSeries | None:
    """One column of one subject; None where another subject alone has this column."""
    rows, labels = span.group.rows, span.group.labels
    limit = table.limits.get(name, cells.limit_of(rows))
    of_metric = by_metric(name, labels, Cells(cells.values[rows], cells.measure, limit))
    t, y, measure = span.t, of_metric.values, of_metric.measure
    work = first_of(span.counts, name)
    kept = span.finite & np.isfinite(y)
    lost = int(kept.size - np.count_nonzero(kept))
    if lost == kept.size and not isinstance(rows, slice):
        return None
    notes = [*span.notes, *of_metric.notes]
    if lost:
        notes.append(Note("rows_not_finite", f"{lost} of {y.size} rows without a finite time and value are left out."))
    if choice.load_start is not None and (before := int(np.count_nonzero(kept & (span.t < 0)))):
        notes.append(Note("rows_before_load", f"{before} rows before the start of load are left out."))
        kept &= span.t >= 0
    if span.order is not None:
        notes.append(Note("unsorted", "The times were not in order; the series was sorted."))
        chosen: NDArray[Any] | None = span.order[kept[span.order]]
    else:
        chosen = None if kept.all() else kept
    if chosen is not None:
        t, y, work = t[chosen], y[chosen], {kind: counted[chosen] for kind, counted in work.items()}
    return TableSeries(
        column=name,
        t=t,
        y=y,
        notes=tuple(notes),
        origin_assumed=choice.load_start is None,
        work=work,
        labels=labels,
        measure=measure,
        axis=found.axis,
        counter=counts_up(name, labels, y, table.counters, beside),
        start=span.start,
        limit=of_metric.limit,
        origin=span.origin,
        restarts=span.restarts,
    )


def along_count(one: TableSeries, count: str, spans: Sequence[Span], values: Mapping[str, Floats]) -> TableSeries:
    """The series along a cumulative count of its rows."""
    span = next(span for span in spans if dict(span.group.labels) == dict(one.labels))
    counted = values[count][span.group.rows]
    known = span.finite & np.isfinite(counted)
    order = np.argsort(span.t[known], kind="stable")
    return along(one, np.interp(one.t, span.t[known][order], counted[known][order]), count)
