"""What real campaigns are looked at with: their processes, their journals, and conditions that are waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from aging.core.processes.ownership import MARKER
from aging.runner.keeper_client import keepers
from aging.store.events import Event
from aging.store.journal import read_journal
from aging.store.results import Results, open_results
from aging.store.segments import LIVE, read_live
from tests.conftest import result_directory, unused_port, wait_for, write_campaign

PATIENCE_SECONDS = 180.0
"""For a condition, on however slow a host: nothing is asserted of how long anything took."""


def listening(port: int) -> bool:
    """Whether a process of this host listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Started:
    """A campaign of which a runner in a process of its own is under way in a folder."""

    folder: Path
    runner: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing of it."""
        if self.runner.poll() is None:
            self.runner.kill()
            self.runner.wait()
        if any(self.folder.glob("results/*/*/journal.jsonl")):
            end_all(self.root)

    @classmethod
    def of(cls, folder: Path, *arguments: str | Path) -> Started:
        """Start ``aging`` with these arguments."""
        with (folder / "output").open("ab") as output:
            argv = [sys.executable, "-m", "aging", *map(str, arguments)]
            runner = subprocess.Popen(argv, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        return cls(folder, runner)

    @property
    def root(self) -> Path:
        self.until(lambda: any(self.folder.glob("results/*/*/journal.jsonl")), "no journal")
        return result_directory(self.folder / "results")

    @property
    def results(self) -> Results:
        return open_results(self.root)

    def events(self, kind: str, deployment: str | None = None) -> list[Event]:
        journal = read_journal(self.root / "journal.jsonl")
        return [e for e in journal if e.kind == kind and deployment in (None, e.deployment)]

    def pid(self, kind: str, deployment: str) -> int:
        """The process that the last event of a kind tells of a deployment."""
        pid: int = self.events(kind, deployment)[-1].details["pid"]
        return pid

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition while the runner lives."""

        def met() -> bool:
            if condition():
                return True
            assert self.runner.poll() is None, f"{what}: its runner has ended: {self.output()}"
            return False

        wait_for(met, what, PATIENCE_SECONDS)

    def until_event(self, kind: str, count: int = 1, deployment: str | None = None) -> None:
        self.until(lambda: len(self.events(kind, deployment)) >= count, f"no {kind}")

    def until_rows(self, deployment: str, count: int = 20, after: float = 0.0) -> None:
        """Wait until a deployment has so many samples and requests after a monotonic second."""

        def there() -> bool:
            run = self.root / deployment / "r01"
            return all(_rows_after(run / source, after) >= count for source in ("process", "requests"))

        self.until(there, f"no rows of {deployment}")

    def until_samples(self, deployment: str, count: int = 10, generation: int = 1) -> None:
        """Wait until there are so many samples of one generation of a deployment."""

        def there() -> bool:
            live = (self.root / deployment / "r01" / "process").glob(f"*{LIVE}")
            rows = (row for file in live for row in read_live(file).rows)
            return sum(1 for row in rows if row["generation"] == generation) >= count

        self.until(there, f"no samples of {deployment}")

    def kill(self) -> float:
        """SIGKILL to the runner; when, in monotonic seconds."""
        at = time.monotonic()
        self.runner.kill()
        self.runner.wait()
        return at

    def ended(self) -> int:
        """The runner's exit code, once it has ended."""
        return self.runner.wait(PATIENCE_SECONDS)

    def output(self) -> str:
        return (self.folder / "output").read_text()


def _rows_after(folder: Path, after: float) -> int:
    rows = (row for live in folder.glob(f"*{LIVE}") for row in read_live(live).rows)
    return sum((row.get("mono") or row["finished"]) > after for row in rows)


def campaign(
    folder: Path, duration: str = "10m", grace: str = "5m", head: str = "", extra: str = "", *, judged: bool = False
) -> Path:
    """The small campaign on free ports; ten minutes are longer than any test waits: it is ended, not awaited.

    Unless it is ``judged``, its load is light and its cells are long, so that there is little to analyze.
    """
    rate, grid = (30.0, "200ms") if judged else (10.0, "5s")
    ports = unused_port(), unused_port()
    path = write_campaign(folder, *ports, duration=duration, warmup="1s", rate=rate, grid=grid, extra=extra)
    path.write_text(path.read_text().replace("schema = 1", f'schema = 1\n{head}\norphan_grace = "{grace}"'))
    return path


def kinds_of(root: Path) -> list[str]:
    """The kinds of the events of a campaign so far."""
    return [event.kind for event in read_journal(root / "journal.jsonl")]


def marked(root: Path) -> list[psutil.Process]:
    """Every living process that carries the campaign's mark."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARKER) == str(root.resolve()):
                found.append(process)
    return found


def servers(root: Path) -> set[int]:
    """The pids of the campaign's reference servers that live."""
    found = set()
    for process in marked(root):
        with contextlib.suppress(psutil.Error):  # another of its processes that has just ended
            if "aging.deployments.reference_server" in process.cmdline():
                found.add(process.pid)
    return found


def keepers_of(root: Path) -> Sequence[int]:
    """The pids of the campaign's keepers."""
    return keepers(str(root.resolve()))


def end_all(root: Path) -> None:
    """Whatever a test that failed has left."""
    for pid in (*keepers_of(root), *(process.pid for process in marked(root))):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
