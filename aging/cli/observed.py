"""What an observation ends with, in ``aging observe`` and ``aging resume``: its gate, its text, or its JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aging.cli.console import console, exit_code, show_run
from aging.core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aging.app.run import CampaignRun
    from aging.check.conditions import Condition
    from aging.check.observation import Judgement


def conclude(ran: CampaignRun, conditions: Sequence[Condition | None], *, as_json: bool) -> ExitCode:
    """Print what was observed and how it is judged; return the exit code."""
    from aging.check.observation import judge_observed
    from aging.report.observation import Observation
    from aging.store.results import open_results

    seen = Observation.of(open_results(ran.layout.root))
    judgements = judge_observed(ran.findings, conditions, seen.name)
    code = _exit_code(ran, judgements)
    if as_json:
        print(json.dumps(_as_json(ran, seen.as_json(), judgements, code), indent=1, allow_nan=False, default=list))
        return code
    out = console()
    out.print(f"observed: {seen.title}", soft_wrap=True)
    for line in seen.lines():
        out.print(line, soft_wrap=True)
    show_run(ran, out)
    for judgement in judgements:
        out.print(f"{judgement.outcome.value}: {judgement.message}", soft_wrap=True)
    return code


def _exit_code(ran: CampaignRun, judgements: Sequence[Judgement]) -> ExitCode:
    """That of the gate, unless it was interrupted; INCONCLUSIVE if it died, or nothing of it was judged."""
    from aging.check.observation import Outcome, overall

    code = exit_code(ran.outcome)
    if code is ExitCode.INTERRUPTED:
        return code
    if judgements:
        match overall(judgements):
            case Outcome.FAILED:
                return ExitCode.GATE_FAILED
            case Outcome.INCONCLUSIVE:
                return ExitCode.INCONCLUSIVE
            case Outcome.PASSED:
                return code
    decided = any(one.verdict != "inconclusive" and "/" not in one.deployment for one in ran.findings.findings)
    return code if decided else max(code, ExitCode.INCONCLUSIVE)


def _as_json(ran: CampaignRun, seen: dict[str, Any], judgements: Sequence[Judgement], code: ExitCode) -> dict[str, Any]:
    from dataclasses import asdict

    from aging.check.observation import AGING
    from aging.findings.first_limit import first_limits
    from aging.report.outlook import finding_sentence

    first = next(iter(first_limits([one for one in ran.findings.findings if one.deployment == seen["name"]])), None)
    return {
        "schema": 1,
        **seen,
        "outcome": ran.outcome.value.removeprefix("campaign_"),
        "exit_code": int(code),
        "first_limit": None
        if first is None or first.outlook is None
        else {"indicator": first.indicator, "text": finding_sentence(first), **asdict(first.outlook)},
        "conditions": [
            {
                "condition": AGING if one.condition is None else str(one.condition),
                "outcome": one.outcome.value,
                "message": one.message,
            }
            for one in judgements
        ],
        "results": str(ran.layout.root),
        "report": str(ran.layout.report) if ran.layout.report.exists() else None,
        **{key: value for key, value in asdict(ran.findings).items() if key in ("findings", "runs", "problems")},
    }
