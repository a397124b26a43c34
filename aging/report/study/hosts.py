"""The hosts of a study: what is the same on all of them, and what is not, with the values of the few marked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from aging.core import format
from aging.core.format import NONE, byte_size
from aging.findings.study.facts import differing, facts_of
from aging.findings.study.types import DifferingFact
from aging.report.study.record import StudyRecord
from aging.study.state import HostState

_MOST_ROWS = 200
_CLOCK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class HostCell:
    """A fact of one host; ``differs`` from that of most hosts."""

    text: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host: the cells of which it has the result, its facts in the order of the columns, and its state in words."""

    name: str
    outlier: bool
    counted: int
    facts: Sequence[HostCell]
    clock: HostCell
    free: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class HostTable:
    """``same`` are the facts that all hosts share; ``columns`` those that differ. ``left_out`` hosts have no row."""

    same: Sequence[tuple[str, str]]
    columns: Sequence[str]
    rows: Sequence[HostRow]
    left_out: int


def host_table(record: StudyRecord) -> HostTable:
    """Outliers first, then hosts of which something differs, then the others."""
    hosts = record.account.hosts
    known = [one.facts for one in hosts if one.facts is not None]
    apart = differing(known)
    columns = [one.fact for one in apart]
    same = (
        []
        if not known
        else [
            (name, value)
            for name, value in facts_of(known[0]).items()
            if name not in columns and value is not None and not name.startswith("package ")
        ]
    )
    outliers = {one.host for one in record.findings.outliers}
    counted = [row.host for row in record.account.rows if row.status == "counted"]
    rows = [_row(host, apart, outliers, counted.count(host.name)) for host in hosts]
    rows.sort(key=lambda row: (not row.outlier, not any(cell.differs for cell in row.facts)))
    return HostTable(same, columns, rows[:_MOST_ROWS], max(len(rows) - _MOST_ROWS, 0))


def _row(host: HostState, apart: Sequence[DifferingFact], outliers: Collection[str], counted: int) -> HostRow:
    facts = host.facts
    state, tone = _state(host)
    offset = None if facts is None else facts.clock_offset
    return HostRow(
        name=host.name,
        outlier=host.name in outliers,
        counted=counted,
        facts=[HostCell(NONE) if facts is None else _fact(one, host.name) for one in apart],
        clock=HostCell(NONE if offset is None else f"{offset:+.3f} s", abs(offset or 0.0) > _CLOCK_SECONDS),
        free=format.NONE if facts is None else byte_size(facts.free),
        state=state,
        tone=tone,
    )


def _fact(one: DifferingFact, host: str) -> HostCell:
    """Where no value is that of most hosts, every value is marked."""
    total = sum(len(value.hosts) for value in one.values)
    own = next((value for value in one.values if host in value.hosts), None)
    if own is None:
        return HostCell(NONE)
    return HostCell(own.value or "none", 2 * len(own.hosts) <= total)


def _state(host: HostState) -> tuple[str, str]:
    if host.lost is not None:
        return f"lost since {format.utc(host.lost):%Y-%m-%d %H:%M} UTC", "bad"
    if host.refused is not None:
        return f"refused: {host.refused}", "warn"
    return "present", "good"
