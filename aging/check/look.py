"""One early look: what a worker process computes, for an analysis must not show in the process that measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from aging.check.faults import Doubt, doubts_of_problems, doubts_of_runs, failures_so_far, without_failed
from aging.check.gate import Gate
from aging.check.judgement import Judge
from aging.check.result import Stop, gate_result, stop_of
from aging.core import format
from aging.findings.gate import ConditionResult, GateResult
from aging.findings.problems import problems_of
from aging.findings.run_validity import validities
from aging.store.events import LookFailed
from aging.store.results import Results, open_results

_MOST_TOLD = 3
"""Conditions with their figures in the line of a look."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look has found: the gate's result so far, whether the campaign may end with it, and a line of text."""

    gate: GateResult
    stop: Stop | None
    line: str


def look(job: Mapping[str, Any]) -> dict[str, Any]:
    """The look ``job["look"]`` of a gate at a running campaign, as JSON."""
    return asdict(look_at(open_results(job["root"]), Gate.of_json(job["gate"]), job["look"]))


def look_at(results: Results, gate: Gate, number: int) -> Look:
    """A look, counted from 1, at results that are being written."""
    judge = Judge(results, gate, number)
    judged = judge.conditions()
    failures = failures_so_far(results, gate.names)
    stop = stop_of(judged, failures, gate.pairs)
    doubts: Sequence[Doubt] = ()
    if stop == "passed":  # what forbids a pass is read only where one is at hand: it reads every row
        doubts = [*unproven_controls(results, judge, gate), *_faults_so_far(results, gate)]
        stop = None if doubts else stop
    found = gate_result(gate, judged, failures, doubts, number)
    return Look(found, stop, look_line(found))


def unproven_controls(results: Results, judge: Judge, gate: Gate) -> Iterator[Doubt]:
    """The controls with a known leak that the gate, by its own rule, has not seen."""
    for one in results.manifest.deployments:
        known = one.known_ageing
        if known is None or one.name in gate.names or not (known.per_request or known.per_hour):
            continue
        why = judge.control(one.name, known)
        if why is not None:
            yield Doubt(None, why)


def _faults_so_far(results: Results, gate: Gate) -> list[Doubt]:
    ended = replace(results, state=replace(results.state, phase="decided"))
    crashed = [one for one in results.events if isinstance(one, LookFailed)]
    if crashed:
        return [Doubt(None, f"look {crashed[0].look} crashed")]
    return without_failed(
        [
            *doubts_of_runs(validities(ended), gate.names, running=True),
            *doubts_of_problems(problems_of(ended), gate.names),
        ],
        (),
    )


def look_line(gate: GateResult) -> str:
    """Of many conditions only those that failed, and how many have which outcome, so that a log stays readable."""
    told = gate.conditions
    counts: list[str] = []
    if len(gate.conditions) > _MOST_TOLD:
        told = [one for one in gate.conditions if one.outcome == "failed"]
        said = Counter(_said(one) for one in gate.conditions)
        counts = [", ".join(f"{number} {outcome}" for outcome, number in sorted(said.items()))]
    parts = [f"{one.deployment}: {one.indicator}:{one.quantity} {_rate(one)}, {_said(one)}" for one in told]
    parts = [*counts, *parts, *(f"{one.deployment}: {one.code}" for one in gate.server_failures)]
    return f"look {gate.look} of {gate.looks}, {format.readable_duration(gate.minutes * 60)}: {'; '.join(parts)}"


def _said(one: ConditionResult) -> str:
    return "undecided" if one.outcome == "inconclusive" else one.outcome


def _rate(one: ConditionResult) -> str:
    per = {"per_request": "request", "per_hour": "h", "growth_total": ""}[one.quantity]
    rate, bounds = format.bounded(one.indicator, one.estimate, one.interval, per)
    return f"{rate} [{bounds}]"
