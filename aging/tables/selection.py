"""Which columns of a table are judged, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aging.core.errors import Mistake
from aging.tables.axis import example_of, mostly_rises
from aging.tables.choice import quoted
from aging.tables.columns import Numbers, identifies
from aging.tables.names import time_rank
from aging.tables.series import Floats, LeftOut
from aging.tables.spans import Span
from aging.tables.table import Table

_MOST_LISTED = 12
_FALLS_OF_TIMES = 0.05


def judged_columns(
    table: Table, values: Mapping[str, Floats], labels: Sequence[str], spans: Sequence[Span]
) -> list[str]:
    """The columns that measure something; counts of work only where there is nothing else."""
    counted = {name for span in spans for named in span.counts.values() for name in named}
    counts = {
        name
        for name in counted
        if all(
            any(name in named for named in span.counts.values()) or not _any_finite(values[name][span.group.rows])
            for span in spans
        )
    }
    measuring = [
        name
        for name, column in values.items()
        if name not in labels
        and not _is_time(name, column)
        and not identifies(name, column, table)
        and _any_finite(column)
    ]
    return [name for name in measuring if name not in counts] or measuring


def left_out_columns(
    table: Table, numbers: Numbers, labels: Sequence[str], used: Sequence[str], judged: Sequence[str]
) -> tuple[LeftOut, ...]:
    """The columns that are neither ``judged`` nor ``labels`` nor ``used`` otherwise, each with the reason."""
    result = []
    for name, column in table.columns.items():
        if name in labels or name in used or name in judged:
            continue
        if name in numbers.refused:
            reason = numbers.refused[name]
        elif not _any_finite(numbers.cells[name].values):
            reason = "holds no finite values"
        elif _is_time(name, numbers.cells[name].values):
            reason = f"is a time by its name; --column {quoted(name)} judges it all the same"
        elif identifies(name, numbers.cells[name].values, table):
            reason = f"is an identifier or a number of rows; --column {quoted(name)} judges it all the same"
        else:
            reason = f"counts the work done; --column {quoted(name)} judges it"
        result.append(LeftOut(name, example_of(np.asarray(column)), reason))
    return tuple(result)


def nothing_to_judge(left_out: Sequence[LeftOut]) -> Mistake:
    """No column measures anything: each with the reason."""
    listed = "; ".join(f"{one.column} (like {one.example}) {one.reason}" for one in left_out[:_MOST_LISTED])
    return Mistake("--column", f"no column besides the time measures anything: {listed or 'there is no other column'}")


def _is_time(name: str, values: Floats) -> bool:
    """Whether a column beside the axis is another of times; one that goes up and down is a measured duration."""
    return time_rank(name) is not None and mostly_rises(values, _FALLS_OF_TIMES)


def _any_finite(values: Floats) -> bool:
    return bool(np.isfinite(values[:100]).any() or np.isfinite(values).any())
