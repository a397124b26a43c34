"""A campaign from file to findings, for ``aging run``, ``aging check`` and ``aging observe``."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from aging.app.conclude import ANALYSIS, conclude
from aging.app.execute import measure
from aging.app.prepare import make_result_directory, prepare_campaign, print_notes
from aging.campaign.load import CampaignText
from aging.campaign.schema import Campaign
from aging.core.errors import require
from aging.runner.campaign import CampaignRunner, Outcome
from aging.store.gate import write_gate
from aging.store.layout import Layout
from aging.store.lock import Lock

if TYPE_CHECKING:
    from aging.check.early_stop import Gate
    from aging.findings.types import Findings


@dataclass(frozen=True, slots=True)
class CampaignRun:
    """A campaign that has been run and analyzed."""

    outcome: Outcome
    layout: Layout
    findings: Findings
    decided: str | None
    """Why it ended early, if an early look or a watchdog ended it; else None."""


def run_campaign(
    campaign_text: CampaignText,
    results: Path,
    overrides: Mapping[str, Any],
    console: Console,
    gate: Gate | None = None,
) -> CampaignRun:
    """Check, run, seal, analyze and report a campaign; end it early once it has failed ``gate``.

    ``overrides`` replace top-level keys of the file.
    Raises CampaignError or PreflightError before it starts or writes anything, and InconclusiveError if the sanity
    run of the campaign fails.
    """
    prepared = prepare_campaign(campaign_text, results, overrides, console)
    if prepared.campaign.sanity:
        from aging.app.smoke import run_sanity_check  # noqa: PLC0415

        run_sanity_check(prepared, campaign_text, results, console)
    campaign = prepared.campaign
    layout = make_result_directory(campaign, prepared.manifest(), campaign_text.text, results)
    if campaign_text.judged_by is not None:
        write_gate(layout, campaign_text.judged_by)
    if campaign.load is not None:
        from aging.app.bodies import kept_bodies  # noqa: PLC0415 - numpy, where a load is sent

        campaign = kept_bodies(campaign, layout)
    print_notes(prepared, console)
    if gate is not None:  # a gate that was killed is run again from its start
        campaign = campaign.model_copy(update={"orphan_grace": 0.0})
    with contextlib.closing(Lock.take(layout.root, "runner")):
        console.print(f"results: {layout.root}", highlight=False, soft_wrap=True)
        if campaign.load is None and campaign.description:
            console.print(f"observing: {campaign.description}", highlight=False, markup=False, soft_wrap=True)
        runner = CampaignRunner(campaign, prepared.deployments, prepared.catalogue, layout)
        looking = None
        if gate is not None and gate.looks > 1:
            from aging.check.early_stop import watch  # noqa: PLC0415

            looking = watch(gate, campaign, layout, runner.decide, runner.record_event)
        return run_to_findings(runner, looking, campaign, layout, console)


def run_to_findings(
    runner: CampaignRunner,
    looking: Coroutine[Any, Any, None] | None,
    campaign: Campaign,
    layout: Layout,
    console: Console,
) -> CampaignRun:
    """Run a campaign whose lock the caller holds to its end, and analyze it."""
    outcome = measure(runner, looking, campaign, layout, console)
    from aging.findings.findings_file import read_findings  # noqa: PLC0415 - after the measurement

    conclude(ANALYSIS, layout, outcome, console)
    findings = require(read_findings(layout.findings), f"{layout.findings}, which the analysis has just written,")
    return CampaignRun(outcome, layout, findings, runner.decided or runner.halted)
