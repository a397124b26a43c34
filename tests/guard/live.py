"""A reference server that an operator's command restarts, and guards of it as processes."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from aging.guard.decisions import read_decisions
from aging.guard.state import State, read_state
from tests.conftest import ROOT
from tests.guard.restart import stop

PATIENCE = 120.0


@dataclass
class Server:
    """A reference server on ``port``; ``restart`` is the command line that restarts it."""

    folder: Path
    port: int
    options: Sequence[str] = ()

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.port}.pid"

    @property
    def restart(self) -> str:
        words = [sys.executable, "-m", "tests.guard.restart", str(self.pid_file), str(self.port), *self.options]
        return shlex.join(words)

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    @property
    def pattern(self) -> str:
        return f"reference_server --port {self.port}"

    def start(self) -> None:
        subprocess.run(shlex.split(self.restart), cwd=ROOT, check=True)

    def stop(self) -> None:
        stop(self.pid_file)
        self.pid_file.unlink(missing_ok=True)


@dataclass
class GuardProcess:
    """`aging guard` with these options, its state in ``folder``, its log in ``log``."""

    folder: Path
    options: Sequence[str]
    environment: Mapping[str, str] | None = None
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        argv = [sys.executable, "-m", "aging", "guard", *self.options, "--state", str(self.folder)]
        self.log_file = self.folder.with_suffix(".log")
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(argv, stderr=log, stdout=log, cwd=ROOT, env=self.environment)

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def state(self) -> State:
        return read_state(self.folder) or State()

    def rows(self, event: str) -> list[dict[str, Any]]:
        """The lines of its journal of this kind."""
        return [row for row in read_decisions(self.folder) if row["event"] == f"rejuvenation_{event}"]

    def until(self, holds: Callable[[GuardProcess], Any]) -> Any:
        """Wait until something holds, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not (found := holds(self)):
            assert time.monotonic() < deadline, self.log
            assert self.process.poll() is None, self.log
            time.sleep(0.05)
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of every sample of OpenMetrics text."""
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for one in family.samples:
            yield one.name, one.labels, one.value


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def as_json(text: str) -> Any:
    return json.loads(text)
