"""Columns that hold the limit of another: ``memory_limit`` beside ``memory_usage``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aging.tables.names import words
from aging.tables.series import LeftOut, TableReading, TableSeries

_LIMIT = frozenset(("limit", "limits", "max", "maximum", "capacity", "quota", "ceiling", "hardlimit", "softlimit"))
_LEFT = frozenset(("free", "available", "avail", "remaining", "left", "headroom", "idle"))
_TAKEN = frozenset(("used", "usage", "use", "current"))
_NO_SUBJECT = frozenset(
    (
        *(
            "limit",
            "limits",
            "max",
            "maximum",
            "capacity",
            "quota",
            "ceiling",
            "hard",
            "soft",
            "hardlimit",
            "softlimit",
        ),
        *("bytes", "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "percent", "pct", "seconds", "s", "ms"),
        *(
            "total",
            "spec",
            "container",
            "process",
            "pod",
            "resource",
            "resources",
            "value",
            "of",
            "in",
            "num",
            "number",
        ),
    )
)
_MEMORY = frozenset(("mem", "memory", "rss", "res", "resident", "usage", "used", "pss", "uss", "workingset", "ram"))
_FILES = frozenset(("fd", "fds", "files", "file", "descriptors", "nofile", "handles"))
_ROUNDING = 1.005


def with_limits(reading: TableReading) -> TableReading:
    """The reading with such columns as the limits of the series beside them.

    A constant column that is called a limit, beside others of its labels, is none to judge. It is the limit of the only
    series that has its unit and what it is a limit of in its name, and stays below; of none where several have.
    """
    limits = [at for at, one in enumerate(reading.series) if _is_limit(one)]
    found: dict[int, TableSeries] = {at: one for at, one in enumerate(reading.series) if at not in limits}
    left_out = {one.column: one for one in reading.left_out}
    for at in limits:
        one = reading.series[at]
        beside = [other for other in found if found[other].labels == one.labels and other not in limits]
        if not beside:
            found[at] = one
            continue
        fits = [other for other in beside if _fits(one, found[other])]
        reason = _UNCLEAR
        if len(fits) == 1:
            limited = found[fits[0]]
            reason = f"is the limit of {limited.column}"
            found[fits[0]] = replace(limited, limit=float(one.y[0]) if limited.limit is None else limited.limit)
        example = f"{one.y[0] / one.measure.factor:.15g} {one.measure.written}".strip()
        left_out.setdefault(one.column, LeftOut(one.column, example, reason))
    return replace(reading, series=tuple(found[at] for at in sorted(found)), left_out=tuple(left_out.values()))


_UNCLEAR = "is a limit by its name, and does not change; give it to the column that it limits with --limit"


def _is_limit(one: TableSeries) -> bool:
    named = set(words(one.column))
    constant = one.y.size > 1 and float(one.y[0]) > 0 and bool(np.all(one.y == one.y[0]))
    limits = bool(_LIMIT & named) and not (_LEFT | _TAKEN) & named
    return constant and limits and not one.counter and one.limit is None


def _fits(limit: TableSeries, one: TableSeries) -> bool:
    named = set(words(one.column))
    if one.counter or not one.y.size or one.measure.base != limit.measure.base or _LEFT & named:
        return False
    below = float(np.max(one.y)) <= _ROUNDING * float(limit.y[0])
    return below and _same(set(words(limit.column)) - _NO_SUBJECT, named, limit)


def _same(subject: set[str], named: set[str], limit: TableSeries) -> bool:
    """Whether the words of a name are those of what is limited; a limit in bytes alone is one of memory."""
    if not subject:
        return limit.measure.base != "B" or bool(_MEMORY & named)
    return any(subject & kind and named & kind for kind in (_MEMORY, _FILES)) or subject <= named
