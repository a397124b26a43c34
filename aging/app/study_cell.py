"""One cell of a study as one job of a batch system, without a cluster: ``aging run STUDY.toml --cell N --study ID``.

The jobs share the folder of results. The first that comes makes the study's folder; each runs its cell there, in place.
"""

from __future__ import annotations

import contextlib
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Literal

from rich.console import Console

from aging.app.prepare import prepare_campaign
from aging.app.resume import resume_campaign
from aging.app.run import CampaignRun, run_prepared
from aging.app.study_store import shared_folder
from aging.campaign.load import CampaignText, read_campaign
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
from aging.study.load import Study, is_study, load_study
from aging.study.plan_file import read_plan, write_plan
from aging.study.state import Attempt, StudyState
from aging.study.state import fold as state_of

_COUNTS = ("completed", "decided")
_STOP = "to stop it, cancel its job"


@dataclass(frozen=True, slots=True)
class CellRun:
    """A cell that was run, or that had its result already: then ``run`` is None."""

    cell: Cell
    directory: Path
    run: CampaignRun | None


@dataclass(frozen=True, slots=True)
class _Step:
    """What a job has to do, with which attempt; ``done``: its result is there."""

    what: Literal["done", "resume", "begin"]
    number: int
    directory: Path


def run_cell(file: Path, number: int, identity: str, results: Path | None, console: Console) -> CellRun:
    """Run the cell of this number, counted from 0, to its end; continue the attempt that was interrupted on this host.

    ``results`` is the folder that the jobs share, None for that of the study file. A cell with a result is left as it
    is. An attempt that began on another host is not continued: the next one begins.
    Before anything is written raises CampaignError, PreflightError, ResultsError, InputError for a URL of results,
    LockedError where another job runs this cell or a process the study, AgingError for the study of a cluster, and
    InconclusiveError where its attempts are used up.
    """
    study = _study(file)
    layout = _layout(study, identity, shared_folder(study.file, file.parent, results).absolute())
    cell = _cell(study, number, file)
    console.print(f"cell: {cell.name}", soft_wrap=True)
    text = CampaignText(cell.campaign, f"{file.name}, cell {cell.name}")
    while True:
        if (owner := owner_of(layout.cells / cell.name)) is not None:
            raise LockedError(layout.cells / cell.name, owner, _STOP)
        step = _step(layout, study, cell)
        with contextlib.chdir(file.absolute().parent):
            prepared = prepare_campaign(text, layout.cells, {}, console) if step.what == "begin" else None
        folder = _folder(layout, study, cell)
        with contextlib.closing(_taken(folder)):
            if _step(layout, study, cell) != step:  # another job was here since
                continue
            if step.what == "done":
                return _done(layout, cell, step, console)
            with _told(layout, cell, step) as told:
                if prepared is None:
                    run = resume_campaign(step.directory, console, told.resumes)
                else:
                    told.begins(study.file.hosts.scratch)
                    with contextlib.chdir(file.absolute().parent):
                        run = run_prepared(prepared, text, folder, console, directory=step.directory)
            return CellRun(cell, step.directory, run)


def _taken(folder: Path) -> Lock:
    """The lock of a cell's folder, which is no result directory. Raises LockedError where another job was faster."""
    try:
        return Lock.take(folder, "runner")
    except LockedError as error:
        raise LockedError(folder, error.owner, _STOP) from None


def _study(file: Path) -> Study:
    """The study of a file. Raises CampaignError, and AgingError for a campaign file."""
    study = load_study(file, Catalogue.discovered().kinds()) if is_study(file) else None
    if study is None:
        read_campaign(file)  # a file that cannot be read is named first
        raise AgingError(
            f"{file}: is no study file, as it has no key `campaign`; --cell needs a study file. To run a campaign file "
            "here, leave --cell and --study out"
        )
    return study


def _layout(study: Study, identity: str, results: Path) -> StudyLayout:
    """Where the study's folder is, or will be. Raises AgingError for what cannot name one."""
    if not identity or identity.startswith(".") or "/" in identity or "\0" in identity:
        raise AgingError(f"--study: {identity!r} cannot name a folder; give the id of the batch job, like 4711")
    return StudyLayout(results / study.file.name / identity)


def _cell(study: Study, number: int, file: Path) -> Cell:
    cells = cells_of(study)
    if not 0 <= number < len(cells):
        raise AgingError(f"--cell: {file} has {len(cells)} cells; give a number from 0 to {len(cells) - 1}")
    return cells[number]


def _step(layout: StudyLayout, study: Study, cell: Cell) -> _Step:
    """What is to be done next; writes nothing. Raises as :func:`run_cell` does."""
    if not layout.exists:
        return _Step("begin", 1, layout.attempt(cell.name, 1))
    if (owner := owner_of(layout.root)) is not None:
        raise LockedError(layout.root, owner)
    _require_same(layout, study)
    state = state_of(read_ledger(layout.ledger))
    _require_jobs(layout, state)
    attempts = _attempts(layout.cells / cell.name)
    for number, directory, now in attempts:
        if now.phase in _COUNTS and owner_of(directory) is None:
            return _Step("done", number, directory)
    recorded = {one.number: one for one in state.cells[cell.name].attempts} if cell.name in state.cells else {}
    if attempts:
        number, directory, now = attempts[-1]
        if (owner := owner_of(directory)) is not None and owner.role == "runner":
            raise LockedError(directory, owner)
        if now.phase in RESUMABLE and _is_of_this_host(directory, recorded.get(number)):
            return _Step("resume", number, directory)
    last = max([0, *recorded, *(number for number, _, _ in attempts)])
    if last >= study.file.attempts:
        raise InconclusiveError(
            f"{layout.root}: cell {cell.name} has no result after {last} attempts, and the study's `attempts` allows "
            f"{study.file.attempts}; the last is {layout.attempt(cell.name, last)}"
        )
    return _Step("begin", last + 1, layout.attempt(cell.name, last + 1))


