"""What users must look at: problems that rejuvenations made, and how they bear on the verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aging.core.format import byte_size, readable_duration, sentence
from aging.core.metrics import PRIMARY
from aging.findings.problem_kinds import ProblemKind as Kind
from aging.findings.rejuvenation.decisions import BUDGET, DISARMED
from aging.findings.series import Series
from aging.findings.types import DecisionsNotCarriedOut, Finding, Problem, RejuvenationEffect
from aging.stats.note import Note
from aging.store.results import Results

_NOUNS = {"replace": "replacement", "external": "external action", "reset-caches": "reset of the caches"}
"""Of the actions whose names are not nouns."""


def problems_of_rejuvenation(
    results: Results, effects: Sequence[RejuvenationEffect], decisions: Sequence[DecisionsNotCarriedOut]
) -> Iterator[Problem]:
    """Rejuvenations that lost requests, failed or did not help; policies that are disarmed or out of budget."""
    several = {name for name in results.deployments if len(results.replicas(name)) > 1}
    for one in effects:
        who = f"Replica {one.replica}: " if one.deployment in several else ""
        at = _since_start(results, one.deployment, one.replica, one.at_seconds)
        what = f"{who}The {_NOUNS.get(one.action, one.action)} of generation {one.generation_before}"
        if one.lost:
            message = f"{what} lost {one.lost_total} request{_s(one.lost_total)} ({kinds(one.lost)})."
            yield Kind.REJUVENATION_LOST.problem(one.deployment, message, at)
        if one.outcome == "unhelpful":
            yield Kind.REJUVENATION_UNHELPFUL.problem(one.deployment, f"{what} did not help{_freed(one)}.", at)
        elif one.outcome != "helped":
            how = {"failed": "failed", "undone": "was taken back", "unfinished": "has no recorded end"}[one.outcome]
            why = f": {one.why}" if one.why and one.outcome != "unfinished" else ""
            yield Kind.REJUVENATION_FAILED.problem(one.deployment, sentence(f"{what} {how}{why}"), at)
    for decided in decisions:
        who = f"Replica {decided.replica}: " if decided.deployment in several else ""
        at = _since_start(results, decided.deployment, decided.replica, decided.first_seconds)
        if decided.rule == DISARMED:
            message = sentence(f"{who}The policy {decided.policy} was disarmed: {decided.why or 'too many failures'}")
            yield Kind.REJUVENATION_DISARMED.problem(decided.deployment, message, at)
        elif decided.rule == BUDGET:
            message = sentence(f"{who}The budget of the policy {decided.policy} was spent: {decided.why}")
            yield Kind.REJUVENATION_BUDGET.problem(decided.deployment, message, at)


def with_rejuvenations(
    finding: Finding, series: Sequence[Series], by_deployment: Mapping[str, Sequence[RejuvenationEffect]]
) -> Finding:
    """The finding with a note on which part of a rejuvenated server's time it is about; any other unchanged.

    The longest generation of each replica stands for it. A rejuvenation without a new process is within its series.
    """
    effects = by_deployment.get(finding.deployment, ())
    if not effects:
        return finding
    own = [
        one for one in series if (one.owner, one.indicator) == (finding.deployment, finding.indicator) and one.t.size
    ]
    notes = []
    if len({(one.replica, one.generation) for one in own}) > len({one.replica for one in own}):
        longest = max(own, key=lambda one: one.t.size)
        count = len([one for one in own if one.replica == longest.replica])
        message = (
            f"Of {count} generations the longest stands for all: generation {longest.generation}, "
            f"{readable_duration(float(longest.t[-1] - longest.t[0]))} after its warm-up."
        )
        notes.append(Note("longest_generation", message))
    within = [one for one in effects if one.outcome != "failed" and one.generation_after == one.generation_before]
    if within:
        times = f"{len(within)} time{_s(len(within))}"
        message = f"It was rejuvenated {times} without a new process, which this series goes through."
        notes.append(Note("rejuvenated_within", message))
    return finding.with_notes([*finding.noted(), *notes]) if notes else finding


def kinds(lost: Mapping[str, int]) -> str:
    """``connect: 2, cut: 1``."""
    return ", ".join(f"{kind}: {count}" for kind, count in lost.items())


def _freed(one: RejuvenationEffect) -> str:
    memory = one.level(PRIMARY)
    return "" if memory is None or memory.freed is None else f": memory {byte_size(-memory.freed, signed=True)}"


def _since_start(results: Results, deployment: str, replica: int, at_seconds: float | None) -> float | None:
    """Seconds from the campaign's start."""
    began, run = results.state.started, results.state.runs[deployment, replica]
    if began is None or at_seconds is None or run.load_start is None:
        return None
    return round(run.load_start + at_seconds - began.mono, 1)


def _s(count: int) -> str:
    return "" if count == 1 else "s"
