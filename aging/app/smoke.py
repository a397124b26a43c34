"""Smoke runs: every deployment runs for a minute and is checked."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console

from aging.app.conclude import SMOKE, conclude
from aging.app.execute import measure
from aging.app.prepare import PreparedCampaign, make_result_directory, prepare_campaign
from aging.campaign.load import CampaignText
from aging.campaign.smoke import smoke_campaign
from aging.core.errors import InconclusiveError
from aging.findings.types import SmokeVerdict
from aging.runner.campaign import CampaignRunner, Outcome
from aging.store.layout import Layout
from aging.store.lock import Lock


@dataclass(frozen=True, slots=True)
class SmokeRun:
    """A smoke run and its verdicts."""

    outcome: Outcome
    layout: Layout
    verdicts: Sequence[SmokeVerdict]


def run_smoke(
    campaign_text: CampaignText, results: Path, overrides: Mapping[str, Any], seconds: float, console: Console
) -> SmokeRun:
    """Check the campaign, run every deployment for ``seconds``, seal and judge.

    Raises CampaignError or PreflightError before it starts or writes anything.
    """
    prepared = prepare_campaign(campaign_text, results, overrides, console)
    return _run_prepared(prepared, campaign_text, results, seconds, console)


def _run_prepared(
    prepared: PreparedCampaign, campaign_text: CampaignText, results: Path, seconds: float, console: Console
) -> SmokeRun:
    """A smoke run is never resumed: its servers end with it, also when its runner is killed."""
    campaign = smoke_campaign(prepared.campaign, seconds)
    content = replace(prepared, campaign=campaign).manifest().model_copy(update={"smoke": True})
    layout = make_result_directory(campaign, content, campaign_text.text, results)
    with contextlib.closing(Lock.take(layout.root, "runner")):
        console.print(f"smoke run, no results: {layout.root}", highlight=False, soft_wrap=True)
        runner = CampaignRunner(campaign, prepared.deployments, prepared.catalogue, layout)
        outcome = measure(runner, None, campaign, layout, console)
        found = conclude(SMOKE, layout, outcome, console)
    return SmokeRun(outcome, layout, TypeAdapter(list[SmokeVerdict]).validate_python(found))


def run_sanity_check(prepared: PreparedCampaign, campaign_text: CampaignText, results: Path, console: Console) -> None:
    """Do the sanity run of a campaign whose ``sanity`` is set. Raises InconclusiveError if it fails."""
    if seconds := prepared.campaign.sanity:
        _require_passed(_run_prepared(prepared, campaign_text, results, seconds, console))


def _require_passed(smoke: SmokeRun) -> None:
    """Raise InconclusiveError with the failed checks of a smoke run, KeyboardInterrupt if it was interrupted."""
    if smoke.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    if smoke.outcome is Outcome.HALTED:
        raise InconclusiveError("the sanity run was halted, so the campaign was not started")
    failed = [
        f"  {verdict.deployment}: {'; '.join(check.message for check in verdict.checks if check.status == 'fail')}"
        for verdict in smoke.verdicts
        if not verdict.passed
    ]
    if failed:
        raise InconclusiveError("the sanity run failed, so the campaign was not started\n" + "\n".join(failed))