def _require_same(layout: StudyLayout, study: Study) -> None:
    """Raise AgingError for the folder of another study file, which names what differs."""
    plan = read_plan(layout)
    was, asked = plan.file.model_dump(mode="json"), study.file.model_dump(mode="json")
    other = [f"`{key}`" for key in asked if was.get(key) != asked[key]]
    if {one.name: one.campaign for one in plan.cells} != {one.name: one.campaign for one in cells_of(study)}:
        other.append("the campaign of its cells")
    if dict(plan.files) != dict(study.files):
        other.append("the content of its `files`")
    if other:
        raise AgingError(
            f"{layout.root}: was made for another study file ({', '.join(other)} differ); give this one another "
            "--study ID"
        )


def _require_jobs(layout: StudyLayout, state: StudyState) -> None:
    """Raise AgingError for a study that was begun on a cluster: its head alone says what its attempts are."""
    if state.started is not None:
        raise AgingError(
            f"{layout.root}: this study was begun on the cluster {state.cluster}; continue it "
            f"there: aging resume {layout.root}. For jobs give another --study ID"
        )


def _attempts(folder: Path) -> list[tuple[int, Path, CampaignState]]:
    """The attempts at a cell, the oldest first. One without a journal was killed before it began."""
    found = []
    for one in sorted(folder.glob("a[0-9]*"), key=lambda path: (len(path.name), path.name)):
        if not one.name[1:].isdecimal():
            continue
        try:
            state = fold(read_journal(one / "journal.jsonl"))
        except ResultsError:
            state = CampaignState(phase="failed")
        found.append((int(one.name[1:]), one, state))
    return found


def _is_of_this_host(directory: Path, recorded: Attempt | None) -> bool:
    """Whether an attempt began on a host of this name, as the ledger and its own manifest have it."""
    try:
        host = manifest_content(directory / "manifest.json").get("host")
    except ResultsError:
        return False
    name = host.get("name") if isinstance(host, dict) else None
    return name == platform.node() and (recorded is None or recorded.host == name)


def _folder(layout: StudyLayout, study: Study, cell: Cell) -> Path:
    """The cell's folder, in the study's, which the first job makes. Raises StorageError."""
    if not layout.exists:
        making = layout.root.parent / f".{token_hex(6)}.tmp"
        made = StudyLayout(making / layout.root.name)
        with writing(layout.root):
            try:
                made.root.mkdir(parents=True)
                made.cells.mkdir()
                write_plan(made, study)
                with contextlib.suppress(FileExistsError, OSError):  # another job was faster: the folder is not empty
                    made.root.rename(layout.root)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    folder = layout.cells / cell.name
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _done(layout: StudyLayout, cell: Cell, step: _Step, console: Console) -> CellRun:
    known = state_of(read_ledger(layout.ledger)).cells.get(cell.name)
    if known is None or known.result is None:  # its job ended after the campaign, before or in its analysis
        from aging.app.analyze import derive  # noqa: PLC0415 - not on a host that measures

        with _told(layout, cell, step) as told:
            told.begun = True
            derive(step.directory)
    console.print(f"has its result: {step.directory}", soft_wrap=True)
    return CellRun(cell, step.directory, None)


@dataclass(slots=True)
class _Told:
    """Records an attempt in the ledger. ``begun``: its begin is recorded, so its end is, too."""

    layout: StudyLayout
    cell: Cell
    step: _Step
    begun: bool = False

    def begins(self, scratch: str) -> None:
        host = platform.node()
        self._runs(
            HostSeen(facts=facts(host, scratch, time.time())),
            AttemptPlaced(cell=self.cell.name, number=self.step.number, host=host),
        )

    def resumes(self) -> None:
        self._runs(AttemptResumed(cell=self.cell.name, number=self.step.number))

    def _runs(self, *happened: StudyEvent) -> None:
        _record(self.layout, *happened, self.seen("running", None))
        self.begun = True

    def seen(self, state: AttemptState, why: str | None) -> AttemptSeen:
        directory = str(self.step.directory)
        return AttemptSeen(cell=self.cell.name, number=self.step.number, state=state, directory=directory, why=why)


@contextlib.contextmanager
def _told(layout: StudyLayout, cell: Cell, step: _Step) -> Iterator[_Told]:
    """Record in the ledger how an attempt ended, also by an error; nothing of one that was refused before it began."""
    told = _Told(layout, cell, step)
    try:
        yield told
    except AgingError as error:
        if told.begun:
            _record(layout, told.seen("refused", str(error)))
        raise
    journal = read_journal(step.directory / "journal.jsonl")
    files = [path for path in step.directory.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    _record(
        layout,
        told.seen(_ended(fold(journal)), why_ended(journal, step.directory)),
        AttemptCollected(cell=cell.name, number=step.number, files=len(files), size=size, whole=True),
    )


def _ended(state: CampaignState) -> AttemptState:
    match state.phase:
        case "preparing" | "running" | "draining":
            return "abandoned"
        case phase:
            return phase


def _record(layout: StudyLayout, *happened: StudyEvent) -> None:
    """Append to the ledger, unless the study has been begun on a cluster meanwhile: then raise AgingError."""
    with contextlib.closing(Ledger(layout.ledger)) as ledger, ledger.alone():
        _require_jobs(layout, state_of(read_ledger(layout.ledger)))
        for event in happened:
            ledger.record(event)
