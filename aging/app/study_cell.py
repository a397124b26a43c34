"""One cell of a study as one job of a batch system, without a cluster: ``aging run STUDY.toml --cell N --study ID``.

The jobs share the folder of results. The first that comes makes the study's folder; each runs its cell there, in place.
"""

from __future__ import annotations

import contextlib
import fcntl
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from rich.console import Console

from aging.app.resume import resume_campaign
from aging.app.run import CampaignRun, run_campaign
from aging.campaign.load import CampaignText
from aging.core.errors import AgingError, InconclusiveError, ResultsError, writing
from aging.runner.catalogue import Catalogue
from aging.store.journal import read_journal
from aging.store.lock import Lock, LockedError, owner_of
from aging.store.manifest_file import manifest_content
from aging.store.state import RESUMABLE, CampaignState, fold
from aging.study.cells import Cell, cells_of
from aging.study.events import AttemptCollected, AttemptPlaced, AttemptResumed, AttemptSeen, HostSeen, StudyEvent
from aging.study.fleet import AttemptState
from aging.study.host import facts
from aging.study.host.looks import why_ended
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger, read_ledger
from aging.study.load import Study, load_study
from aging.study.plan_file import StudyPlan, read_plan, write_plan
from aging.study.state import fold as state_of

_COUNTS = ("completed", "decided")


@dataclass(frozen=True, slots=True)
class CellRun:
    """A cell that was run, or that had its result already: then ``run`` is None."""

    cell: Cell
    directory: Path
    run: CampaignRun | None


def run_cell(file: Path, number: int, identity: str, results: Path, console: Console) -> CellRun:
    """Run the cell of this number, counted from 0, to its end; continue the attempt that was interrupted on this host.

    A cell with a result is left as it is. An attempt that began on another host is not continued: the next one begins.
    Raises CampaignError, PreflightError, ResultsError, LockedError where another job runs this cell, and
    InconclusiveError where its attempts are used up.
    """
    study = load_study(file, Catalogue.discovered().kinds())
    layout = _study_folder(study, identity, results.absolute())
    plan = read_plan(layout)
    cell = _cell(plan, number, file)
    folder = layout.cells / cell.name
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Lock.take(folder, "runner")):
        return _in_turn(layout, plan, cell, file, console)


def _in_turn(layout: StudyLayout, plan: StudyPlan, cell: Cell, file: Path, console: Console) -> CellRun:
    attempts = _attempts(layout.cells / cell.name)
    console.print(f"cell: {cell.name}", soft_wrap=True)
    if done := [one for one, state in attempts if state.phase in _COUNTS and owner_of(one) is None]:
        if not _is_recorded(layout, cell):  # its job ended after the campaign, before or in its analysis
            from aging.app.analyze import derive  # noqa: PLC0415 - not on a host that measures

            with _told(layout, cell, [one for one, _ in attempts].index(done[0]) + 1, done[0]):
                derive(done[0])
        console.print(f"has its result: {done[0]}", soft_wrap=True)
        return CellRun(cell, done[0], None)
    host = platform.node()
    if attempts:
        last, state = attempts[-1]
        if (owner := owner_of(last)) is not None and owner.role == "runner":
            raise LockedError(last, owner)
        if state.phase in RESUMABLE and _host_of(last) == host:
            _record(layout, AttemptResumed(cell=cell.name, number=len(attempts)))
            with _told(layout, cell, len(attempts), last):
                return CellRun(cell, last, resume_campaign(last, console))
    if len(attempts) >= plan.file.attempts:
        raise InconclusiveError(
            f"{layout.root}: cell {cell.name} has no result after {len(attempts)} attempts, and the study's `attempts` "
            f"allows {plan.file.attempts}; the last is {attempts[-1][0]}"
        )
    number = len(attempts) + 1
    _record(
        layout,
        HostSeen(facts=facts(host, plan.file.hosts.scratch, time.time())),
        AttemptPlaced(cell=cell.name, number=number, host=host),
    )
    directory = layout.attempt(cell.name, number)
    with contextlib.chdir(file.absolute().parent), _told(layout, cell, number, directory):
        text = CampaignText(cell.campaign, f"{file.name}, cell {cell.name}")
        return CellRun(cell, directory, run_campaign(text, directory.parent, {}, console, directory=directory))


