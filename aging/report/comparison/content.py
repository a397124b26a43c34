"""The tables of a comparison, for the terminal, papers and tickets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aging.core import format
from aging.core.format import NONE
from aging.findings.comparison.types import Comparison, Difference
from aging.report.comparison import wording
from aging.report.tables.content import Column, Table

COLUMNS = (
    Column("Indicator", "name"),
    Column("Quantity", "text"),
    Column("Baseline", "number"),
    Column("Other", "number"),
    Column("Difference", "number"),
    Column("95 % interval", "number"),
    Column("q", "number"),
    Column("Verdict", "text"),
    Column("Smallest detectable", "number"),
)


def tables(found: Comparison, *, every: bool = False) -> Sequence[Table]:
    """What differs, and a table of differences for each match; of ``every`` quantity, or of the key ones and of those
    that differ.
    """
    return [*_what_differs(found), *_differences(found, every=every), *_remarks(found)]


def rows(found: Comparison, place: int, *, every: bool) -> Sequence[Difference]:
    """The differences of a match that are listed."""
    if every:
        return [one for one in found.differences if one.match == place]
    return wording.key_differences(found, place)


def cells(one: Difference) -> Sequence[str]:
    """The cells of :data:`COLUMNS`."""
    return (
        one.indicator,
        wording.STATISTICS[one.statistic],
        wording.value(one, one.baseline),
        wording.value(one, one.other),
        wording.change(one),
        wording.limits(one),
        format.probability(one.q),
        one.verdict,
        wording.smallest(one),
    )


def _what_differs(found: Comparison) -> Iterator[Table]:
    if found.what_differs:
        columns = [Column("Key", "name"), *(Column(one.label, "text") for one in found.measurements)]
        listed = [(one.key, *(NONE if value is None else value for value in one.values)) for one in found.what_differs]
        yield Table("what-differs", "What differs", columns, listed)


def _differences(found: Comparison, *, every: bool) -> Iterator[Table]:
    for place, match in enumerate(found.matches):
        title = f"{wording.against(found, match)} ({wording.judged(match)})"
        listed = [cells(one) for one in rows(found, place, every=every)]
        yield Table(f"differences-{place + 1}", title, COLUMNS, listed)


def _remarks(found: Comparison) -> Iterator[Table]:
    if found.remarks:
        columns = (Column("Remark", "text"), Column("Code", "name"))
        yield Table("remarks", "Remarks", columns, [(one.text, one.code) for one in found.remarks])
