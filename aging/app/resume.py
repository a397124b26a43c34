"""Resumes a campaign."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from aging.app.bodies import kept_bodies
from aging.app.prepare import require_parts
from aging.app.run import CampaignRun, run_to_findings
from aging.campaign.load import parse_campaign, read_campaign
from aging.campaign.plan import rounds
from aging.load.schedule.input_files import found_from, read_inputs
from aging.runner.campaign import CampaignRunner
from aging.runner.catalogue import Catalogue
from aging.runner.preflight import Resumption, check, resolve_deployments
from aging.runner.resume_plan import remaining_work
from aging.runner.takeover import check_resumable, left_processes, take_over, to_start
from aging.store.results import open_results


def resume_campaign(directory: Path, console: Console, begun: Callable[[], None] | None = None) -> CampaignRun:
    """Continue a campaign whose runner has ended, and run it to its end; call ``begun`` once it is this process's.

    Raises ResultsError, CampaignError, PreflightError, LockedError or NotResumableError before it changes anything.
    """
    results = open_results(directory)
    layout, folder = results.layout, results.state.folder
    check_resumable(layout.root, results.state)
    base = Path(folder) if folder is not None and Path(folder).is_dir() else Path()
    catalogue = Catalogue.discovered()
    text, recorded = read_campaign(layout.campaign).text, results.manifest.campaign
    overrides = {"duration": f"{recorded.duration_seconds:f}s", "scale": recorded.scale}
    parsed = parse_campaign(text, catalogue.kinds(), str(layout.campaign), **overrides)
    inputs = found_from(kept_bodies(parsed, layout), base)
    campaign = read_inputs(inputs, str(layout.campaign)).campaign
    starting = to_start(layout, results.state, rounds(campaign))
    resumed = Resumption(base, starting, left_processes(layout, results.state))
    require_parts(campaign, str(layout.root), console)
    check(campaign, catalogue, layout.root, str(layout.campaign), resumed)
    deployments = resolve_deployments(campaign, catalogue, base)
    takeover = take_over(layout)
    with contextlib.closing(takeover.lock):
        if begun is not None:
            begun()
        label = "resumes" if results.events else "results"  # the runner of a detached campaign starts it
        console.print(f"{label}: {layout.root}", highlight=False, soft_wrap=True)
        for deployment, replica in remaining_work(rounds(campaign), takeover.prior, time.monotonic()).cut_short:
            message = f"{deployment}, replica {replica}: its time window is over; it will not be measured further."
            console.print(message, highlight=False, markup=False, soft_wrap=True)
        runner = CampaignRunner(campaign, deployments, catalogue, layout, takeover.prior)
        return run_to_findings(runner, campaign, layout, console)
