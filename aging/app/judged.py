"""The gate's last word: from a result directory to the result of the gate, in ``findings.json`` and in the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

import aging.stats.trend_tests
from aging.app.analyze import derive
from aging.check.faults import (
    Doubt,
    doubts_of_clean_controls,
    doubts_of_problems,
    doubts_of_runs,
    server_failures,
    without_failed,
)
from aging.check.gate import Gate
from aging.check.judgement import Judge, Judged
from aging.check.look import unproven_controls
from aging.check.paired import pairs
from aging.check.plot import write_gate_plot
from aging.check.request import Known
from aging.check.result import gate_result
from aging.core.errors import require
from aging.core.metrics import PRIMARY
from aging.core.plugins import discover
from aging.findings.asked import AS_IN_CAMPAIGN
from aging.findings.current_findings import current_findings
from aging.findings.findings_file import read_findings, write_findings
from aging.findings.gate import BaselineUsed, ConditionResult, GateResult
from aging.findings.series import Measured, load_classes, planned_window
from aging.findings.types import Findings
from aging.report.html.page import write_report
from aging.report.places import where
from aging.stats.trend_tests.base import TrendTest
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from aging.store.sealing import seal_all

_WHOLE = ("completed", "decided")
"""Phases of a campaign that ended as planned."""


def seal_and_judge(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Seal, analyze and judge the campaign of ``job["root"]``, in a worker process; all of it is in its files.

    ``job["decided"]`` is the result of the look that ended it, None where none did; ``job["made"]`` are the looks that
    judged.
    """
    root, gate = Path(job["root"]), Gate.of_json(job["gate"])
    unsealed = seal_all(root, tolerated=job["halted"])
    decided = None if job["decided"] is None else TypeAdapter(GateResult).validate_python(job["decided"])

    def judge(measured: Measured, findings: Findings) -> GateResult:
        return judged(measured.results, findings, gate, decided, job["made"])

    findings = derive(root, AS_IN_CAMPAIGN, judge)
    write_gate_plot(require(findings.gate, "the gate's result"), Layout(root).gate_plot)
    return {"unsealed": unsealed, "found": None}


def with_gate(job: Mapping[str, Any]) -> None:
    """Write the result of the gate ``job["gate"]`` into the files of the campaign of ``job["root"]``."""
    layout = Layout(Path(job["root"]))
    gate = TypeAdapter(GateResult).validate_python(job["gate"])
    findings = replace(require(read_findings(layout.findings), "the findings"), gate=gate)
    write_findings(findings, layout.findings)
    write_report(Measured(open_results(layout.root, checked=True)), findings, layout.report)


def judged_directory(root: Path, gate_of: Callable[[Known], Gate]) -> GateResult:
    """The result of a gate on the results of a campaign as they are; nothing is written."""
    measured = Measured(open_results(root, checked=True))
    results = measured.results
    gate = gate_of(known_of(root, results))
    return judged(results, current_findings(measured, discover(aging.stats.trend_tests, TrendTest)), gate, None, ())


def known_of(root: Path, results: Results) -> Known:
    """What a request about a result directory is checked against."""
    campaign, runs = results.manifest.campaign, results.state.runs.values()
    classes = {name for deployment in results.deployments for name in load_classes(results, deployment)}
    return Known(
        source=str(root),
        deployments=results.deployments,
        controls=[one.name for one in results.manifest.deployments if one.known_ageing is not None],
        classes=sorted(classes),
        warmup=campaign.warmup_seconds or 0.0,
        duration=campaign.duration_seconds or max((run.planned_seconds or 0.0 for run in runs), default=0.0),
        one_round=True,
        pairs=pairs(results.manifest.deployments),
    )


def judged(
    results: Results, findings: Findings, gate: Gate, decided: GateResult | None, made: Sequence[int]
) -> GateResult:
    """The result of the gate: that of the look that ended the campaign, else as the results are now.

    Faults that show only at the end forbid a pass all the same.
    """
    judge = Judge(results, gate, None)
    if decided is None:
        of_conditions, seconds = judge.conditions(), _measured_seconds(results, gate)
        look, minutes = gate.look_at(seconds), min(seconds, gate.budget) / 60
    else:
        of_conditions = [Judged(one) for one in decided.conditions]
        look, minutes = decided.look, decided.minutes
    failures = server_failures(results, gate.names)
    doubts = [
        *(() if failures else _unfinished(results)),
        *doubts_of_runs(findings.runs, gate.names),
        *doubts_of_problems(findings.problems, gate.names),
        *doubts_of_clean_controls(findings.controls, gate.names),
        *unproven_controls(results, judge, gate),
    ]
    found = gate_result(gate, of_conditions, failures, without_failed(doubts, failures), look)
    return replace(
        found,
        minutes=minutes,
        conditions=[_with_growth(one, findings) for one in found.conditions],
        look_minutes=[gate.looks[number - 1] / 60 for number in sorted({*made, look})],
        baseline=_baseline(judge, gate),
        notes=list(_notes(gate)),
    )


def _unfinished(results: Results) -> list[Doubt]:
    phase = results.state.phase
    return [] if phase in _WHOLE else [Doubt(None, f"the campaign is {phase}: not all that was planned was measured")]


def _measured_seconds(results: Results, gate: Gate) -> float:
    """Of load, in the longest run that is judged."""
    windows = [planned_window(results, name, replica) for name in gate.names for replica in results.replicas(name)]
    return max((one.load_end - one.load_start for one in windows if one is not None), default=0.0)


def _with_growth(one: ConditionResult, findings: Findings) -> ConditionResult:
    """A failed condition with what grew: of memory and what else a process holds."""
    if one.outcome != "failed" or not one.indicator.startswith(("process_", "allocator_")):
        return one
    found = (of for of in findings.findings if (of.deployment, of.indicator) == (one.deployment, PRIMARY))
    return replace(one, grew=tuple(sentence for finding in found for sentence in where(finding)))


def _baseline(judge: Judge, gate: Gate) -> BaselineUsed | None:
    compared = list(gate.pairs.items())
    if gate.stored:
        first = gate.stored[0]
        return BaselineUsed("stored", gate.baseline or "a stored baseline", first.rate, (first.low, first.high))
    if not compared:
        return None
    own = judge.alone(compared[0][1], gate.conditions[0])
    what = gate.baseline or ", ".join(base for _, base in compared)
    return BaselineUsed("paired", what, own.estimate, own.interval)


def _notes(gate: Gate) -> Sequence[str]:
    judgements = len(gate.conditions) * len(gate.deployments)
    notes = []
    if judgements > 1:
        notes.append(f"{judgements} judgements share the probability of a false red of {gate.alpha:g}.")
    if not gate.early:
        notes.append("The campaign has several rounds, so it was judged at its end alone.")
    return notes
