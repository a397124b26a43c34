"""The value types of a comparison. Frozen; ``aging compare --json`` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SCHEMA = 1
"""The format of ``aging compare --json`` that this release writes."""

Statistic = Literal[
    "per_hour", "per_request", "per_token", "p50", "p95", "p99", "share", "per_second", "at_end", "at_peak"
]
"""What of an indicator is compared.

``per_hour``, ``per_request`` and ``per_token`` are rates of growth. ``p50``, ``p95`` and ``p99`` are quantiles over the
requests of the window, ``share`` the part of them that failed, ``per_second`` a throughput. ``at_end`` is the level of
the last twentieth of the window, ``at_peak`` the greatest sample in it.
"""

RATES: tuple[Statistic, ...] = ("per_hour", "per_request", "per_token")

DifferenceVerdict = Literal["faster", "slower", "higher", "lower", "no difference shown", "not judged"]
"""Of rates of growth ``faster`` or ``slower``, of all else ``higher`` or ``lower``, than the baseline.

``not judged``: there is no interval, as of a level that was measured once on a side.
"""

Allowance = Literal["load", "duration", "grid", "host"]
"""A class of mismatches that a comparison can be made in spite of, with a warning."""

ALLOWANCES: tuple[Allowance, ...] = ("load", "duration", "grid", "host")

Family = Literal["server", "requests", "engine"]
"""Differences that are controlled together: memory and processes, what clients see, the engine's own metrics."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One side of a comparison: a result directory, or one deployment of the only one.

    ``label`` is short and unique. ``started`` is UTC; ``phase`` is that of the campaign, ``running`` while it runs.
    """

    label: str
    directory: str
    campaign: str
    started: str
    phase: str
    aging_version: str | None
    host: str


@dataclass(frozen=True, slots=True)
class ManifestDifference:
    """One key of the manifests that differs, with its value on each side, in the order of the measurements."""

    key: str
    values: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Match:
    """A deployment and the baseline that it is compared with.

    ``measurement`` is the place of the deployment's side. From ``begin_seconds`` to ``end_seconds`` of load both are
    judged; ``runs`` are the replicas of the baseline and of the deployment that are. ``paired``: both ran side by side
    in one campaign, and rates are those of the series of their differences.
    """

    baseline: str
    deployment: str
    measurement: int
    begin_seconds: float
    end_seconds: float
    runs: tuple[int, int]
    paired: bool


@dataclass(frozen=True, slots=True)
class Estimated:
    """An estimate with its 95 % limits, in the indicator's unit (per hour, request, token or second); None: not known.

    ``growth`` is the verdict of the findings on the series, where a rate is compared.
    """

    value: float
    low: float | None
    high: float | None
    growth: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One quantity of a deployment less that of its baseline, with 95 % limits; ``match`` is a place in ``matches``.

    ``relative`` is the difference as a part of the baseline's value, None where that is 0. ``q`` is ``p`` under the
    false-discovery control of the whole comparison. ``worse`` says whether a difference that was shown is one for the
    worse. ``smallest`` is the least difference that would have been called one with 80 % probability; ``relevant`` the
    least that is called one at all.
    """

    match: int
    family: Family
    indicator: str
    statistic: Statistic
    baseline: Estimated
    other: Estimated
    value: float
    low: float | None
    high: float | None
    relative: float | None
    p: float | None
    q: float | None
    verdict: DifferenceVerdict
    worse: bool | None
    smallest: float | None
    relevant: float

    @property
    def shown(self) -> bool:
        """Whether a difference was shown."""
        return self.verdict not in ("no difference shown", "not judged")


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reader must know of a comparison: a stable code, and a sentence. ``warning``: it weakens the result."""

    code: str
    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences against the first of the ``measurements``, the baseline.

    ``fdr`` is the level of false-discovery control. ``what_differs`` lists the manifests' differences that are the
    question (versions, settings) or were allowed.
    """

    schema: int
    fdr: float
    measurements: Sequence[Measurement]
    matches: Sequence[Match]
    what_differs: Sequence[ManifestDifference]
    differences: Sequence[Difference]
    remarks: Sequence[Remark]

    @property
    def shown(self) -> Sequence[Difference]:
        """The differences that were shown."""
        return [one for one in self.differences if one.shown]

    def of(self, match: int, indicator: str, statistic: Statistic) -> Difference | None:
        """The difference of one quantity; None where it was not compared."""
        wanted = (match, indicator, statistic)
        return next((one for one in self.differences if (one.match, one.indicator, one.statistic) == wanted), None)
