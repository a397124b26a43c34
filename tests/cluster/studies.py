"""A study from the command line, as a process whose ledger is read while it runs."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aging.store.lock import owner_of
from aging.study.events import AttemptSeen, StudyEvent
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.state import StudyState, fold
from tests.cluster.raylets import end, processes_naming

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class RunningStudy:
    """A study that was started in ``folder``, with its own results and, where its file says so, its scratch there."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def layout(self) -> StudyLayout:
        """Raises StopIteration before there is a ledger."""
        return StudyLayout(next(path.parent for path in (self.folder / "results").glob("*/*/ledger.jsonl")))

    @property
    def events(self) -> Sequence[StudyEvent]:
        try:
            return read_ledger(self.layout.ledger)
        except StopIteration:
            return ()

    @property
    def state(self) -> StudyState:
        return fold(self.events)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def until(self, reached: Callable[[], bool], seconds: float) -> None:
        """Wait for it; AssertionError with the study's output where the study ends or time runs out before."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert self.process.poll() is None, f"the study has ended:\n{self.log}"
            assert time.monotonic() < deadline, f"not within {seconds:g} s:\n{self.log}"
            time.sleep(_POLL_SECONDS)

    def until_running(self, cells: int, seconds: float = 180.0) -> None:
        self.until(lambda: len(self.seen_running) == cells, seconds)

    @property
    def seen_running(self) -> set[str]:
        return {one.cell for one in self.events if isinstance(one, AttemptSeen) and one.state == "running"}

    def runner(self, host: str) -> int | None:
        """The pid of the runner of this study's attempt on a host, below the folder ``scratch``; None without one."""
        for journal in (self.folder / "scratch" / host).glob("*/*/*/results/*/*/journal.jsonl"):
            owner = owner_of(journal.parent)
            if owner is not None and owner.role == "runner":
                return owner.pid
        return None


@contextlib.contextmanager
def study(file: Path, address: str, folder: Path) -> Iterator[RunningStudy]:
    """``aging run FILE --cluster ADDRESS`` in ``folder``; it, and whatever names the folder, is ended at last."""
    with (folder / "log").open("ab") as out:
        options = ("--cluster", address, "--results", str(folder / "results"))
        argv = [sys.executable, "-P", "-m", "aging", "run", str(file), *options]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder)
    try:
        yield RunningStudy(process, folder)
    finally:
        process.kill()
        process.wait()
        end(processes_naming(str(folder)))
