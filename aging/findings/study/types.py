"""The value types of a study's findings.json. Frozen. Rates are in the indicator's unit per hour, intervals of 95 %."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from aging.findings.types import Verdict
from aging.stats.note import Note
from aging.study.fleet import AttemptState

SCHEMA = 1
"""The format of a study's findings.json that this release writes and reads."""


@dataclass(frozen=True, slots=True)
class CellEstimate:
    """What one cell says of an indicator, from the findings of its campaign.

    ``p`` is that of the campaign's trend test. ``weight`` is the cell's share of the variant's rate, None where the
    cell is not in it, for a reason that ``reason`` gives with its code: ``cell_broken`` or ``no_rate``.
    """

    cell: str
    replicate: int
    host: str
    attempt: int
    verdict: Verdict
    per_hour: float | None
    ci_per_hour: tuple[float, float] | None
    p: float | None
    weight: float | None = None
    reason: str | None = None


RateName = Literal["per_request", "per_token", "current_per_hour", "current_per_request", "current_per_token"]
"""Rates of a campaign's finding beside the slope per hour: its slope by the work done, and its current rate."""


@dataclass(frozen=True, slots=True)
class CellRate:
    """A rate of one cell, with its interval and its share of the variant's."""

    cell: str
    host: str
    estimate: float
    ci: tuple[float, float]
    weight: float


@dataclass(frozen=True, slots=True)
class StudyRate:
    """Another rate of a finding than the slope per hour, over its hosts; it is estimated as that is, and not tested.

    ``rate``: ``per_request`` and ``per_token`` are the slope by the work done, ``current_per_hour`` is the rate after
    the warm-up, and ``current_per_request`` or ``current_per_token`` the same by what the growth follows in every
    cell. The unit is the indicator's per hour, request or token. The other keys are those of :class:`StudyFinding`;
    ``ci`` and ``new_host`` of a rate after the warm-up are no closer than the weighted mean of the cells' own limits,
    which allow for what is left of a warm-up.
    """

    rate: RateName
    used: int
    hosts: int
    estimate: float
    ci: tuple[float, float]
    new_host: tuple[float, float] | None
    host_sd: float | None
    host_sd_ci: tuple[float, float | None] | None
    cell_sd: float | None
    heterogeneity: float | None
    hosts_alike_p: float | None
    by_cell: Sequence[CellRate]


@dataclass(frozen=True, slots=True)
class StudyFinding:
    """One indicator of one deployment of one variant, over its hosts.

    ``planned`` cells, of which ``used`` are in the rate, from ``hosts`` hosts. ``per_hour`` is the mean over hosts,
    each host a random deviation from it; ``new_host_per_hour`` is the interval in which one more host's rate lies with
    95 % probability. ``host_sd`` is the standard deviation between hosts, ``host_sd_ci`` its interval, None where
    hosts differ less than their own errors allow (``hosts_too_alike``), ``heterogeneity`` its I² in percent and
    ``hosts_alike_p`` the p of "the hosts do not differ". ``cell_sd`` is the one between cells of one host, None where
    no host ran two. ``p`` combines the cells' tests, ``q`` is p after false-discovery control over the study.
    ``minimum_detectable_per_hour`` is the growth that half of the cells would have found with 80 % probability.
    ``rates`` are the same per request and token, and after the warm-up, where the cells' findings have them.
    ``note_codes`` holds one code for each of ``notes``. What is not known is None.
    """

    variant: str
    deployment: str
    indicator: str
    planned: int
    used: int
    hosts: int
    verdict: Verdict
    per_hour: float | None
    ci_per_hour: tuple[float, float] | None
    p: float | None
    q: float | None
    new_host_per_hour: tuple[float, float] | None
    host_sd: float | None
    host_sd_ci: tuple[float, float | None] | None
    cell_sd: float | None
    heterogeneity: float | None
    hosts_alike_p: float | None
    by_cell: Sequence[CellEstimate]
    notes: Sequence[str] = ()
    note_codes: Sequence[str] = ()
    minimum_detectable_per_hour: float | None = None
    rates: Sequence[StudyRate] = ()

    def noted(self) -> tuple[Note, ...]:
        """Its notes, each with its code."""
        return tuple(Note(code, text) for code, text in zip_longest(self.note_codes, self.notes, fillvalue=""))

    def rate(self, name: RateName) -> StudyRate | None:
        """One of its other rates; None where the cells do not have it."""
        return next((one for one in self.rates if one.rate == name), None)


