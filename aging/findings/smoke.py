"""A smoke run: every deployment for a minute under the campaign's own load, before days are spent on it.

It asks whether each can be measured, not whether it ages; its results are marked so that nobody takes them for more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from aging.core.errors import writing
from aging.core.format import readable_duration
from aging.core.metrics import PRIMARY
from aging.findings.problem_kinds import ProblemKind as Kind
from aging.findings.problems import problems_of
from aging.findings.run_evidence import Evidence, evidence_of
from aging.findings.run_validity import limits_of
from aging.findings.types import Problem, SmokeCheck, SmokeVerdict
from aging.store.events import DeploymentReady
from aging.store.results import Results

_LEAST_SAMPLES = 3


def verdicts(results: Results) -> list[SmokeVerdict]:
    """What a smoke run that has ended says of every deployment."""
    problems = problems_of(results)
    return [
        SmokeVerdict(name, tuple(_checks(results, name, [one for one in problems if one.deployment == name])))
        for name in results.deployments
    ]


def write_verdicts(told: Sequence[SmokeVerdict], path: Path) -> None:
    """Write ``smoke.json``."""
    content = [asdict(verdict) | {"passed": verdict.passed} for verdict in told]
    with writing(path):
        path.write_text(json.dumps({"schema": 1, "smoke": content}, indent=1) + "\n", encoding="utf-8")


def _checks(results: Results, name: str, problems: Sequence[Problem]) -> Iterator[SmokeCheck]:
    evidence = evidence_of(results, name, 1)
    if not evidence.began:
        yield SmokeCheck("ready", "fail", f"it never was ready: {evidence.why or 'the campaign ended before'}")
        return
    yield _ready(results, name, evidence)
    if results.manifest.load_of(name) is not None:
        yield _answered(results, name, evidence)
        yield _errors(results, evidence, problems)
        yield _client(evidence, problems)
    yield _indicators(results, name, problems)


def _ready(results: Results, name: str, evidence: Evidence) -> SmokeCheck:
    if evidence.ending == "early":
        lasted = readable_duration(evidence.lasted)
        return SmokeCheck("ready", "fail", f"it ended after {lasted} of load: {evidence.why or 'no reason is known'}")
    took = [event.seconds for event in results.events_of(name, 1) if isinstance(event, DeploymentReady)]
    return SmokeCheck("ready", "ok", f"ready after {took[0]:.1f} s" if took else "ready")


def _answered(results: Results, name: str, evidence: Evidence) -> SmokeCheck:
    if not evidence.requests:
        if evidence.due:
            return SmokeCheck("answered", "fail", f"none of {evidence.due} requests left a record")
        return SmokeCheck("answered", "warn", "no request was due in this time: the rate is too low for it")
    answered = int((results.requests(name)["status"] == "ok").sum())
    return SmokeCheck("answered", "ok" if answered else "fail", f"{answered} of {evidence.requests} requests answered")


def _errors(results: Results, evidence: Evidence, problems: Sequence[Problem]) -> SmokeCheck:
    told = _messages(problems, Kind.ERROR, Kind.FAILING, Kind.LOST)
    if told:
        return SmokeCheck("errors", "fail", "; ".join(told))
    dropped = _messages(problems, Kind.DROPPED)
    if not dropped:
        return SmokeCheck("errors", "ok", "no request failed")
    over = (evidence.failed_share or 0.0) > limits_of(results).failed
    return SmokeCheck("errors", "fail" if over else "warn", "; ".join(dropped))


def _client(evidence: Evidence, problems: Sequence[Problem]) -> SmokeCheck:
    told = _messages(problems, Kind.LATE, Kind.LOAD_DIED, Kind.SCHEDULE)
    late = f"99 % of the requests were sent within {1000 * evidence.late:.3g} ms"
    return SmokeCheck("client", "fail" if told else "ok", "; ".join(told) or late)


def _indicators(results: Results, name: str, problems: Sequence[Problem]) -> SmokeCheck:
    samples = results.tree(name)
    seen = 0 if samples.empty or PRIMARY not in samples else int(samples[PRIMARY].notna().sum())
    if seen < _LEAST_SAMPLES:
        return SmokeCheck("indicators", "fail", f"its memory was read {seen} times")
    # Nothing at all of an engine that is said to tell something is a mistake; one metric less may be its release.
    silent = [message for message in _messages(problems, Kind.ENGINE) if message.startswith("engine was never")]
    if silent:
        return SmokeCheck("indicators", "fail", "; ".join(silent))
    told = _messages(problems, Kind.ENGINE, Kind.UNREAD, Kind.TICKS)
    return SmokeCheck("indicators", "warn" if told else "ok", "; ".join(told) or f"its memory was read {seen} times")


def _messages(problems: Sequence[Problem], *kinds: Kind) -> list[str]:
    return [problem.message for problem in problems if any(kind.of(problem) for kind in kinds)]
