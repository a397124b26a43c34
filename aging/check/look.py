"""One early look: what a worker process computes, for an analysis must not show in the process that measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aging.stats.trend_tests
from aging.check.conditions import Condition, Judgement, Outcome, judge
from aging.check.early_stop import Gate
from aging.core.plugins import discover
from aging.findings.build import analyse
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results, open_results


def look(job: Mapping[str, Any]) -> list[str]:
    """The messages of the conditions that have failed at ``job["look"]``; none where it has nothing of the error."""
    conditions = [Condition(**condition) for condition in job["gate"]["conditions"]]
    gate = Gate(conditions, job["gate"]["deployments"], job["gate"]["looks"])
    level = gate.level(job["look"], job["crashed"])
    if level == 0:
        return []
    return [judgement.message for judgement in failed(open_results(job["root"], checked=True), gate, level)]


def failed(results: Results, gate: Gate, level: float) -> list[Judgement]:
    """The conditions that the results so far have failed at this ``level``."""
    findings = analyse(results, discover(aging.stats.trend_tests, TrendTest))
    judgements = judge(findings, gate.conditions, gate.deployments, level)
    return [judgement for judgement in judgements if judgement.outcome is Outcome.FAILED]
