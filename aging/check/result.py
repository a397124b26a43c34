"""From judged conditions, servers and doubts to the result of the gate, and whether the campaign may end with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from aging.check.faults import Doubt
from aging.check.gate import Gate
from aging.check.judgement import Judged
from aging.findings.gate import ConditionResult, GateOutcome, GateResult, ServerFailure

_NO_PAIRS: Mapping[str, str] = {}

Stop = Literal["failed", "passed", "server-failed", "undecided"]
"""Why a running campaign ends: ``undecided``: the rest of the budget would not decide it."""


def gate_result(
    gate: Gate, judged: Sequence[Judged], failures: Sequence[ServerFailure], doubts: Sequence[Doubt], look: int
) -> GateResult:
    """The result at a look. A failed condition wins over a failed server, and that over doubts."""
    conditions = [_in_doubt(one.result, failures, doubts, gate.pairs) for one in judged]
    return GateResult(
        outcome=_outcome(conditions, failures, doubts),
        alpha=gate.alpha,
        beta=gate.beta,
        budget_minutes=gate.budget / 60,
        minutes=gate.looks[look - 1] / 60,
        look=look,
        looks=len(gate.looks),
        conditions=conditions,
        server_failures=list(failures),
        doubts=list(dict.fromkeys(one.message for one in doubts)),
    )


def stop_of(
    judged: Sequence[Judged], failures: Sequence[ServerFailure], pairs: Mapping[str, str] = _NO_PAIRS
) -> Stop | None:
    """Whether these judgements end the campaign: one has failed, or none can change any more.

    What is compared with a baseline whose server failed (``pairs``) is not judged either.
    """
    failed = {one.deployment for one in failures}
    failed |= {name for name, baseline in pairs.items() if baseline in failed}
    if any(one.result.outcome == "failed" for one in judged):
        return "failed"
    left = [one for one in judged if one.result.deployment not in failed]
    if not left:
        return "server-failed" if failed else None
    if any(one.result.outcome == "inconclusive" and not one.futile for one in left):
        return None
    if any(one.futile for one in left):
        return "undecided"
    return "server-failed" if failed else "passed"


def _outcome(
    conditions: Sequence[ConditionResult], failures: Sequence[ServerFailure], doubts: Sequence[Doubt]
) -> GateOutcome:
    outcomes = {one.outcome for one in conditions}
    if "failed" in outcomes:
        return "failed"
    if failures:
        return "server-failed"
    return "passed" if outcomes == {"passed"} and not doubts else "inconclusive"


def _in_doubt(
    one: ConditionResult, failures: Sequence[ServerFailure], doubts: Sequence[Doubt], pairs: Mapping[str, str]
) -> ConditionResult:
    """A condition cannot pass on a server that failed, or in a measurement that is in doubt."""
    own = (one.deployment, pairs.get(one.deployment))
    failure = next((of for of in failures if of.deployment in own), None)
    if failure is not None and one.outcome != "failed":
        who = "server" if failure.deployment == one.deployment else "baseline"
        why = f"the {who} {_FAILED[failure.code]}"
        return replace(one, outcome="inconclusive", reason_code="server_failed", reason=why, longer_minutes=None)
    doubt = next((of for of in doubts if of.deployment in (None, *own)), None)
    if doubt is not None and one.outcome == "passed":
        why = f"{one.reason}, but the measurement is in doubt: {doubt.message.rstrip('.')}"
        return replace(one, outcome="inconclusive", reason_code="doubt", reason=why, longer_minutes=None)
    return one


_FAILED = {"not-started": "did not start", "died": "died", "only-errors": "answered only errors"}
