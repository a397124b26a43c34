"""What a scan finds out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aging.core.measure import Measure
from aging.findings.fleet.fetch import Failure
from aging.findings.types import Outlook, Verdict
from aging.stats.note import Note

SCHEMA = 1
"""The format of ``aging scan --json``."""

AGES: frozenset[Verdict] = frozenset(("aging", "exhausted"))
"""Verdicts that fail a scan."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A few values of a series for a plot: ``t`` in epoch seconds, ``y`` in the base unit, and where it began anew.

    A gap is NaN in ``y``.
    """

    t: Sequence[float]
    y: Sequence[float]
    restarts: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """One metric of one subject.

    ``subject`` is its name for people, ``labels`` those that stay over restarts, ``latest`` those of its last
    generation. ``rate`` with ``low`` and ``high`` (95 %) is in the base unit of ``measure`` per hour, within
    generations; ``least_detectable`` the smallest that would have been found. ``p`` is one-sided, towards worse, ``q``
    the same after false-discovery control. ``level`` is its last value. ``limit`` with its name is where it ends,
    ``outlook`` when that is, and whether within the horizon.
    ``restarts`` are the epoch seconds at which it was seen to begin anew; ``restart_hours`` their usual distance.
    """

    subject: str
    family: str
    labels: Mapping[str, str]
    latest: Mapping[str, str]
    metric: str
    resource: str
    measure: Measure
    worse: str
    verdict: Verdict
    shape: str | None
    rate: float | None
    low: float | None
    high: float | None
    least_detectable: float | None
    p: float | None
    q: float | None
    samples: int
    first: float
    last: float
    level: float
    limit: float | None
    limit_name: str | None
    outlook: Outlook | None
    restarts: Sequence[float]
    restart_hours: float | None
    trace: Trace
    notes: Sequence[Note] = ()

    @property
    def ages(self) -> bool:
        return self.verdict in AGES


@dataclass(frozen=True, slots=True)
class Scan:
    """The answer of a scan: findings in the order in which they should be looked at, and queries that failed.

    ``asked_seconds`` is how far back was asked for, where no series reaches back so far.
    """

    schema: int
    server: str
    start: float
    end: float
    step: float
    level: float
    findings: Sequence[ScanFinding]
    failures: Sequence[Failure]
    asked_seconds: float | None = None

    @property
    def aging(self) -> Sequence[ScanFinding]:
        return [one for one in self.findings if one.ages]

    @property
    def subjects(self) -> int:
        return len({one.family for one in self.findings})
