"""The answer of one query to a Prometheus server, as series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from aging.core.errors import AgingError
from aging.core.format import readable_duration
from aging.core.measure import PLAIN, Base, Measure
from aging.stats.note import Note
from aging.tables.prometheus import MOST_POINTS, Prometheus, RangeSeries, Window, usual_step
from aging.tables.series import TableReading, TableSeries

_SELECTOR = re.compile(r"\s*(?:[a-zA-Z_:][a-zA-Z0-9_:]*\s*(?:\{[^}]*\})?|\{[^}]*\})\s*")
_COUNTER = re.compile(r".*_(total|sum|count|bucket)")
_UNITS: tuple[tuple[str, Base], ...] = (("_bytes", "B"), ("_seconds", "s"))


def read_query(
    server: Prometheus, query: str, seconds: float, step: float | None = None, load_start: str | None = None
) -> TableReading:
    """The last ``seconds`` of a query, each label set a series; the step follows from the range unless it is given.

    Raises :class:`~aging.tables.prometheus.PrometheusError`, and :class:`AgingError` for a query without data and a
    ``load_start`` that is no time.
    """
    plain = _SELECTOR.fullmatch(query) is not None
    every = server.scraped_every(query.strip(), datetime.now(UTC).timestamp()) if plain and step is None else None
    chosen = step or usual_step(seconds, every)
    window = Window.last(seconds, chosen)
    origin = None if load_start is None else _instant(load_start)
    found = [one for one in server.range(query, window) if np.isfinite(one.values).any()]
    if not found:
        raise AgingError(f"{server.shown}: the query {query!r} has no data in the last {readable_duration(seconds)}")
    counters = {name for name in {one.labels.get("__name__", "") for one in found} if _is_counter(server, name)}
    told_apart = {name for one in found for name in one.labels} - {"__name__"} - _shared(found)
    series = tuple(_series(one, window, told_apart, one.labels.get("__name__") in counters, origin) for one in found)
    series = tuple(one if one.column else replace(one, column=query) for one in series)
    extent = f"{window.points:,} times over {readable_duration(seconds)}, one every {chosen:g} s"
    return TableReading(series, format="prometheus", extent=extent, notes=_notes(window, step))


def _notes(window: Window, step: float | None) -> tuple[Note, ...]:
    if step is None or window.points <= MOST_POINTS:
        return ()
    pages = len(window.pages())
    return (Note("paged", f"The query was asked in {pages} pages of at most {MOST_POINTS:,} times."),)


def _shared(found: Sequence[RangeSeries]) -> set[str]:
    """The labels that are the same in all of several series."""
    if len(found) < 2:
        return set()
    return {name for name, value in found[0].labels.items() if all(one.labels.get(name) == value for one in found)}


def _series(
    answer: RangeSeries, window: Window, told_apart: set[str], counter: bool, origin: float | None
) -> TableSeries:
    known = np.isfinite(answer.values)
    times = window.times[known]
    start = float(times[0]) if origin is None else origin
    name, kept = answer.labels.get("__name__", ""), times >= start
    return TableSeries(
        column=name,
        t=(times - start)[kept],
        y=answer.values[known][kept],
        origin_assumed=origin is None,
        labels={key: value for key, value in sorted(answer.labels.items()) if key in told_apart},
        measure=_measure(name),
        counter=counter,
        start=start,
    )


def _measure(name: str) -> Measure:
    whole = name.removesuffix("_total").removesuffix("_sum")
    return next((Measure(base) for ending, base in _UNITS if whole.endswith(ending)), PLAIN)


def _is_counter(server: Prometheus, name: str) -> bool:
    """By its name, or by the type that its exporter states."""
    if not name:
        return False
    return server.types(name).get(name, "") == "counter" or (
        _COUNTER.fullmatch(name) is not None and server.types(name).get(name, "unknown") not in ("gauge", "summary")
    )


def _instant(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise AgingError(f"--load-start {text!r}: is no time; write it as in 2026-11-29T10:00:00Z") from None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
