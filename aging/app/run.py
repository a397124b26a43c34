"""A campaign from file to findings: what ``aging run`` and ``aging check`` share."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from aging.app.conclude import ANALYSIS, conclude
from aging.app.execute import measure
from aging.app.prepare import make_result_directory, prepare_campaign
from aging.app.smoke import _sane
from aging.campaign.load import CampaignText
from aging.campaign.schema import Campaign
from aging.check.early_stop import Gate, watch
from aging.findings.findings_file import read_findings
from aging.findings.types import Findings
from aging.runner.campaign import Outcome, Runner
from aging.store.layout import Layout
from aging.store.lock import Lock


@dataclass(frozen=True, slots=True)
class CampaignRun:
    """A campaign that has been run and analysed."""

    outcome: Outcome
    layout: Layout
    findings: Findings
    decided: str | None
    """Why it was ended before its time, where that was not asked for: what an early look found, or a watchdog."""


def run_campaign(
    written: CampaignText,
    results: Path,
    overrides: Mapping[str, Any],
    console: Console,
    gate: Gate | None = None,
) -> CampaignRun:
    """Check, run, seal, analyse and report a campaign; end it early once it has failed ``gate``.

    ``overrides`` stand in for top-level keys of the file.
    Raises CampaignError or PreflightError before anything is started or written, and InconclusiveError where the
    sanity run that the campaign asks for was not passed.
    """
    planned = prepare_campaign(written, results, overrides, console)
    _sane(planned, written, results, console)
    campaign, layout = planned.campaign, make_result_directory(planned, written, results, console)
    if gate is not None:  # a gate that was killed is run again from its start
        campaign = campaign.model_copy(update={"orphan_grace": 0.0})
    with contextlib.closing(Lock.take(layout.root, "runner")):
        console.print(f"results: {layout.root}", highlight=False, soft_wrap=True)
        runner = Runner(campaign, planned.deployments, planned.catalogue, layout)
        looking = None if gate is None or gate.looks == 1 else watch(gate, campaign, layout, runner.decide, runner.tell)
        return _ran(runner, looking, campaign, layout, console)


def _ran(
    runner: Runner,
    looking: Coroutine[Any, Any, None] | None,
    campaign: Campaign,
    layout: Layout,
    console: Console,
) -> CampaignRun:
    outcome = measure(runner, looking, campaign, layout, console)
    conclude(ANALYSIS, layout, outcome, console)
    return CampaignRun(outcome, layout, read_findings(layout.findings), runner.decided or runner.halted)
