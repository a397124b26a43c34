"""The analysis of a campaign that may still run, for the live page: computed in a process of its own, never written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aging.stats.trend_tests
from aging.core.plugins import discover
from aging.core.records import HARNESS
from aging.findings.current_findings import current_findings
from aging.findings.problem_kinds import ProblemKind
from aging.findings.series import Measured
from aging.findings.types import Finding, Findings
from aging.report import wording
from aging.report.outlook import finding_sentence
from aging.report.verdict_so_far import Judged, VerdictSoFar
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import open_results

_HOUR = 3600.0
_OF_RUNNING = frozenset(("run_short",))  # that a run has no end yet
_UNENDED = ("preparing", "running", "draining")


def judge(job: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict on the campaign of ``job["root"]`` as of now, as JSON: its own findings where it has ended."""
    computed = time.time()
    measured = Measured(open_results(Path(job["root"])))
    results = measured.results
    findings = current_findings(measured, discover(aging.stats.trend_tests, TrendTest))
    known = {one.name for one in results.manifest.deployments if one.known_ageing is not None}
    names = [name for name in results.deployments if name not in known] or list(results.deployments)
    found = {(one.deployment, one.indicator): one for one in findings.findings}
    headline = wording.headline(names, found)
    servers = [one for one in findings.findings if not one.deployment.startswith(f"{HARNESS}/")]
    final = results.state.phase not in _UNENDED
    return asdict(
        VerdictSoFar(
            computed=computed,
            final=final,
            measured_seconds=max((one.load_end - one.load_start for one in measured.windows.values()), default=0.0),
            headline=headline.text,
            tone=headline.tone,
            judged=[_judged(one, final=final) for one in servers],
            problems=list(_problems(findings, final=final)),
            controls=_controls(findings, final=final),
        )
    )


def _judged(finding: Finding, *, final: bool) -> Judged:
    rate, interval = finding.slope_per_hour, finding.ci_per_hour
    if finding.current_per_hour is not None:
        rate, interval = finding.current_per_hour, finding.current_ci_per_hour
    low, high = interval or (None, None)
    outlook = finding.outlook
    return Judged(
        deployment=finding.deployment,
        indicator=finding.indicator,
        verdict=finding.verdict,
        said=wording.explanation(finding),
        tone=wording.TONE.get(finding.verdict, "mute"),
        rate_per_hour=rate,
        low_per_hour=low,
        high_per_hour=high,
        detectable_per_hour=finding.minimum_detectable_per_hour,
        answer=None if outlook is None else outlook.answer,
        limit=None if outlook is None else outlook.limit,
        earliest_seconds=None if outlook is None else _seconds(outlook.earliest_hours),
        latest_seconds=None if outlook is None else _seconds(outlook.latest_hours),
        outlook=finding_sentence(finding),
        open=[str(note) for note in finding.noted() if final or note.code not in _OF_RUNNING],
    )


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * _HOUR


def _problems(findings: Findings, *, final: bool) -> Iterator[str]:
    """The problems so far; that it has not ended is none yet."""
    for one in findings.problems:
        if final or not ProblemKind.UNFINISHED.of(one):
            yield one.message if one.deployment is None else f"{one.deployment}: {one.message}"


def _controls(findings: Findings, *, final: bool) -> str:
    total = len(findings.controls)
    open_ = sum(wording.undecided(control) for control in findings.controls)
    failed = sum(wording.failed(control) for control in findings.controls)
    if not total:
        return ""
    what = "Controls" if final else "Controls so far"
    return f"{what}: {total - open_ - failed} of {total} passed, {open_} undecided, {failed} failed."
