"""The validity of a run: complete, short or broken, by thresholds that the campaign file can set.

*Short*: less was measured than planned, or under a disturbance; the data are sound, and the findings are marked.
*Broken*: the run does not answer the question; it is reported, and never averaged with others.
"""

from __future__ import annotations

from collections.abc import Iterator

from aging.campaign.schema import ValidityTable
from aging.core.format import readable_duration, sentence, share
from aging.findings.run_evidence import Evidence, evidence_of
from aging.findings.types import RunValidity, Validity
from aging.stats.note import Note
from aging.store.results import Results

_UNJUDGED = Note("unjudged", "The retry judge failed, so the run was not repeated if it should have been.")


def judge(evidence: Evidence, limits: ValidityTable) -> tuple[Validity, tuple[Note, ...]]:
    """The validity of a run, with the reasons why it is not complete, or not known to be."""
    broken, short = tuple(_broken(evidence, limits)), tuple(_short(evidence, limits))
    reasons = (*broken, *short, *((_UNJUDGED,) if evidence.unjudged else ()))
    if broken:
        return "broken", reasons
    return ("short" if short else "complete"), reasons


def validities(results: Results) -> list[RunValidity]:
    """The validity of every run of a result directory, in the campaign's order, those without data included."""
    return [validity_of(results, deployment, replica) for deployment, replica in planned_runs(results)]


def validity_of(results: Results, deployment: str, replica: int) -> RunValidity:
    """The validity of one run, of its last attempt."""
    evidence = evidence_of(results, deployment, replica)
    validity, reasons = judge(evidence, limits_of(results))
    in_manifest = results.manifest.deployment(deployment)
    treatment = None if in_manifest is None else in_manifest.treatment
    state = results.state.runs.get((deployment, replica))
    return RunValidity(
        deployment=deployment,
        replica=replica,
        attempt=1 if state is None else state.attempt,
        validity=validity,
        reasons=tuple(map(str, reasons)),
        reason_codes=tuple(reason.code for reason in reasons),
        measured_share=evidence.measured_share,
        failed_share=evidence.failed_share,
        base=None if treatment is None else treatment.base,
        point=None if treatment is None else treatment.point,
        levels={} if treatment is None else treatment.levels,
    )


def planned_runs(results: Results) -> list[tuple[str, int]]:
    """Every planned run once the campaign has ended; while it runs, those that have begun."""
    planned: range = range(0)
    if results.state.phase == "completed":
        planned = range(1, results.manifest.campaign.replicas + 1)
    return [(name, replica) for name in results.deployments for replica in sorted({*planned, *results.replicas(name)})]


def limits_of(results: Results) -> ValidityTable:
    """The thresholds of a campaign; the defaults for results of a release without them."""
    return ValidityTable.model_validate(results.manifest.campaign.validity)


def _broken(evidence: Evidence, limits: ValidityTable) -> Iterator[Note]:
    if not evidence.began:
        never = f"The server never became ready: {evidence.why}" if evidence.why else "The run was never started"
        yield Note("not_ready" if evidence.why else "not_started", sentence(never))
        return
    if not evidence.samples:
        yield Note("no_samples", "There are no process samples.")
    measured = evidence.measured_share
    if evidence.ending == "early" and measured is not None and measured < limits.least:
        planned = f"{share(measured)} of the planned {readable_duration(evidence.window)} window was measured"
        yield Note("too_short", f"Only {planned}; at least {share(limits.least)} is needed.")
    if evidence.due and not evidence.requests:
        yield Note("no_requests", "There are no request records.")
    failed = evidence.failed_share
    if failed is not None and failed > limits.failed:
        allowed = f"at most {share(limits.failed)} may"
        yield Note("failing", f"{share(failed)} of the requests failed or were dropped; {allowed}.")
    if evidence.late > limits.late:
        yield Note(
            "late", f"1 % of the requests were sent over {evidence.late:.3g} s late; the limit is {limits.late:g} s."
        )
    if evidence.other_schedule:
        yield Note("schedule", "The request schedule differs from the planned one.")


def _times(count: int) -> str:
    return f"{count} time{'' if count == 1 else 's'}"


def _short(evidence: Evidence, limits: ValidityTable) -> Iterator[Note]:
    if not evidence.began:
        return
    measured = evidence.measured_share
    lasted = f"after {readable_duration(evidence.lasted)} of {readable_duration(evidence.planned)}"
    if evidence.ending == "early":
        yield Note("ended_early", sentence(f"The run ended {lasted}" + (f": {evidence.why}" if evidence.why else "")))
    elif evidence.ending == "on request" and (measured is None or measured < limits.complete):
        yield Note("interrupted", f"The campaign was interrupted {lasted}.")
    elif evidence.ending == "unknown":
        yield Note("no_end", f"The journal has no end of the run; {readable_duration(evidence.lasted)} were recorded.")
    elif measured is None or measured < limits.complete:
        sampled = "Nothing" if measured is None else share(measured)
        needed = f"{share(limits.complete)} is needed"
        yield Note("gaps", f"{sampled} of the planned window was sampled; {needed}.")
    if evidence.restarts > limits.restarts:
        unexpected = evidence.restarts - evidence.ordered
        told = [f"restarted {_times(unexpected)} unexpectedly"] if unexpected else []
        if evidence.ordered:
            told.append(f"was stopped with the campaign and started again at its resume {_times(evidence.ordered)}")
        yield Note("restarts", f"The server {' and '.join(told)}; each restart begins a new series.")
    if evidence.suspended > limits.suspended:
        yield Note("suspended", f"The host was suspended for {evidence.suspended:.1f} s.")
    if evidence.clock_step > limits.clock_step:
        yield Note("clock", f"The system clock was changed by {evidence.clock_step:.0f} s.")
