"""A campaign from file to findings, for ``aging run``, ``aging check`` and ``aging observe``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from aging.app.conclude import ANALYSIS, GATE, conclude
from aging.app.execute import measure
from aging.app.live_page import PageAt, live_page
from aging.app.prepare import PreparedCampaign, make_result_directory, prepare_campaign, print_notes
from aging.campaign.load import CampaignText
from aging.campaign.schema import Campaign
from aging.core.errors import require
from aging.runner.campaign import CampaignRunner, Outcome
from aging.store.gate import write_gate
from aging.store.layout import Layout
from aging.store.lock import Lock

if TYPE_CHECKING:
    from aging.check.gate import Gate
    from aging.findings.types import Findings


@dataclass(frozen=True, slots=True)
class CampaignRun:
    """A campaign that has been run and analyzed."""

    outcome: Outcome
    layout: Layout
    findings: Findings
    decided: str | None
    """Why it ended early, if an early look or a watchdog ended it; else None."""


def run_campaign(  # noqa: PLR0913 - what is run, and what goes on beside
    campaign_text: CampaignText,
    results: Path,
    overrides: Mapping[str, Any],
    console: Console,
    gate: Gate | None = None,
    *,
    page: PageAt | None = None,
) -> CampaignRun:
    """Check, run, seal, analyze and report a campaign; end it early once its ``gate`` is decided.

    Its result directory is a new one below ``results``.
    ``page`` is where its live page is served until it has ended. ``overrides`` replace top-level keys of the file.
    Raises CampaignError or PreflightError before it starts or writes anything, and InconclusiveError if the sanity
    run of the campaign fails.
    """
    if page is not None:
        page.check()
    prepared = prepare_campaign(campaign_text, results, overrides, console)
    return run_prepared(prepared, campaign_text, results, console, gate, page=page)


def run_prepared(  # noqa: PLR0913 - as above
    prepared: PreparedCampaign,
    campaign_text: CampaignText,
    results: Path,
    console: Console,
    gate: Gate | None = None,
    *,
    page: PageAt | None = None,
    directory: Path | None = None,
) -> CampaignRun:
    """The same for a campaign that is checked; ``directory``, which must not exist, is its result directory."""
    if prepared.campaign.sanity:
        from aging.app.smoke import run_sanity_check  # noqa: PLC0415

        run_sanity_check(prepared, campaign_text, results, console)
    campaign = prepared.campaign
    layout = make_result_directory(campaign, prepared.manifest(), campaign_text.text, results, directory)
    if campaign_text.judged_by is not None:
        write_gate(layout, campaign_text.judged_by)
    if campaign.load is not None:
        from aging.app.bodies import kept_bodies  # noqa: PLC0415 - numpy, where a load is sent

        campaign = kept_bodies(campaign, layout)
    print_notes(prepared, console)
    with contextlib.closing(Lock.take(layout.root, "runner")):
        console.print(f"results: {layout.root}", highlight=False, soft_wrap=True)
        if campaign.load is None and campaign.description:
            console.print(f"observing: {campaign.description}", highlight=False, markup=False, soft_wrap=True)
        runner = CampaignRunner(campaign, prepared.deployments, prepared.catalogue, layout)
        with live_page(layout, page, console):
            if gate is None:
                return run_to_findings(runner, campaign, layout, console)
            return _run_gated(runner, gate, campaign, layout, console)


def run_to_findings(runner: CampaignRunner, campaign: Campaign, layout: Layout, console: Console) -> CampaignRun:
    """Run a campaign whose lock the caller holds to its end, and analyze it."""
    outcome = measure(runner, None, campaign, layout, console)
    conclude(ANALYSIS, layout, outcome, console)
    return _concluded(runner, outcome, layout)


def _run_gated(runner: CampaignRunner, gate: Gate, campaign: Campaign, layout: Layout, console: Console) -> CampaignRun:
    """The same, judged at the looks of the gate, which end it, and once more at the end."""
    from aging.check.foresight import foreseen  # noqa: PLC0415 - not for other campaigns
    from aging.check.watch import Watch  # noqa: PLC0415

    def tell(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    for sentence in foreseen(gate, campaign):
        tell(f"note: {sentence}")
    watch = Watch(gate, layout, runner.decide, runner.record_event, tell)
    outcome = measure(runner, watch.run() if gate.early else None, campaign, layout, console)
    conclude(GATE, layout, outcome, console, {"gate": gate.as_json(), "decided": watch.answer, "made": watch.made})
    return _concluded(runner, outcome, layout)


def _concluded(runner: CampaignRunner, outcome: Outcome, layout: Layout) -> CampaignRun:
    from aging.findings.findings_file import read_findings  # noqa: PLC0415 - after the measurement

    findings = require(read_findings(layout.findings), f"{layout.findings}, which the analysis has just written,")
    return CampaignRun(outcome, layout, findings, runner.decided or runner.halted)
