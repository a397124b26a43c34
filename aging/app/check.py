"""The CI gate: a campaign is run until the gate is decided, or a finished result is judged again."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from aging.app.allocation_sites import find_allocation_sites
from aging.app.run import CampaignRun, run_campaign
from aging.campaign.load import CampaignText, parse_campaign
from aging.campaign.plan import rounds
from aging.campaign.schema import Campaign
from aging.check.allocation_sites import largest, tracked_seconds
from aging.check.gate import Gate
from aging.check.request import GateRequest, Known, gate_for, mistakes_without_campaign
from aging.check.wording import exit_code
from aging.core.errors import AgingError, CampaignError, ExitCode, require
from aging.core.metrics import ALLOCATOR, PRIMARY
from aging.core.worker import call
from aging.findings.gate import AllocationSite, ConditionResult, GateResult
from aging.runner.campaign import Outcome
from aging.runner.catalogue import Catalogue
from aging.store.journal import read_journal
from aging.store.layout import Layout
from aging.store.state import fold

__all__ = ["GateRequest", "GateRun", "check_campaign", "check_directory", "gate_of", "run_gate"]

_CELLS = 120
_MEMORY = (PRIMARY, "process_rss_bytes", *ALLOCATOR)
_LEAST_EXPLAINED = 0.2
"""Of the growth: sites of less would send the author the wrong way."""

_ADD = "aging.app.judged:with_gate"
"""By name: what measures imports no analysis."""


@dataclass(frozen=True, slots=True)
class GateRun:
    """A gate that has been run: its campaign, its result, where its files are, and the exit code of the command."""

    campaign: str
    result: GateResult
    layout: Layout
    exit_code: ExitCode


def check_campaign(campaign_text: CampaignText, request: GateRequest, console: Console) -> GateResult:
    """The result of :func:`run_gate`."""
    return run_gate(campaign_text, request, console).result


def run_gate(campaign_text: CampaignText, request: GateRequest, console: Console) -> GateRun:
    """Run a campaign until the gate is decided or its budget is used; the result is in ``findings.json``, too.

    Every fault of the measurement gives an inconclusive result, never a pass. Raises MistakesError with every mistake
    of the campaign and the request, and what :func:`aging.app.run.run_campaign` raises, before anything is started.
    """
    campaign, gate = _checked(campaign_text, request)
    overrides = _overrides(request) | _finer(campaign_text, campaign, gate)
    ran = run_campaign(campaign_text, request.results, overrides, console, gate)
    result = require(ran.findings.gate, "the gate's result, which its analysis has just written,")
    if ran.outcome is not Outcome.INTERRUPTED:
        result = _with_sites(result, ran, campaign_text, overrides, console)
    return GateRun(ran.findings.campaign, result, ran.layout, _exit_code(ran, result))


def check_directory(root: Path, request: GateRequest) -> GateResult:
    """Judge the results of a campaign again, finished or not, with these conditions; no file is changed.

    They are judged as they were by the last look that their time of load reaches, of a gate with the budget of the
    campaign or of the request. Raises ResultsError, and MistakesError with every mistake of the request.
    """
    from aging.app.judged import judged_directory  # noqa: PLC0415 - pandas

    return judged_directory(root, lambda known: gate_for(request, known))


def gate_of(campaign_text: CampaignText, request: GateRequest) -> Gate:
    """What is to be judged, and when. Raises MistakesError with every mistake of the campaign and the request."""
    return _checked(campaign_text, request)[1]


def _checked(campaign_text: CampaignText, request: GateRequest) -> tuple[Campaign, Gate]:
    catalogue = Catalogue.discovered()
    try:
        campaign = parse_campaign(
            campaign_text.text, catalogue.kinds(), source=campaign_text.source, **_overrides(request)
        )
    except CampaignError as error:
        raise CampaignError(error.subject, [*error.mistakes, *mistakes_without_campaign(request)]) from None
    return campaign, gate_for(request, _known_of(campaign, catalogue, campaign_text.source))


def _known_of(campaign: Campaign, catalogue: Catalogue, source: str) -> Known:
    made = [catalogue.deployments[options.kind](options, None) for options in campaign.deployment]
    return Known(
        source=source,
        deployments=[one.options.name for one in made],
        controls=[one.options.name for one in made if one.known_aging() is not None],
        classes=[] if campaign.load is None else [one.name for one in campaign.load.classes],
        warmup=campaign.warmup or 0.0,
        duration=campaign.duration,
        one_round=len(rounds(campaign)) == 1,
        pairs={one.baseline_of: one.name for one in campaign.deployment if one.baseline_of is not None},
    )


def _overrides(request: GateRequest) -> dict[str, Any]:
    """A gate measures once, for at most its budget; its looks see what a sanity run would."""
    budget = request.budget
    sensible = budget is not None and budget > 0  # else it is reported with the other mistakes
    return {
        "duration": f"{budget:.9f}s" if sensible else None,
        "scale": request.scale,
        "retries": 0,
        "sanity": "0s",
        "orphan_grace": "0s",
    }


def _finer(campaign_text: CampaignText, campaign: Campaign, gate: Gate) -> dict[str, Any]:
    """The file's `[analysis]` with a grid that a budget of minutes fills, for the findings beside the gate."""
    cell = max(gate.budget / _CELLS, 1.0)
    if campaign.analysis.grid <= cell:
        return {}
    written = tomllib.loads(campaign_text.text).get("analysis", {})
    return {"analysis": {**written, "grid": f"{cell:.3f}s"}}


