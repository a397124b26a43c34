"""What a gate cannot overlook: servers that did not serve, and faults of the measurement that forbid a pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from aging.core.processes.logs import tail
from aging.findings.gate import ServerFailure
from aging.findings.problem_kinds import kind_description
from aging.findings.types import Control, Problem, RunValidity
from aging.store.events import DeploymentDied
from aging.store.results import Results

_FEWEST_ANSWERS = 50
"""Requests that must have failed before a running campaign is ended for it."""

_ANSWER = ("status", "finished", "failure", "error")

_LAST, _LAST_SO_FAR = 0.5, 0.75
"""The last part of its answers that were all errors, of a server that answers only errors: it may have begun well."""

_RUNNING = frozenset(("no_end", "unjudged"))
"""Reasons of a run that has not ended yet."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A fault of the measurement: no condition passes on this deployment, None: on any."""

    deployment: str | None
    message: str


def server_failures(results: Results, deployments: Sequence[str]) -> list[ServerFailure]:
    """The servers that did not start, died, or answered only errors in the last half of their answers."""
    return _failures(results, deployments, 1, _LAST)


def failures_so_far(results: Results, deployments: Sequence[str]) -> list[ServerFailure]:
    """The same while the campaign runs, when errors may pass."""
    return _failures(results, deployments, _FEWEST_ANSWERS, _LAST_SO_FAR)


def _failures(results: Results, deployments: Sequence[str], fewest: int, last: float) -> list[ServerFailure]:
    found = (
        _failure(results, name, replica, fewest, last) for name in deployments for replica in _planned(results, name)
    )
    by_name = {one.deployment: one for one in found if one is not None}
    return list(by_name.values())


def doubts_of_runs(runs: Sequence[RunValidity], deployments: Sequence[str], *, running: bool = False) -> list[Doubt]:
    """The runs of these deployments that are not complete. That one has not ended is no fault of a ``running`` one."""
    return [
        Doubt(run.deployment, f"replica {run.replica} of {run.deployment} is {run.validity}: {' '.join(run.reasons)}")
        for run in runs
        if run.deployment in deployments and run.validity != "complete"
        if not (running and run.reason_codes and set(run.reason_codes) <= _RUNNING)
    ]


def doubts_of_problems(problems: Sequence[Problem], deployments: Sequence[str]) -> list[Doubt]:
    """The problems of the campaign or of these deployments that block the gate."""
    return [
        Doubt(one.deployment, one.message if one.deployment is None else f"{one.deployment}: {one.message}")
        for one in problems
        if kind_description(one.kind).blocks_gate and one.deployment in (None, *deployments)
    ]


def doubts_of_clean_controls(controls: Sequence[Control], judged: Sequence[str]) -> list[Doubt]:
    """Servers that are known not to age, and are called aging: then the instrument sees what is not there."""
    return [
        Doubt(None, f"the control {one.deployment} is called aging, and is known not to age")
        for one in controls
        if one.expected == "not aging"
        and one.verdict == "aging"
        and one.deployment not in judged
        and "/" not in one.deployment
    ]


def without_failed(doubts: Sequence[Doubt], failures: Sequence[ServerFailure]) -> list[Doubt]:
    """The doubts that are not of servers which have failed anyhow."""
    failed = {one.deployment for one in failures}
    return [one for one in doubts if one.deployment not in failed]


def _planned(results: Results, deployment: str) -> Sequence[int]:
    return results.replicas(deployment) or (1,)


def _failure(results: Results, deployment: str, replica: int, fewest: int, last: float) -> ServerFailure | None:
    run = results.state.runs.get((deployment, replica))
    deaths = [one for one in results.events_of(deployment, replica) if isinstance(one, DeploymentDied)]
    if deaths and run is not None and run.load_start is None:
        return ServerFailure(deployment, "not-started", deaths[-1].why, tuple(deaths[-1].log))
    if deaths and run is not None and run.died is not None:
        return ServerFailure(deployment, "died", deaths[-1].why, tuple(deaths[-1].log))
    requests = results.requests(deployment, replica, _ANSWER)
    answered = requests[requests["status"] != "dropped"].sort_values("finished") if len(requests) else requests
    late = answered[len(answered) - math.ceil(last * len(answered)) :]
    if not len(late) or len(answered) < fewest or not (late["status"] == "error").all():
        return None
    log = tail(results.layout.log(deployment, run.generation if run is not None else 1, replica))
    return ServerFailure(deployment, "only-errors", _errors(answered), tuple(log))


def _errors(answered: pd.DataFrame) -> str:
    failed = answered[answered["status"] == "error"]
    kinds = ", ".join(f"{kind}: {count}" for kind, count in failed["failure"].value_counts().items())
    of = f"{len(failed)} of {len(answered)} requests failed ({kinds})"
    return f"{of}, all of the last ones; the first: {failed['error'].iloc[0]}"
