"""The result of a gate: what `aging check` decided, by condition and deployment. Value types of findings.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

GateOutcome = Literal["passed", "failed", "inconclusive", "server-failed"]
"""``server-failed``: a server did not start, died, or answered only errors."""

Quantity = Literal["per_request", "per_hour", "growth_total"]
"""What of an indicator a condition limits: its present rate, or its growth over the window."""


@dataclass(frozen=True, slots=True)
class AllocationSite:
    """Where a server allocated memory that it still held: bytes and number of allocations, the innermost frame first.

    ``frames`` are ``file:line function``.
    """

    bytes: int
    count: int
    frames: Sequence[str]


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """One condition on one deployment; with a baseline, on the difference of the deployment and its baseline.

    ``limit``, ``estimate``, ``interval`` and ``smallest_excluded`` are in the indicator's unit per request, per hour,
    or in all (``quantity``). ``smallest_excluded`` is the smallest leak that a pass excludes: the upper bound, never
    less than what could have been detected. ``growth`` is the verdict of the series. ``reason`` says why this outcome,
    ``reason_code`` names it. ``points`` are at most 120 (minute of load, value) of the judged series.
    ``grew`` are sentences on what grew (process, mapping, allocator), ``sites`` where it was allocated.
    """

    deployment: str
    condition: str
    indicator: str
    quantity: Quantity
    limit: float
    outcome: Literal["passed", "failed", "inconclusive"]
    estimate: float | None
    interval: tuple[float, float] | None
    smallest_excluded: float | None
    growth: str
    reason: str
    reason_code: str
    n: int = 0
    points: Sequence[tuple[float, float]] = ()
    grew: Sequence[str] = ()
    sites: Sequence[AllocationSite] = ()
    longer_minutes: float | None = None
    """How much longer to measure for a decision; None where not known."""
    work_per_minute: float | None = None
    """What a minute of load is in the unit of ``limit``: requests, or hours (1/60); None of a growth in all."""
    since_minutes: float = 0.0
    """The minute of load from which on the series was judged."""


@dataclass(frozen=True, slots=True)
class ServerFailure:
    """A server that did not start, died, or answered only errors, and the tail of its log."""

    deployment: str
    code: Literal["not-started", "died", "only-errors"]
    reason: str
    log: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class BaselineUsed:
    """What a gate compared with: a deployment beside the judged one (``paired``), or a stored result."""

    kind: Literal["paired", "stored"]
    what: str
    estimate: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class GateResult:
    """The gate of a campaign. ``alpha`` and ``beta`` are the probabilities of a false red and of a false green.

    ``look`` of ``looks`` decided, after ``minutes`` of load out of ``budget_minutes``. ``doubts`` are the faults of
    the measurement that forbid a pass.
    """

    outcome: GateOutcome
    alpha: float
    beta: float
    budget_minutes: float
    minutes: float
    look: int
    looks: int
    conditions: Sequence[ConditionResult]
    server_failures: Sequence[ServerFailure] = ()
    doubts: Sequence[str] = ()
    baseline: BaselineUsed | None = None
    notes: Sequence[str] = field(default=())
    look_minutes: Sequence[float] = ()
    """The minutes of load of the looks that were made."""

    @property
    def early(self) -> bool:
        """Whether it was decided before the budget was used."""
        return self.look < self.looks
