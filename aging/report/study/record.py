"""What the page and the tables of a study are made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from aging.findings.study.types import StudyFindings
from aging.report.study.accounting import Accounting, accounting
from aging.study.events import HostLost, HostReturned, StudyEvent
from aging.study.layout import StudyLayout
from aging.study.plan_file import StudyPlan
from aging.study.state import StudyState


@dataclass(frozen=True)
class StudyRecord:
    """A study's folder with its findings, as of ``now`` (epoch seconds). ``runner`` is the process that runs it."""

    root: Path
    plan: StudyPlan
    state: StudyState
    events: Sequence[StudyEvent]
    findings: StudyFindings
    now: float
    runner: int | None = None

    @property
    def layout(self) -> StudyLayout:
        return StudyLayout(self.root)

    @cached_property
    def account(self) -> Accounting:
        unread = {one.cell: one.why or "" for one in self.findings.missing if one.status == "no_findings"}
        return accounting(
            self.plan.file.name,
            self.plan.cells,
            self.state,
            self.now,
            self.runner,
            dated=True,
            unread=unread,
            hosts=self.plan.file.hosts,
        )

    @cached_property
    def absences(self) -> Sequence[Absence]:
        until = self.now if self.state.ended is None else self.state.ended
        return list(absences(self.events, until))


@dataclass(frozen=True, slots=True)
class Absence:
    """A host that was not in the cluster, ``begin`` to ``end`` in epoch seconds; ``returned``: it was seen again."""

    host: str
    begin: float
    end: float
    returned: bool


def absences(events: Iterable[StudyEvent], until: float) -> Iterator[Absence]:
    """Every time that a host was lost, in the order of their ends; those that go on end ``until``."""
    gone: dict[str, float] = {}
    for event in events:
        if isinstance(event, HostLost):
            gone.setdefault(event.host, event.wall)
        elif isinstance(event, HostReturned) and event.host in gone:
            yield Absence(event.host, gone.pop(event.host), event.wall, returned=True)
    for host, begin in gone.items():
        yield Absence(host, begin, max(until, begin), returned=False)
