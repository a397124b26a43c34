"""Resumes a campaign."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from rich.console import Console

from aging.app.run import CampaignRun, _ran
from aging.campaign.load import parse_campaign, read_campaign
from aging.campaign.plan import rounds
from aging.load.schedule.input_files import found_from, read_inputs
from aging.runner.campaign import Runner
from aging.runner.catalogue import Catalogue
from aging.runner.preflight import Resumption, check, placed
from aging.runner.resume_plan import left_of
from aging.runner.takeover import check_resumable, left_processes, take_over, to_start
from aging.store.results import open_results


def resume_campaign(directory: Path, console: Console) -> CampaignRun:
    """Go on with a campaign whose runner has gone, to its end.

    Raises ResultsError, CampaignError, PreflightError, LockedError or NotResumableError before anything is changed.
    """
    results = open_results(directory)
    layout, folder = results.layout, results.state.folder
    check_resumable(layout.root, results.state)
    base = Path(folder) if folder is not None and Path(folder).is_dir() else Path()
    catalogue = Catalogue.discovered()
    text, told = read_campaign(layout.campaign).text, results.manifest.campaign
    overrides = {"duration": f"{told.duration_seconds:f}s", "scale": told.scale}
    parsed = parse_campaign(text, catalogue.kinds(), str(layout.campaign), **overrides)
    campaign = read_inputs(found_from(parsed, base), str(layout.campaign)).campaign
    starting = to_start(layout, results.state, rounds(campaign))
    resumed = Resumption(base, starting, left_processes(layout, results.state))
    check(campaign, catalogue, layout.root, str(layout.campaign), resumed)
    deployments = placed(campaign, catalogue, base)
    taken = take_over(layout)
    with contextlib.closing(taken.lock):
        what = "resumes" if results.events else "results"  # the runner of a detached campaign begins it
        console.print(f"{what}: {layout.root}", highlight=False, soft_wrap=True)
        for deployment, replica in left_of(rounds(campaign), taken.past, time.monotonic()).cut_short:
            told_over = f"{deployment}, replica {replica}: its time has passed, and nothing more of it is measured"
            console.print(told_over, highlight=False, markup=False, soft_wrap=True)
        runner = Runner(campaign, deployments, catalogue, layout, taken.past)
        return _ran(runner, None, campaign, layout, console)
