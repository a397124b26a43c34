"""A campaign from file to findings: what ``aging run`` and ``aging check`` share."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from aging.campaign import Written, parse_campaign
from aging.campaign.schema import Campaign
from aging.catalogue import Catalogue
from aging.clock import folder_name, ticks
from aging.early import Gate, watch
from aging.errors import InconclusiveError
from aging.findings import analyse, write_findings
from aging.live import lines, show_lines, table
from aging.manifest import manifest, write_manifest
from aging.model import HARNESS, Findings
from aging.plan import planned_seconds
from aging.preflight import check, placed
from aging.progress import Progress
from aging.report import write_report
from aging.runner import Outcome, Runner
from aging.smoke import SmokeVerdict, smoke_campaign, verdicts, write_verdicts
from aging.store.layout import Layout
from aging.store.results import open_results
from aging.store.sealing import seal_tree

_REFRESH_SECONDS = 1.0
_PLAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A campaign that has been run and analysed."""

    outcome: Outcome
    layout: Layout
    findings: Findings
    decided: str | None
    """What an early look found, where that ended it."""


def run_campaign(
    written: Written, results: Path, duration: str | None, console: Console, gate: Gate | None = None
) -> Ran:
    """Check, run, seal, analyse and report a campaign; end it early once it has failed ``gate``.

    Raises CampaignError or PreflightError before anything is started or written, and InconclusiveError where the
    sanity run that the campaign asks for was not passed.
    """
    catalogue = Catalogue.discovered()
    campaign = parse_campaign(written.text, catalogue.kinds(), written.source, duration=duration)
    check(campaign, catalogue, results, source=written.source)
    if campaign.sanity:
        _pass(run_smoke(written, results, campaign.sanity, console))
    deployments = placed(campaign, catalogue)
    layout = prepare(campaign, manifest(campaign, deployments), written.text, results)
    console.print(f"results: {layout.root}", highlight=False, soft_wrap=True)
    runner = Runner(campaign, deployments, catalogue, layout)
    looking = None if gate is None or gate.looks == 1 else watch(gate, campaign, layout, runner.decide)
    outcome = asyncio.run(_watched(runner, looking, campaign, layout, console))
    seal_tree(layout.root)
    return Ran(outcome, layout, derive(layout.root), runner.decided)


@dataclass(frozen=True, slots=True)
class Smoked:
    """A smoke run that has been judged."""

    outcome: Outcome
    layout: Layout
    verdicts: Sequence[SmokeVerdict]


def run_smoke(written: Written, results: Path, seconds: float, console: Console) -> Smoked:
    """Check the host and the campaign, run every deployment for ``seconds``, seal and judge.

    Raises CampaignError or PreflightError before anything is started or written.
    """
    catalogue = Catalogue.discovered()
    campaign = smoke_campaign(parse_campaign(written.text, catalogue.kinds(), written.source), seconds)
    check(campaign, catalogue, results, source=written.source)
    deployments = placed(campaign, catalogue)
    layout = prepare(campaign, manifest(campaign, deployments) | {"smoke": True}, written.text, results)
    console.print(f"smoke run, no results: {layout.root}", highlight=False, soft_wrap=True)
    runner = Runner(campaign, deployments, catalogue, layout)
    outcome = asyncio.run(_watched(runner, None, campaign, layout, console))
    seal_tree(layout.root)
    told = verdicts(open_results(layout.root))
    write_verdicts(told, layout.smoke)
    return Smoked(outcome, layout, told)


def _pass(smoked: Smoked) -> None:
    """Raise InconclusiveError with what failed in a smoke run, or for one that was interrupted."""
    if smoked.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    failed = [
        f"  {verdict.deployment}: {'; '.join(check.message for check in verdict.checks if check.status == 'fail')}"
        for verdict in smoked.verdicts
        if not verdict.passed
    ]
    if failed:
        raise InconclusiveError("the sanity run was not passed, so the campaign was not started\n" + "\n".join(failed))


def prepare(campaign: Campaign, content: Mapping[str, Any], text: str, results: Path) -> Layout:
    """Make the result directory with the campaign file's text verbatim and the manifest's content."""
    layout = Layout(_new_folder(results / campaign.name, time.time()))
    layout.run(HARNESS).mkdir(parents=True)
    layout.campaign.write_bytes(text.encode("utf-8"))
    write_manifest(content, layout.manifest)
    return layout


def derive(root: Path) -> Findings:
    """(Re)build ``findings.json`` and ``report.html`` from what a campaign wrote."""
    results = open_results(root)
    findings = analyse(results, Catalogue.discovered().tests)
    write_findings(findings, results.layout.findings)
    write_report(results, findings, results.layout.report)
    return findings


async def _watched(
    runner: Runner,
    looking: Coroutine[Any, Any, None] | None,
    campaign: Campaign,
    layout: Layout,
    console: Console,
) -> Outcome:
    beside = [asyncio.create_task(_view(campaign, layout, console))]
    if looking is not None:
        beside.append(asyncio.create_task(looking))
    try:
        return await runner.run()
    finally:
        for task in beside:
            task.cancel()
            # Whoever looked may have gone (``| head``): the campaign goes on without being seen.
            with contextlib.suppress(asyncio.CancelledError, BrokenPipeError):
                await task


async def _view(campaign: Campaign, layout: Layout, console: Console) -> None:
    planned = planned_seconds(campaign)
    with Progress(layout) as progress:
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                try:
                    async for _ in ticks(_REFRESH_SECONDS, time.monotonic()):
                        live.update(table(campaign.name, progress.snapshot(), planned), refresh=True)
                finally:
                    live.update(table(campaign.name, progress.snapshot(), planned), refresh=True)
        else:
            shown = time.monotonic()
            # Followed every second all the same: a minute's rows at once would be a step in our own memory.
            async for _ in ticks(_REFRESH_SECONDS, time.monotonic()):
                snapshot = progress.snapshot()
                if time.monotonic() - shown >= _PLAIN_SECONDS:
                    shown += _PLAIN_SECONDS
                    show_lines(console, lines(campaign.name, snapshot, planned))


def _new_folder(parent: Path, wall: float) -> Path:
    """A folder that this call has made, also where another campaign starts in the same second."""
    parent.mkdir(parents=True, exist_ok=True)
    for part in count(1):
        folder = parent / (folder_name(wall) if part == 1 else f"{folder_name(wall)}-{part}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("there are endless names")
