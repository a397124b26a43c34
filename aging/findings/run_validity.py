"""What a run is worth: complete, short or broken, by thresholds that the campaign file can set.

*Short*: less was measured than was planned, or under a disturbance; what is there is sound, and its findings are
marked. *Broken*: it does not answer the question; it is told, and never averaged with others.
"""

from __future__ import annotations

from collections.abc import Iterator

from aging.campaign.schema import ValidityTable
from aging.core.format import readable_duration
from aging.findings.run_evidence import Evidence, evidence_of
from aging.findings.types import RunValidity, Validity
from aging.store.results import Results

_UNJUDGED = "it was not known whether it had to be repeated, for the judge of broken runs failed; it was not repeated"


def judge(evidence: Evidence, limits: ValidityTable) -> tuple[Validity, tuple[str, ...]]:
    """What a run is worth, and the reasons why it is not more, or not known to be."""
    broken, short = tuple(_broken(evidence, limits)), tuple(_short(evidence, limits))
    reasons = (*broken, *short, *((_UNJUDGED,) if evidence.unjudged else ()))
    if broken:
        return "broken", reasons
    return ("short" if short else "complete"), reasons


def validities(results: Results) -> list[RunValidity]:
    """Every run of a result directory, judged, in the campaign's order; those that left nothing included."""
    return [validity_of(results, deployment, replica) for deployment, replica in planned_runs(results)]


def validity_of(results: Results, deployment: str, replica: int) -> RunValidity:
    """One run, judged."""
    evidence = evidence_of(results, deployment, replica)
    validity, reasons = judge(evidence, limits_of(results))
    made = results.manifest.deployment(deployment)
    treatment = None if made is None else made.treatment
    state = results.state.runs.get((deployment, replica))
    return RunValidity(
        deployment=deployment,
        replica=replica,
        attempt=1 if state is None else state.attempt,
        validity=validity,
        reasons=reasons,
        measured_share=evidence.measured_share,
        failed_share=evidence.failed_share,
        base=None if treatment is None else treatment.base,
        point=None if treatment is None else treatment.point,
        levels={} if treatment is None else treatment.levels,
    )


def planned_runs(results: Results) -> list[tuple[str, int]]:
    """The runs there should be, once the campaign has ended; while it goes on, those that have begun."""
    planned: range = range(0)
    if results.state.phase == "completed":
        planned = range(1, results.manifest.campaign.replicas + 1)
    return [(name, replica) for name in results.deployments for replica in sorted({*planned, *results.replicas(name)})]


def limits_of(results: Results) -> ValidityTable:
    """The thresholds that a campaign was run with; the defaults for one from before there were any."""
    return ValidityTable.model_validate(results.manifest.campaign.validity)


def _broken(evidence: Evidence, limits: ValidityTable) -> Iterator[str]:
    if not evidence.began:
        yield f"it never was ready: {evidence.why}" if evidence.why else "it was never begun"
        return
    if not evidence.samples:
        yield "it left no process samples"
    share = evidence.measured_share
    if evidence.ending == "early" and share is not None and share < limits.least:
        yield (
            f"only {_percent(share)} of the planned {readable_duration(evidence.window)} of its window was measured, "
            f"under {_percent(limits.least)}"
        )
    if evidence.due and not evidence.requests:
        yield "it left no request records"
    failed = evidence.failed_share
    if failed is not None and failed > limits.failed:
        yield f"{_percent(failed)} of its requests failed or were dropped, over {_percent(limits.failed)}"
    if evidence.late > limits.late:
        yield f"1 % of its requests were sent over {evidence.late:.3g} s late, over {limits.late:g} s"
    if evidence.other_schedule:
        yield "another schedule was driven than planned"


def _short(evidence: Evidence, limits: ValidityTable) -> Iterator[str]:
    if not evidence.began:
        return
    share = evidence.measured_share
    lasted = f"after {readable_duration(evidence.lasted)} of {readable_duration(evidence.planned)}"
    if evidence.ending == "early":
        yield f"it ended {lasted}" + (f": {evidence.why}" if evidence.why else "")
    elif evidence.ending == "on request" and (share is None or share < limits.complete):
        yield f"the campaign was interrupted {lasted}"
    elif evidence.ending == "unknown":
        yield f"no end is recorded; {readable_duration(evidence.lasted)} are there"
    elif share is None or share < limits.complete:
        missing = "nothing" if share is None else _percent(share)
        yield f"gaps: {missing} of its planned window was sampled, under {_percent(limits.complete)}"
    if evidence.restarts > limits.restarts:
        yield f"its server began a new life {evidence.restarts} times, unplanned; each has series of its own"
    if evidence.suspended > limits.suspended:
        yield f"the host was suspended for {evidence.suspended:.1f} s"
    if evidence.clock_step > limits.clock_step:
        yield f"the wall clock was set by {evidence.clock_step:.0f} s"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
