"""Runs every deployment for a minute: can it be measured?"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console

from aging.app.conclude import SMOKE, conclude
from aging.app.execute import measure
from aging.app.prepare import PreparedCampaign, prepare, prepare_campaign
from aging.campaign.load import CampaignText
from aging.campaign.smoke import smoke_campaign
from aging.core.errors import InconclusiveError
from aging.findings.types import SmokeVerdict
from aging.runner.campaign import Outcome, Runner
from aging.runner.manifest import manifest
from aging.store.layout import Layout
from aging.store.lock import Lock


@dataclass(frozen=True, slots=True)
class SmokeRun:
    """A smoke run that has been judged."""

    outcome: Outcome
    layout: Layout
    verdicts: Sequence[SmokeVerdict]


def run_smoke(
    written: CampaignText, results: Path, overrides: Mapping[str, Any], seconds: float, console: Console
) -> SmokeRun:
    """Check the host and the campaign, run every deployment for ``seconds``, seal and judge.

    Raises CampaignError or PreflightError before anything is started or written.
    """
    return _smoke(prepare_campaign(written, results, overrides, console), written, results, seconds, console)


def _smoke(
    planned: PreparedCampaign, written: CampaignText, results: Path, seconds: float, console: Console
) -> SmokeRun:
    """A smoke run of a campaign that could start now. Nobody resumes it: its servers end with it, even if killed."""
    campaign = smoke_campaign(planned.campaign, seconds)
    content = manifest(campaign, planned.deployments, planned.files).model_copy(update={"smoke": True})
    layout = prepare(campaign, content, written.text, results)
    with contextlib.closing(Lock.take(layout.root, "runner")):
        console.print(f"smoke run, no results: {layout.root}", highlight=False, soft_wrap=True)
        runner = Runner(campaign, planned.deployments, planned.catalogue, layout)
        outcome = measure(runner, None, campaign, layout, console)
        found = conclude(SMOKE, layout, outcome, console)
    return SmokeRun(outcome, layout, TypeAdapter(list[SmokeVerdict]).validate_python(found))


def _sane(planned: PreparedCampaign, written: CampaignText, results: Path, console: Console) -> None:
    """Have the sanity run that the campaign asks for, if it does. Raises InconclusiveError when it is not passed."""
    if planned.campaign.sanity:
        _pass(_smoke(planned, written, results, planned.campaign.sanity, console))


def _pass(smoked: SmokeRun) -> None:
    """Raise InconclusiveError with what failed in a smoke run, or for one that was interrupted."""
    if smoked.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    if smoked.outcome is Outcome.HALTED:
        raise InconclusiveError("the sanity run was halted, so the campaign was not started")
    failed = [
        f"  {verdict.deployment}: {'; '.join(check.message for check in verdict.checks if check.status == 'fail')}"
        for verdict in smoked.verdicts
        if not verdict.passed
    ]
    if failed:
        raise InconclusiveError("the sanity run was not passed, so the campaign was not started\n" + "\n".join(failed))
