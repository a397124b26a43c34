"""What real campaigns are looked at with: their processes, their journals, and conditions that are waited for."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from aging import open_results
from aging.journal import read_journal
from aging.model import Event
from aging.store.results import Results
from tests.conftest import result_directory, wait_for

PATIENCE_SECONDS = 90.0
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

        wait_for(met, f"{what}: {self.output()}", PATIENCE_SECONDS)

    def until_event(self, kind: str, count: int = 1, deployment: str | None = None) -> None:
        self.until(lambda: len(self.events(kind, deployment)) >= count, f"no {kind}")

    def until_rows(self, deployment: str, count: int = 20, after: float = 0.0) -> None:
        """Wait until a deployment has so many samples and requests after a monotonic second."""

        def there() -> bool:
            results = open_results(self.root)
            samples, requests = results.samples(deployment, "process"), results.requests(deployment)
            if samples.empty or requests.empty:
                return False
            return bool((samples["mono"] > after).sum() >= count and (requests["finished"] > after).sum() >= count)

        self.until(there, f"no rows of {deployment}")

    def signal(self, number: int) -> float:
        """Send a signal to the runner; when, in monotonic seconds."""
        at = time.monotonic()
        self.runner.send_signal(number)
        return at

    def ended(self) -> int:
        """The runner's exit code, once it has ended."""
        return self.runner.wait(PATIENCE_SECONDS)

    def output(self) -> str:
        return (self.folder / "output").read_text()


def kill_descendants() -> None:
    """End whatever a test that failed has left."""
    for process in psutil.Process().children(recursive=True):
        process.kill()
