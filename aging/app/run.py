"""A campaign from file to findings: what ``aging run`` and ``aging check`` share."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from aging.app.analyze import derive
from aging.app.calibration_file import require_calibration
from aging.campaign.load import Written, parse_campaign, read_campaign
from aging.campaign.plan import rounds
from aging.campaign.schema import Campaign
from aging.check.early_stop import Gate, watch
from aging.core.allocator import keep_flat
from aging.core.clock import folder_name, ticks
from aging.core.errors import InconclusiveError, StorageError, writing
from aging.core.processes.child import describe_exit
from aging.core.processes.logs import tail
from aging.core.records import HARNESS, Findings
from aging.deployments.base import Subject
from aging.findings.smoke import SmokeVerdict, smoke_campaign, verdicts, write_verdicts
from aging.load.schedule.input_files import Input, found_from, read_inputs
from aging.report.live import lines, show_lines, table
from aging.report.progress import Progress
from aging.runner.campaign import Outcome, Runner
from aging.runner.catalogue import Catalogue
from aging.runner.manifest import manifest, write_manifest
from aging.runner.preflight import Resumption, check, notes, placed
from aging.runner.resume_plan import left_of
from aging.runner.takeover import check_resumable, left_processes, reap, take_up, to_start
from aging.store.layout import Layout
from aging.store.lock import Lock, owner_of
from aging.store.results import open_results
from aging.store.sealing import seal_tree

_REFRESH_SECONDS = 1.0
_PLAIN_SECONDS = 60.0
_POLL_SECONDS = 0.05
_START_SECONDS = 60.0
"""From starting a detached runner to its lock; on a quiet host it takes two, most of them for imports."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A campaign that has been run and analysed."""

    outcome: Outcome
    layout: Layout
    findings: Findings
    decided: str | None
    """Why it was ended before its time, where that was not asked for: what an early look found, or a watchdog."""


def run_campaign(
    written: Written,
    results: Path,
    overrides: Mapping[str, Any],
    console: Console,
    gate: Gate | None = None,
) -> Ran:
    """Check, run, seal, analyse and report a campaign; end it early once it has failed ``gate``.

    ``overrides`` stand in for top-level keys of the file.
    Raises CampaignError or PreflightError before anything is started or written, and InconclusiveError where the
    sanity run that the campaign asks for was not passed.
    """
    planned = _planned(written, results, overrides, console)
    _sane(planned, written, results, console)
    campaign, layout = planned.campaign, prepared(planned, written, results, console)
    if gate is not None:  # a gate that was killed is run again from its start
        campaign = campaign.model_copy(update={"orphan_grace": 0.0})
    with contextlib.closing(Lock.take(layout.root, "runner")):
        console.print(f"results: {layout.root}", highlight=False, soft_wrap=True)
        runner = Runner(campaign, planned.deployments, planned.catalogue, layout)
        looking = None if gate is None or gate.looks == 1 else watch(gate, campaign, layout, runner.decide, runner.tell)
        return _ran(runner, looking, campaign, layout, console)


def resume_campaign(directory: Path, console: Console) -> Ran:
    """Go on with a campaign whose runner has gone, to its end.

    Raises ResultsError, CampaignError, PreflightError, LockedError or NotResumableError before anything is changed.
    """
    results = open_results(directory)
    layout, folder = results.layout, results.state.folder
    check_resumable(layout.root, results.state)
    base = Path(folder) if folder is not None and Path(folder).is_dir() else Path()
    catalogue = Catalogue.discovered()
    text, told = read_campaign(layout.campaign).text, results.manifest["campaign"]
    overrides = {"duration": f"{told['duration_seconds']:f}s", "scale": told.get("scale")}
    parsed = parse_campaign(text, catalogue.kinds(), str(layout.campaign), **overrides)
    campaign = read_inputs(found_from(parsed, base), str(layout.campaign)).campaign
    starting = to_start(layout, results.state, rounds(campaign))
    resumed = Resumption(base, starting, left_processes(layout, results.state))
    check(campaign, catalogue, layout.root, str(layout.campaign), resumed)
    deployments = placed(campaign, catalogue, base)
    taken = take_up(layout)
    with contextlib.closing(taken.lock):
        what = "resumes" if results.events else "results"  # the runner of a detached campaign begins it
        console.print(f"{what}: {layout.root}", highlight=False, soft_wrap=True)
        for deployment, replica in left_of(rounds(campaign), taken.past, time.monotonic()).cut_short:
            told_over = f"{deployment}, replica {replica}: its time has passed, and nothing more of it is measured"
            console.print(told_over, highlight=False, markup=False, soft_wrap=True)
        runner = Runner(campaign, deployments, catalogue, layout, taken.past)
        return _ran(runner, None, campaign, layout, console)


