"""Which limit a deployment meets first, of all its indicators."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aging.core.metrics import PRIMARY
from aging.findings.types import Finding, Outlook

AGES = frozenset(("aging", "exhausted"))
"""The verdicts of an indicator that ages."""

_GREW = AGES | {"inconclusive"}


def runs_out(finding: Finding) -> bool:
    """Whether it reaches its limit before the next planned restart, or is there already.

    A gauge of an engine that is full and does not grow is no such case: a full cache works.
    """
    if finding.outlook is None or finding.outlook.answer != "exhausts":
        return False
    return finding.verdict in AGES or not finding.indicator.startswith("engine_")


def at_limit(finding: Finding) -> bool:
    """Whether nothing is left to its limit."""
    return runs_out(finding) and finding.outlook is not None and finding.outlook.left == 0


def first_limits(own: Sequence[Finding]) -> Sequence[Finding]:
    """Of one deployment's findings those with an outlook to tell, the limit that is met first at the front.

    Every indicator that runs out; memory; and of those that grow and are undecided the first, if it is before memory.
    """
    running_out = sorted((one for one in own if runs_out(one)), key=_earliest)
    memory = [one for one in own if one.indicator == PRIMARY and one.outlook is not None and one not in running_out]
    open_ = [one for one in own if _may_run_out(one) and not (memory and _before(memory[0], one))]
    return [*running_out, *sorted(open_, key=_earliest)[:1], *memory]


def _may_run_out(finding: Finding) -> bool:
    """Whether it grew, without an answer; what was flat has only the bound of what could not be seen."""
    if finding.outlook is None or finding.outlook.answer != "undecided" or finding.indicator == PRIMARY:
        return False
    grew = finding.ci_per_hour is not None and finding.ci_per_hour[0] > 0
    return finding.verdict in AGES or (
        grew and finding.verdict in _GREW and not finding.indicator.startswith("engine_")
    )


def _before(memory: Finding, other: Finding) -> bool:
    return memory.outlook is not None and memory.outlook.answer == "undecided" and _earliest(memory) <= _earliest(other)


def _earliest(finding: Finding) -> float:
    outlook: Outlook | None = finding.outlook
    return math.inf if outlook is None or outlook.earliest_hours is None else outlook.earliest_hours
