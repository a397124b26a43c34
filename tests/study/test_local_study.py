"""A whole study with real runners on hosts that are folders; its head is killed and resumed from its ledger."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from aging.app.study import StudyRun, resume_study, run_study, study_of
from aging.app.study_cell import run_cell
from aging.core.errors import AgingError, ExitCode
from aging.store.lock import LockedError
from aging.study import events
from aging.study.ledger import read_ledger
from aging.study.state import StudyState, fold
from tests.conftest import ROOT, wait_for, write_campaign
from tests.study.local_fleet import LocalFleet

RUN = "import sys; from tests.study.test_local_study import run; run(sys.argv[1])"


async def two_hosts(_: str) -> LocalFleet:
    return LocalFleet("h1", "h2")


def run(folder: str) -> StudyRun:
    study = study_of(Path(folder) / "study.toml", None)
    return run_study(study, Path(folder) / "results", "folders", Console(file=io.StringIO()), two_hosts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of two replicates of one short campaign of one server that takes any free port."""
    file = write_campaign(tmp_path, 1, 2, duration="4s", warmup="1s")
    text = re.sub(r"\nport = \d+", "", file.read_text())
    file.write_text(text[: text.rindex("[[deployment]]")])
    scratch = json.dumps(str(tmp_path / "scratch"))
    (tmp_path / "study.toml").write_text(
        f'name = "s"\ncampaign = "small.toml"\nreplicates = 2\n[hosts]\nscratch = {scratch}\n'
    )
    return tmp_path


@pytest.fixture
def head(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs the study."""
    with subprocess.Popen([sys.executable, "-c", RUN, str(folder)], cwd=ROOT) as process:
        yield process
        process.kill()


def root(folder: Path) -> Path | None:
    return next((path.parent for path in folder.glob("results/s/*/ledger.jsonl")), None)


def state(folder: Path) -> StudyState:
    found = root(folder)
    return StudyState() if found is None else fold(read_ledger(found / "ledger.jsonl"))


def both_run(folder: Path) -> bool:
    attempts = [one for cell in state(folder).cells.values() for one in cell.attempts]
    return [one.state for one in attempts] == ["running", "running"]


@pytest.mark.thorough
def test_a_killed_head_is_resumed_to_the_end(folder: Path, head: subprocess.Popen[bytes]) -> None:
    wait_for(partial(both_run, folder), "the cells do not run", 60)
    head.send_signal(signal.SIGKILL)
    head.wait()
    directory = root(folder)
    assert directory is not None
    done = resume_study(directory, None, Console(file=io.StringIO()), two_hosts)
    assert (done.outcome, done.exit_code) == ("completed", ExitCode.DONE)
    cells = state(folder).cells
    assert {one.host for cell in cells.values() for one in cell.attempts} == {"h1", "h2"}
    for cell in cells.values():
        (attempt,) = cell.attempts
        assert (attempt.state, attempt.collected, attempt.resumed, cell.counts) == ("completed", True, 0, 1)
        here = directory / "cells" / cell.name / "a01"
        assert {"journal.jsonl", "findings.json", "report.html"} <= {path.name for path in here.iterdir()}
    ledger = read_ledger(directory / "ledger.jsonl")
    assert sum(isinstance(one, events.StudyStarted) for one in ledger) == 2
    found = json.loads((directory / "findings.json").read_text())
    assert {(one["cell"], one["status"]) for one in found["cells"]} == {(name, "counted") for name in cells}
    assert not [*(folder / "scratch").glob("*/*/*/a*")]
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(one.info["cmdline"] or ())]


@pytest.mark.slow
def test_a_job_does_not_join_a_study_that_is_run(folder: Path, head: subprocess.Popen[bytes]) -> None:
    wait_for(partial(both_run, folder), "the cells do not run", 60)
    directory = root(folder)
    assert directory is not None
    with pytest.raises(LockedError, match=str(head.pid)):
        run_cell(folder / "study.toml", 0, directory.name, folder / "results", Console(file=io.StringIO()))
    assert head.wait(120) == 0
    cells = state(folder).cells
    assert [(len(cell.attempts), cell.counts) for cell in cells.values()] == [(1, 1), (1, 1)]
    with pytest.raises(AgingError, match=f"aging resume {directory}"):
        run_cell(folder / "study.toml", 0, directory.name, folder / "results", Console(file=io.StringIO()))