def _with_sites(
    result: GateResult, ran: CampaignRun, campaign_text: CampaignText, overrides: dict[str, Any], console: Console
) -> GateResult:
    """Of Python servers whose memory failed, where they allocated what they hold, from a second, short run of them.

    The verdict stands whatever becomes of that run.
    """
    python = _python_servers(ran.layout)
    red = [one for one in result.conditions if one.outcome == "failed" and one.deployment in python]
    memory = [one for one in red if one.indicator in _MEMORY]
    if not memory:
        return result
    seconds = max(tracked_seconds(one.work_per_minute if one.quantity == "per_request" else None) for one in memory)
    names = {one.deployment for one in memory}
    try:
        sites = find_allocation_sites(campaign_text, overrides, names, seconds, console)
    except AgingError as error:
        console.print(f"allocation sites were not found: {error}", highlight=False, markup=False, soft_wrap=True)
        return result
    conditions, notes = [], list(result.notes)
    for one in result.conditions:
        found_here = largest(sites.get(one.deployment, ())) if one in memory else []
        if found_here and not explain(found_here, one, seconds, result.minutes):
            notes.append(
                f"{one.deployment}: what Python allocated and kept in {seconds:.0f} s more of load explains less than "
                f"{_LEAST_EXPLAINED:.0%} of the growth: the rest is in native code or the allocator's, or had ended."
            )
            found_here = []
        conditions.append(replace(one, sites=tuple(found_here)))
    found = replace(result, conditions=conditions, notes=list(dict.fromkeys(notes)))
    asyncio.run(call(_ADD, {"root": str(ran.layout.root), "gate": asdict(found)}, shown=True))
    return found


def explain(sites: Sequence[AllocationSite], one: ConditionResult, seconds: float, minutes: float) -> bool:
    """Whether these sites of ``seconds`` are a part of the growth that is worth a look.

    ``minutes`` are those of load of the judged run, in which a growth in all happened.
    """
    if one.estimate is None:
        return True
    per_minute = {
        "per_request": one.work_per_minute or 0.0,
        "per_hour": 1 / 60,
        "growth_total": 1 / minutes if minutes > 0 else 0.0,
    }[one.quantity]
    grown = one.estimate * per_minute * seconds / 60
    return sum(site.bytes for site in sites) >= _LEAST_EXPLAINED * grown


def _python_servers(layout: Layout) -> set[str]:
    """The deployments whose main process is Python."""
    commands = {(name, run.command[:1]) for (name, _), run in fold(read_journal(layout.journal)).runs.items()}
    return {name for name, program in commands if any("python" in Path(one).name for one in program)}


def _exit_code(ran: CampaignRun, result: GateResult) -> ExitCode:
    return ExitCode.INTERRUPTED if ran.outcome is Outcome.INTERRUPTED else exit_code(result)
