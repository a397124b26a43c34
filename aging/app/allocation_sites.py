"""Where servers that grew allocate what they keep: they are run once more, for a moment, with the allocation probe.

The measurement itself is left alone: tracking costs time and memory, which would show in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from aging.app.execute import measure
from aging.app.prepare import make_result_directory, prepare_campaign
from aging.campaign.load import CampaignText
from aging.campaign.schema import Campaign, DeploymentOptions
from aging.campaign.smoke import smoke_campaign
from aging.check.allocation_sites import SETTLE_SECONDS, load_started, probe_environment, read_sites, track
from aging.findings.gate import AllocationSite
from aging.runner.campaign import CampaignRunner
from aging.runner.preflight import resolve_deployments
from aging.store.layout import Layout
from aging.store.lock import Lock, owner_of
from aging.store.own_folder import own_folder

_AT_MOST_SECONDS = 240.0
"""Of load beyond what is tracked: it ends when the servers have answered."""

_RESULTS, _PROBED = "results", "probed"


def find_allocation_sites(
    campaign_text: CampaignText,
    overrides: Mapping[str, Any],
    deployments: Collection[str],
    seconds: float,
    console: Console,
) -> Mapping[str, Sequence[AllocationSite]]:
    """Run ``deployments`` under their load and track their allocations for ``seconds``; the sites by deployment.

    A deployment that the campaign does not start, or without a Python process, has no sites. The results of the run
    are not kept. Raises what :func:`aging.app.run.run_campaign` raises before it starts.
    """
    with own_folder("allocations", "run-", _clear) as temporary:
        results = temporary / _RESULTS
        prepared = prepare_campaign(campaign_text, results, overrides, console)
        folders = {name: temporary / _PROBED / name for name in deployments}
        campaign = _with_probe(prepared.campaign, folders, SETTLE_SECONDS + seconds + _AT_MOST_SECONDS)
        if not campaign.deployment:
            return {}
        for folder in folders.values():
            folder.mkdir(parents=True)
        probed = replace(prepared, campaign=campaign, deployments=resolve_deployments(campaign, prepared.catalogue))
        content = probed.manifest().model_copy(update={"smoke": True})
        layout = make_result_directory(campaign, content, campaign_text.text, results)
        with contextlib.closing(Lock.take(layout.root, "runner")):
            looking = f"looking for where {', '.join(folders)} allocates what it keeps: {seconds:.0f}s more of load"
            console.print(looking, highlight=False, markup=False, soft_wrap=True)
            runner = CampaignRunner(campaign, probed.deployments, probed.catalogue, layout)
            measure(runner, _track(runner, folders.values(), layout, seconds), campaign, layout, console)
        return {name: read_sites(folder) for name, folder in folders.items()}


def _clear(folder: Path) -> bool:
    """Whether the servers that a killed process has left there are stopped, too: their keeper holds a lock."""
    return all(owner_of(lock.parent) is None for lock in (folder / _RESULTS).glob("*/*/lock"))


async def _track(runner: CampaignRunner, folders: Collection[Path], layout: Layout, seconds: float) -> None:
    await load_started(layout)
    await track(folders, seconds)
    runner.decide("allocations were tracked")


def _with_probe(campaign: Campaign, folders: Mapping[str, Path], seconds: float) -> Campaign:
    """The campaign with one run of ``seconds`` of each deployment that has a folder and that it starts."""
    probed = [
        one.model_copy(update={"env": probe_environment(folders[one.name], one.env)})
        for one in campaign.deployment
        if one.name in folders and isinstance(one, DeploymentOptions)
    ]
    return smoke_campaign(campaign, seconds).model_copy(update={"deployment": tuple(probed)})