def _study_folder(study: Study, identity: str, results: Path) -> StudyLayout:
    """The study's folder, made by the first job. Raises AgingError for the folder of another study."""
    if not identity or identity.startswith(".") or "/" in identity or "\0" in identity:
        raise AgingError(f"--study: {identity!r} cannot name a folder; give the id of the batch job, like 4711")
    layout = StudyLayout(results / study.file.name / identity)
    if not layout.exists:
        making = layout.root.parent / f".{token_hex(6)}.tmp"
        made = StudyLayout(making / identity)
        with writing(layout.root):
            try:
                made.root.mkdir(parents=True)
                made.cells.mkdir()
                write_plan(made, study)
                with contextlib.suppress(FileExistsError, OSError):  # another job was faster: the folder is not empty
                    made.root.rename(layout.root)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    known = {cell.name: cell.campaign for cell in read_plan(layout).cells}
    if known != {cell.name: cell.campaign for cell in cells_of(study)}:
        raise AgingError(f"{layout.root}: was made for another study file; give this one another --study ID")
    return layout


def _cell(plan: StudyPlan, number: int, file: Path) -> Cell:
    if not 0 <= number < len(plan.cells):
        raise AgingError(f"--cell: {file} has {len(plan.cells)} cells; give a number from 0 to {len(plan.cells) - 1}")
    return plan.cells[number]


def _attempts(folder: Path) -> list[tuple[Path, CampaignState]]:
    """The attempts at a cell, the oldest first. One without a journal was killed before it began."""
    found = []
    for one in sorted(folder.glob("a[0-9]*")):
        with contextlib.suppress(ResultsError):
            found.append((one, fold(read_journal(one / "journal.jsonl"))))
            continue
        found.append((one, CampaignState(phase="failed")))
    return found


def _is_recorded(layout: StudyLayout, cell: Cell) -> bool:
    """Whether the ledger has the result of this cell, which is written after its analysis."""
    known = state_of(read_ledger(layout.ledger)).cells.get(cell.name)
    return known is not None and known.result is not None


def _host_of(directory: Path) -> str | None:
    """The name of the host where an attempt began."""
    try:
        host = manifest_content(directory / "manifest.json").get("host")
    except ResultsError:
        return None
    return host.get("name") if isinstance(host, dict) else None


@contextlib.contextmanager
def _told(layout: StudyLayout, cell: Cell, number: int, directory: Path) -> Iterator[None]:
    """Record in the ledger how an attempt ended, also by an error."""
    try:
        yield
    except AgingError as error:
        _record(layout, AttemptSeen(cell=cell.name, number=number, state="refused", why=str(error)))
        raise
    journal = read_journal(directory / "journal.jsonl")
    state, why = _ended(fold(journal)), why_ended(journal, directory)
    files = [path for path in directory.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    _record(
        layout,
        AttemptSeen(cell=cell.name, number=number, state=state, directory=str(directory), why=why),
        AttemptCollected(cell=cell.name, number=number, files=len(files), size=size, whole=True),
    )


def _ended(state: CampaignState) -> AttemptState:
    match state.phase:
        case "preparing" | "running" | "draining":
            return "abandoned"
        case phase:
            return phase


def _record(layout: StudyLayout, *happened: StudyEvent) -> None:
    """Append to the ledger, one job at a time."""
    with writing(layout.ledger), (layout.root / "ledger.lock").open("a") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        ledger = Ledger(layout.ledger)
        try:
            for event in happened:
                ledger.record(event)
        finally:
            ledger.close()