def detach_campaign(written: Written, results: Path, overrides: Mapping[str, Any], console: Console) -> Detached:
    """Check a campaign and have it run by a process of its own, which outlives this one and its terminal.

    Raises CampaignError or PreflightError before anything is started or written, InconclusiveError when that
    process has ended at once, or the sanity run that the campaign asks for was not passed.
    """
    planned = _planned(written, results, overrides, console)
    _sane(planned, written, results, console)
    layout = prepared(planned, written, results, console)
    with writing(layout.root):
        layout.journal.touch()  # a campaign of which nothing has been done: it is resumed from its start
        log = layout.runner_log.open("ab")
    with log:
        process = subprocess.Popen(
            [sys.executable, "-m", "aging", "resume", str(layout.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    follow_start(layout, process)
    return Detached(layout, process.pid)


def follow_start(layout: Layout, process: subprocess.Popen[bytes], seconds: float = _START_SECONDS) -> None:
    """Return when the runner that was started has taken the directory's lock.

    Raises InconclusiveError with the end of its log where it has ended instead, or has not begun within ``seconds``:
    then it is ended, for it would begin unattended later.
    """
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        owner = owner_of(layout.root)
        if owner is not None and owner.pid == process.pid:
            return
        time.sleep(_POLL_SECONDS)
    late = process.poll() is None
    if late:
        process.kill()
    status = process.wait()
    why = f"did not begin within {seconds:g} s and was ended" if late else f"ended at once ({describe_exit(status)})"
    said = "".join(f"\n  | {line}" for line in tail(layout.runner_log))
    raise InconclusiveError(f"{layout.root}: its runner {why}; the end of {layout.runner_log}:{said or ' nothing'}")


@dataclass(frozen=True, slots=True)
class Detached:
    """A campaign that runs in a process of its own."""

    layout: Layout
    pid: int


@dataclass(frozen=True, slots=True)
class _Planned:
    """A campaign that could start now."""

    campaign: Campaign
    deployments: Sequence[Subject[Any]]
    catalogue: Catalogue
    files: Sequence[Input]


def _planned(written: Written, results: Path, overrides: Mapping[str, Any], console: Console) -> _Planned:
    catalogue = Catalogue.discovered()
    inputs = read_inputs(parse_campaign(written.text, catalogue.kinds(), written.source, **overrides), written.source)
    for told in reap():
        console.print(told, highlight=False, soft_wrap=True)
    check(inputs.campaign, catalogue, results, source=written.source)
    require_calibration(inputs.campaign, written.source)
    return _Planned(inputs.campaign, placed(inputs.campaign, catalogue), catalogue, inputs.files)


def prepared(planned: _Planned, written: Written, results: Path, console: Console) -> Layout:
    """The result directory of a campaign that is about to start; what is worth a note before it does is told."""
    content = manifest(planned.campaign, planned.deployments, planned.files)
    layout = prepare(planned.campaign, content, written.text, results)
    for file in planned.files:
        console.print(f"{file.where}: {file.told}", highlight=False, markup=False, soft_wrap=True)
    for note in notes(planned.campaign, planned.deployments):
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    return layout


def _ran(
    runner: Runner,
    looking: Coroutine[Any, Any, None] | None,
    campaign: Campaign,
    layout: Layout,
    console: Console,
) -> Ran:
    outcome = _sealed(runner, looking, campaign, layout, console)
    return Ran(outcome, layout, derive(layout.root), runner.decided or runner.halted)


def _sealed(
    runner: Runner,
    looking: Coroutine[Any, Any, None] | None,
    campaign: Campaign,
    layout: Layout,
    console: Console,
) -> Outcome:
    """Run to the end, and seal what there is."""
    keep_flat()
    outcome = asyncio.run(_watched(runner, looking, campaign, layout, console))
    try:
        with writing(layout.root):
            seal_tree(layout.root)
    except StorageError as error:
        if outcome is not Outcome.HALTED:
            raise
        console.print(f"not everything could be sealed: {error}; `aging resume` will", soft_wrap=True)
    return outcome


@dataclass(frozen=True, slots=True)
class Smoked:
    """A smoke run that has been judged."""

    outcome: Outcome
    layout: Layout
    verdicts: Sequence[SmokeVerdict]


def run_smoke(
    written: Written, results: Path, overrides: Mapping[str, Any], seconds: float, console: Console
) -> Smoked:
    """Check the host and the campaign, run every deployment for ``seconds``, seal and judge.

    Raises CampaignError or PreflightError before anything is started or written.
    """
    return _smoke(_planned(written, results, overrides, console), written, results, seconds, console)


def _smoke(planned: _Planned, written: Written, results: Path, seconds: float, console: Console) -> Smoked:
    """A smoke run of a campaign that could start now. Nobody resumes it: its servers end with it, even if killed."""
    campaign = smoke_campaign(planned.campaign, seconds)
    content = manifest(campaign, planned.deployments, planned.files) | {"smoke": True}
    layout = prepare(campaign, content, written.text, results)
    with contextlib.closing(Lock.take(layout.root, "runner")):
        console.print(f"smoke run, no results: {layout.root}", highlight=False, soft_wrap=True)
        runner = Runner(campaign, planned.deployments, planned.catalogue, layout)
        outcome = _sealed(runner, None, campaign, layout, console)
        told = verdicts(open_results(layout.root))
        write_verdicts(told, layout.smoke)
    return Smoked(outcome, layout, told)


def _sane(planned: _Planned, written: Written, results: Path, console: Console) -> None:
    """Have the sanity run that the campaign asks for, if it does. Raises InconclusiveError when it is not passed."""
    if planned.campaign.sanity:
        _pass(_smoke(planned, written, results, planned.campaign.sanity, console))


def _pass(smoked: Smoked) -> None:
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


def prepare(campaign: Campaign, content: Mapping[str, Any], text: str, results: Path) -> Layout:
    """Make the result directory with the campaign file's text verbatim and the manifest's content."""
    with writing(results / campaign.name):
        layout = Layout(_new_folder(results / campaign.name, time.time()))
        layout.run(HARNESS).mkdir(parents=True)
        layout.campaign.write_bytes(text.encode("utf-8"))
        write_manifest(content, layout.manifest)
    return layout


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
    with Progress(layout) as progress:
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                try:
                    async for _ in ticks(_REFRESH_SECONDS, time.monotonic()):
                        live.update(table(campaign.name, progress.snapshot()), refresh=True)
                finally:
                    live.update(table(campaign.name, progress.snapshot()), refresh=True)
        else:
            shown = time.monotonic()
            # Followed every second all the same: a minute's rows at once would be a step in our own memory.
            async for _ in ticks(_REFRESH_SECONDS, time.monotonic()):
                snapshot = progress.snapshot()
                if time.monotonic() - shown >= _PLAIN_SECONDS:
                    shown += _PLAIN_SECONDS
                    show_lines(console, lines(campaign.name, snapshot))


def _new_folder(parent: Path, wall: float) -> Path:
    """A folder that this call has made, also where another campaign starts in the same second."""
    parent.mkdir(parents=True, exist_ok=True)
    for part in count(1):
        folder = parent / (folder_name(wall) if part == 1 else f"{folder_name(wall)}-{part}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("there are endless names")
