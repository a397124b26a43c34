"""Every kind of problem of a measurement: its title, its severity, and whether it blocks the gate.

The report's headings, the CI gate and the smoke run read this table. A problem is only made from a member of it, so
no kind can be emitted that they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from aging.findings.types import Problem

Severity = Literal["grave", "warning"]
"""``grave``: the verdicts of that deployment cannot be relied on."""


@dataclass(frozen=True, slots=True)
class Description:
    """A kind's heading and consequences.

    ``blocks_gate``: a deployment with such a problem cannot pass the gate; that no leak was found shows nothing.
    """

    title: str
    severity: Severity
    blocks_gate: bool


class ProblemKind(Enum):
    """A kind of problem: its key in ``findings.json``, title, severity, and whether it blocks the gate."""

    DIED = "died", "Died", "grave", True
    LOAD_DIED = "load_died", "Load ended early", "grave", True
    FAILING = "failing", "Many failed requests", "grave", True
    NO_REQUESTS = "no_requests", "No requests", "grave", True
    NO_SAMPLES = "no_samples", "No samples", "grave", True
    SCHEDULE = "schedule", "Wrong schedule", "grave", True

    SILENT = "silent", "No answers", "warning", True
    MUTE = "mute", "No heartbeat of the load process", "warning", True
    LOST = "lost", "Lost request records", "warning", True
    LATE = "late", "Late sends", "warning", True
    INTERRUPTED = "interrupted", "Interrupted", "warning", True
    UNFINISHED = "unfinished", "Unfinished", "warning", True
    LOOK = "look", "Early look failed", "warning", True
    SMOKE = "smoke", "Smoke run", "warning", True

    ERROR = "error", "Failed requests", "warning", False
    DROPPED = "dropped", "Dropped requests", "warning", False
    UNSENT = "unsent", "Requests not sent", "warning", False
    BEHIND = "behind", "Load client behind its schedule", "warning", False
    SATURATED = "saturated", "Load client at its limit", "warning", False
    RESTARTED = "restarted", "Server replaced", "warning", False
    REPEATED = "repeated", "Repeated runs", "warning", False
    SHORT = "short", "Load cut short", "warning", False
    RESUMED = "resumed", "Resumed", "warning", False
    HARNESS = "harness", "Fault of the harness", "warning", False
    MEMORY = "memory", "Little memory left", "warning", False
    DEVICE = "device", "Device faults", "warning", False
    SETTLING = "settling", "Not settled", "warning", False
    SUSPENDED = "suspended", "Host suspended", "warning", False
    CLOCK = "clock", "Clock changed", "warning", False
    SAMPLER = "sampler", "Sampler failed", "warning", False
    TICKS = "ticks", "Missed samples", "warning", False
    ENGINE = "engine", "Engine metric missing", "warning", False
    UNREAD = "unread", "Not readable", "warning", False
    TRIMMED = "trimmed", "Damaged file", "warning", False
    SEALING = "sealing", "Sealing failed", "warning", False
    UNJUDGED = "unjudged", "Validity not judged", "warning", False
    LOG = "log", "Log cut short", "warning", False
    REJUVENATION_LOST = "rejuvenation_lost", "Requests lost by a rejuvenation", "warning", False
    REJUVENATION_FAILED = "rejuvenation_failed", "Rejuvenation failed", "warning", False
    REJUVENATION_UNHELPFUL = "rejuvenation_unhelpful", "Rejuvenation did not help", "warning", False
    REJUVENATION_DISARMED = "rejuvenation_disarmed", "Policy disarmed", "warning", False
    REJUVENATION_BUDGET = "rejuvenation_budget", "Budget of rejuvenations spent", "warning", False

    def __init__(self, key: str, title: str, severity: Severity, blocks_gate: bool) -> None:
        self.key, self.title, self.severity, self.blocks_gate = key, title, severity, blocks_gate

    def problem(self, deployment: str | None, message: str, at_seconds: float | None = None) -> Problem:
        """A problem of this kind; ``at_seconds`` from the campaign's start."""
        return Problem(deployment, self.key, message, at_seconds)

    def of(self, problem: Problem) -> bool:
        """Whether a problem is of this kind."""
        return problem.kind == self.key


KINDS: Mapping[str, ProblemKind] = {kind.key: kind for kind in ProblemKind}


def kind_description(kind: str) -> ProblemKind | Description:
    """The description of a kind that was read; ``findings.json`` of another release may have other kinds."""
    return KINDS.get(kind) or Description(kind.replace("_", " ").capitalize(), "warning", False)
