"""A study from the command line, in a process of its own, over raylets of this machine."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from aging.core.errors import ResultsError
from aging.store.lock import owner_of
from aging.store.results import open_results
from aging.study.events import StudyEvent
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.state import Attempt, StudyState, fold
from tests.cluster.raylets import LocalCluster, end, processes_naming
from tests.conftest import unused_port, wait_for, write_campaign

PATIENCE_SECONDS = 300.0


def write_study(
    folder: Path,
    *,
    cells: int = 2,
    duration: str = "40s",
    study: str = "",
    hosts: str = "",
    scratch: str | None = None,
    campaign: Callable[[str], str] = lambda text: text,
) -> Path:
    """One variant of one leaking reference server on a free port, ``cells`` times; further keys as TOML."""
    file = write_campaign(folder, unused_port(), unused_port(), duration=duration, warmup="1s", rate=5.0)
    text = file.read_text()
    first, second = text.index("[[deployment]]"), text.rindex("[[deployment]]")
    lines = (text[:first] + text[second:]).splitlines(keepends=True)
    file.write_text(campaign("".join(line for line in lines if not line.startswith("port"))))
    path = folder / "study.toml"
    path.write_text(
        f'name = "s"\ncampaign = "{file.name}"\nreplicates = {cells}\n{study}\n'
        f'[hosts]\nscratch = "{scratch or folder / "scratch"}"\n{hosts}\n'
    )
    return path


@dataclass(slots=True)
class StudyProcess:
    """One command about a study. What it prints is added to ``log`` in its folder."""

    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def of(cls, folder: Path, *arguments: str | Path) -> Self:
        argv = [sys.executable, "-P", "-m", "aging", *map(str, arguments)]
        with (folder / "log").open("ab") as out:
            return cls(folder, subprocess.Popen(argv, stdout=out, stderr=out, cwd=folder, start_new_session=True))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit code."""
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it goes on:\n{log(self.folder)}") from None

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition while the process lives."""

        def met() -> bool:
            if condition():
                return True
            assert self.process.poll() is None, f"{what}: it has ended:\n{log(self.folder)}"
            return False

        try:
            wait_for(met, what, PATIENCE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{log(self.folder)}") from None

    def until_running(self, cells: int = 2) -> None:
        self.until(lambda: list(states(self.folder).values()) == ["running"] * cells, "not all cells run")


@contextmanager
def started(folder: Path, cluster: LocalCluster, *options: str) -> Iterator[StudyProcess]:
    """``aging run study.toml``; whatever is left of it, of later commands and of its cells is ended."""
    argv = ("run", "study.toml", "--cluster", cluster.address, "--results", "results", *options)
    study = StudyProcess.of(folder, *argv)
    try:
        yield study
    finally:
        study.process.kill()
        study.process.wait()
        end(processes_naming(str(folder)))


def aging(folder: Path, *arguments: str | Path) -> tuple[int, str]:
    """Run a command to its end; its exit code and what it printed."""
    argv = [sys.executable, "-P", "-m", "aging", *map(str, arguments)]
    ran = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, check=False, timeout=600
    )
    with (folder / "log").open("a") as out:
        out.write(ran.stdout)
    assert "Traceback" not in ran.stdout, ran.stdout
    return ran.returncode, ran.stdout


def root(folder: Path) -> Path:
    """The folder of the study."""
    return next(path.parent for path in folder.glob("results/s/*/ledger.jsonl"))


def ledger(folder: Path) -> Sequence[StudyEvent]:
    with contextlib.suppress(StopIteration, ResultsError):
        return read_ledger(StudyLayout(root(folder)).ledger)
    return ()


def state(folder: Path) -> StudyState:
    return fold(ledger(folder))


def attempts(folder: Path) -> Mapping[str, Attempt]:
    """The last attempt of every cell."""
    return {name: cell.attempts[-1] for name, cell in sorted(state(folder).cells.items()) if cell.attempts}


def states(folder: Path) -> Mapping[str, str]:
    return {name: one.state for name, one in attempts(folder).items()}


def collected(folder: Path, cell: str, number: int = 1) -> Path:
    """The result directory of an attempt, in the study's folder."""
    return StudyLayout(root(folder)).attempt(cell, number)


def count_rows(directory: Path) -> int:
    """The request rows of an attempt; fails where one up to the last that was sent is lost or doubled."""
    numbers = open_results(directory).requests("leak")["index"]
    assert numbers.is_unique
    assert len(numbers) == numbers.max() + 1
    return len(numbers)


def runner(attempt: Attempt) -> psutil.Process:
    """The process that runs an attempt on its host."""
    assert attempt.directory is not None
    owner = owner_of(Path(attempt.directory))
    assert owner is not None
    assert owner.role == "runner"
    return psutil.Process(owner.pid)


def log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")


def kill(process: psutil.Process) -> float:
    """SIGKILL; when, in monotonic seconds."""
    at = time.monotonic()
    process.kill()
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(20)
    return at