@dataclass(frozen=True, slots=True)
class HostEffect:
    """How far one host's rates of a deployment's indicator lie from the variants' means, in its ``cells`` cells.

    ``effect_per_hour`` is the best prediction of its deviation (shrunk to 0 as far as the data are unsure).
    ``deviation_per_hour`` is how far it lies from the means of the *other* hosts, with ``residual`` the same as a
    multiple of its standard error, ``p`` and, after false-discovery control, ``q``; None with fewer than three hosts.
    ``outlier``: q is at most the study's level.
    """

    host: str
    deployment: str
    indicator: str
    cells: int
    effect_per_hour: float
    ci_per_hour: tuple[float, float]
    deviation_per_hour: float | None
    residual: float | None
    p: float | None
    q: float | None
    outlier: bool


@dataclass(frozen=True, slots=True)
class FactValue:
    """A fact's value (None: the host has none) and the hosts that have it."""

    value: str | None
    hosts: Sequence[str]


@dataclass(frozen=True, slots=True)
class DifferingFact:
    """A fact in which the measured hosts differ, the value of most hosts first.

    ``fact`` is ``driver``, ``cuda``, ``gpu``, ``gpu clock``, ``gpu memory clock``, ``cpu``, ``cores``, ``memory``,
    ``kernel``, ``libc``, ``python``, ``aging`` or ``package NAME``.
    """

    fact: str
    values: Sequence[FactValue]


@dataclass(frozen=True, slots=True)
class RateDifference:
    """How another rate than the slope per hour changes from one level to another; as :class:`VariantDifference`.

    ``q`` is p after false-discovery control over the study's comparisons of this rate. Rates after the warm-up are not
    tested: their p and q are None, and their limits are no closer than those of both means.
    """

    rate: RateName
    estimate: float
    ci: tuple[float | None, float | None] | None
    p: float | None
    q: float | None
    paired_hosts: int
    note_codes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class VariantDifference:
    """How the rate changes from one level of ``key`` to another, all other levels equal.

    ``other`` less ``baseline``, whose level is the first of its key. ``paired_hosts`` is the number of hosts that ran
    both, whose own differences were averaged; 0 where the two were compared as independent. ``q`` is p after
    false-discovery control over the study's comparisons. Note codes: ``host_confounded`` (one ran on a single host, the
    other elsewhere: the difference may be the host's, and has neither interval nor p), ``one_host`` (both ran on one
    host alone, for which the difference holds), ``hosts_partly_shared`` (paired over the hosts that ran both, where
    these are three or more; else compared as independent, which is cautious). ``rates`` are the same of the other rates
    that cells of both have.
    """

    key: str
    baseline_level: Any
    other_level: Any
    baseline: str
    other: str
    deployment: str
    indicator: str
    per_hour: float
    ci_per_hour: tuple[float | None, float | None] | None
    p: float | None
    q: float | None
    paired_hosts: int
    note_codes: Sequence[str] = ()
    rates: Sequence[RateDifference] = ()


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """An attempt that does not count: where it ran, how it ended, and what of it is kept as evidence.

    ``evidence`` is its folder relative to the study's, None where nothing was collected; ``files`` and ``size`` (bytes)
    are what was. Its measurements are in no finding.
    """

    cell: str
    number: int
    host: str
    state: AttemptState
    why: str | None
    lost: bool
    evidence: str | None
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """Whether a cell has a result, and of which attempt. All cells of the plan are listed.

    ``status``: ``counted``, ``running``, ``waiting`` (no attempt yet), ``given_up``, ``no_findings`` (completed, but
    its findings cannot be read) or ``unfinished`` (its last attempt ended without a result). ``why`` in a sentence,
    None where it is counted; ``directory`` is relative to the study's folder.
    """

    cell: str
    variant: str
    replicate: int
    levels: Mapping[str, Any]
    status: str
    host: str | None
    attempt: int | None
    attempts: int
    directory: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class StudyProblem:
    """A fault of the measurement. ``kind`` is a code; that of a cell's campaign is the kind in its own findings."""

    kind: str
    message: str
    cell: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class StudyFindings:
    """The whole of a study's ``findings.json``; see ``docs/findings.md`` for the contract.

    ``level`` is that of false-discovery control. ``complete``: every cell is counted.
    """

    schema: int
    study: str
    started: str
    level: float
    complete: bool
    findings: Sequence[StudyFinding]
    hosts: Sequence[HostEffect]
    differing: Sequence[DifferingFact]
    differences: Sequence[VariantDifference]
    cells: Sequence[CellOutcome]
    not_counted: Sequence[AttemptOutcome]
    problems: Sequence[StudyProblem]
    aging_version: str | None = None

    @property
    def missing(self) -> list[CellOutcome]:
        """The cells without a result."""
        return [cell for cell in self.cells if cell.status != "counted"]

    @property
    def outliers(self) -> list[HostEffect]:
        """The hosts whose rate is another than that of the others, once an indicator."""
        return [host for host in self.hosts if host.outlier]

    def lone_facts(self, host: str) -> list[str]:
        """The facts in which a host differs from all others."""
        return [one.fact for one in self.differing if any(list(value.hosts) == [host] for value in one.values)]
