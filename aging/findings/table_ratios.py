"""Series made of two columns: means of a sum and its count, and ratios that a user asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from aging.core.measure import Measure
from aging.stats.note import Note
from aging.tables.series import TableSeries

_LABELS = re.compile(r"\{.*\}\s*$", re.DOTALL)
_TRITON_SUM = re.compile(r"nv_inference_(request|queue|compute_input|compute_infer|compute_output)_duration_us")
_TRITON_COUNT = "nv_inference_request_success"
_FEWEST = 2


def with_means(series: Sequence[TableSeries]) -> list[TableSeries]:
    """The series, and after each sum its mean where the count is beside it.

    A sum and its count are cumulative: ``*_sum`` and ``*_count`` of Prometheus' histograms and summaries, Triton's
    ``nv_inference_*_duration_us`` and ``nv_inference_request_success``.
    """
    counters = {_key(one): one for one in series if one.counter}
    return [each for one in series for each in (one, *_mean(one, counters))]


def ratio(above: TableSeries, below: TableSeries, column: str = "") -> TableSeries:
    """``above`` divided by ``below`` at the times that both have, named ``column`` (default: A / B).

    Of two counters it is what the one rose by while the other rose by one, from each sample to the next; a fall of
    either is a restart. Raises ValueError where only one of them is a counter.
    """
    if above.counter != below.counter:
        counter, other = (above, below) if above.counter else (below, above)
        raise ValueError(f"{counter.column} is a counter and {other.column} is not; give two counters, or two others")
    _, first, second = np.intersect1d(above.t, below.t, return_indices=True)
    t, a, b = above.t[first], above.y[first], below.y[second]
    restarts = above.restarts
    if above.counter:
        fell = (np.diff(a) < 0) | (np.diff(b) < 0)
        restarts = tuple(t[1:][fell].tolist())
        a, b = np.where(fell, a[1:], np.diff(a)), np.where(fell, b[1:], np.diff(b))
        t = t[1:]
    known = b > 0 if above.counter else b != 0
    note = Note("ratio", f"This is {above.column} divided by {below.column}.")
    return replace(
        above,
        column=column or f"{above.column} / {below.column}",
        t=t[known],
        y=a[known] / b[known],
        notes=(*above.notes, note),
        work={name: np.interp(t[known], above.t, counted) for name, counted in above.work.items()},
        measure=_measure(above.measure, below.measure),
        counter=False,
        limit=None,
        restarts=restarts,
    )


def only_ratio(series: Sequence[TableSeries]) -> list[TableSeries]:
    """Of series of two columns, the first column divided by the second, for each set of labels that has both.

    Raises ValueError where there are not two columns with the same labels, or where they cannot be divided.
    """
    columns = list(dict.fromkeys(one.column for one in series))
    if len(columns) != 2:
        raise ValueError(f"two different columns are needed, not {', '.join(columns)}")
    above, below = (
        {repr(sorted(one.labels.items())): one for one in series if one.column == column} for column in columns
    )
    found = [ratio(one, below[labels]) for labels, one in above.items() if labels in below]
    if not any(one.t.size for one in found):
        raise ValueError(f"{columns[0]} and {columns[1]} have no time in common at which {columns[1]} is not 0")
    return found


def _mean(one: TableSeries, counters: Mapping[tuple[str, str, str], TableSeries]) -> Iterator[TableSeries]:
    name, text, labels = _key(one)
    if not one.counter:
        return
    if name.endswith("_sum"):
        stem = name.removesuffix("_sum")
        count, column = counters.get((f"{stem}_count", text, labels)), f"{stem} mean{text}"
    elif _TRITON_SUM.fullmatch(name):
        count, column = counters.get((_TRITON_COUNT, text, labels)), f"{name} mean{text}"
    else:
        return
    if count is not None:
        mean = ratio(one, count, column)
        if mean.t.size >= _FEWEST:
            yield mean


def _key(one: TableSeries) -> tuple[str, str, str]:
    """The column's name, its labels as text in it, and the labels of the series."""
    found = _LABELS.search(one.column)
    return _LABELS.sub("", one.column).strip(), found[0].strip() if found else "", repr(sorted(one.labels.items()))


def _measure(above: Measure, below: Measure) -> Measure:
    if above == below:
        return Measure()
    return above if below == Measure() else Measure(above.base)
