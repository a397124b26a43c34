"""A campaign that is started to be disturbed: its file, its processes, its journal, and what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from aging.core.processes.ownership import MARKER, Identity, environment, identity, is_running, processes
from aging.runner.keeper_client import keepers
from aging.store.events import Event, LoadStarted
from aging.store.journal import read_journal

LEAK_BYTES = 16 * 1024
SECONDS = 16.0
RATE = 20.0
PATIENCE_SECONDS = 90.0
_PORTS = (20_000, 30_000)
"""Below what the kernel gives to connections: a server that is started anew finds its port free."""

_FILE = """
schema = 1
name = "faulted"
seed = 7
duration = "{duration:g}s"
warmup = "1s"
settle = "2s"
orphan_grace = "30s"
{top}
[load]
arrivals = {{ kind = "poisson", rate = {rate} }}
prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
output_tokens = {{ median = 4, p95 = 8, min = 1, max = 16 }}
timeout = "3s"
drain = "3s"
[sampling]
process = "200ms"
host = "1s"
engine = "1s"
{sampling}
[analysis]
grid = "500ms"
[validity]
late = "20s"
[[deployment]]
name = "clean"
kind = "reference"
port = {clean}
{slot}
[[deployment]]
name = "leak"
kind = "reference"
port = {leak}
leak_per_request = "{leaked}B"
{slot}
"""

_given = threading.Lock()
_next = Random(os.getpid()).randrange(*_PORTS)


class TrialError(Exception):
    """What a trial waited for did not come."""


def port() -> int:
    """A loopback port that nobody listens on; every call gives another."""
    global _next  # noqa: PLW0603 - one counter, of all threads
    with _given:
        while True:
            _next = _next + 1 if _next + 1 < _PORTS[1] else _PORTS[0]
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", _next))
                return _next


def told(process: subprocess.Popen[bytes]) -> str:
    """A process's command line without what all of them begin with."""
    assert isinstance(process.args, list)
    return "aging " + " ".join(map(str, process.args[3:]))[:60]


def until(condition: Callable[[], object], what: str, seconds: float = 60.0, pause: float = 0.01) -> None:
    """Poll. Raises TrialError naming ``what`` never came."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TrialError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(pause)


@dataclass
class Disturbed:
    """One campaign in a folder of its own. ``environment`` is added to that of all its processes."""

    folder: Path
    rng: Random
    duration: float = SECONDS
    top: str = ""
    sampling: str = ""
    slot: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    results: Path = Path("results")
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    decided: list[tuple[float, float]] = field(default_factory=list)
    """Seconds from a resume's start until it had taken over, and until it had decided what becomes of every server."""
    tools: Mapping[str, str] = field(default_factory=dict)
    left: Sequence[str] = ()
    """What lived on after its end, and was ended then."""
    at: str = ""
    """What was done when, in words."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ports = {"clean": port(), "leak": port()}
        self.file = self.folder / "faulted.toml"
        values = {"top": self.top, "sampling": self.sampling, "slot": self.slot, "duration": self.duration}
        self.file.write_text(_FILE.format(rate=RATE, leaked=LEAK_BYTES, **self.ports, **values))

    @property
    def root(self) -> Path:
        found = sorted((self.folder / self.results).glob("*/*/journal.jsonl"))
        if not found:
            raise TrialError("there is no journal")
        return found[0].parent

    def made(self) -> bool:
        """Whether there is a directory with a journal."""
        return any((self.folder / self.results).glob("*/*/journal.jsonl"))

    def keep(self, results: Path) -> None:
        """Copy the results from where they are, which will be gone."""
        if (self.folder / self.results).is_dir():
            shutil.copytree(self.folder / self.results, self.folder / results, dirs_exist_ok=True)
        self.results = results

    def aging(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Start the command line; its output goes to the folder."""
        with (self.folder / "output").open("ab") as output:
            argv = [sys.executable, "-m", "aging", *map(str, arguments)]
            process = subprocess.Popen(
                argv, cwd=self.folder, stdout=output, stderr=output, env=os.environ | dict(self.environment)
            )
        self.started.append(process)
        return process

    def run(self) -> subprocess.Popen[bytes]:
        runner = self.aging("run", self.file, "--results", self.results)
        until(lambda: runner.poll() is not None or self.made(), "a journal")
        return runner

    def done(self, *arguments: str | Path) -> int:
        """Run the command line to its end; the exit code."""
        return self.ended(self.aging(*arguments))

    def ended(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise TrialError(f"{told(process)} did not end in {PATIENCE_SECONDS:g} s") from None

    def output(self) -> str:
        path = self.folder / "output"
        return path.read_text(errors="replace") if path.exists() else ""

    def events(self) -> Sequence[Event]:
        return read_journal(self.root / "journal.jsonl")

    def kinds(self) -> Sequence[str]:
        return [event.kind for event in self.events()]

    def wait_for(self, kind: str, count: int = 1) -> None:
        until(lambda: self.kinds().count(kind) >= count, f"{count} {kind}")

    def under_load(self, earliest: float = 2.0, latest: float | None = None) -> None:
        """Sleep to a random instant of the load."""
        self.wait_for("load_started", 2)
        begun = max(event.load_start for event in self.events() if isinstance(event, LoadStarted))
        until_ = begun + self.rng.uniform(earliest, self.duration - 3.0 if latest is None else latest)
        time.sleep(max(until_ - time.monotonic(), 0.0))
        self.say(f"{until_ - begun:.2f} s into the load")

    def say(self, what: str) -> None:
        self.at = f"{self.at}; {what}" if self.at else what

    def kill(self, process: subprocess.Popen[bytes], *, sampling: bool = True) -> bool:
        """SIGKILL to a runner; whether it still lived."""
        alive = process.poll() is None
        at = time.monotonic()
        process.kill()
        process.wait()
        if alive and sampling:
            self.kills.append(at)
        return alive

    def server(self, name: str) -> int:
        """The pid of a deployment's server."""
        return self._pid("deployment_started", name)

    def load(self, name: str) -> int:
        """The pid of a deployment's load process."""
        return self._pid("load_started", name)

    def _pid(self, kind: str, name: str) -> int:
        told = [event.details["pid"] for event in self.events() if event.kind == kind and event.deployment == name]
        if not told:
            raise TrialError(f"no {kind} of {name}")
        return int(told[-1])

    def marked(self) -> Sequence[int]:
        """Every living process that carries the campaign's mark."""
        mark = str(self.root.resolve())
        return [pid for pid in processes() if environment(pid).get(MARKER) == mark]

    def keeper(self) -> int:
        until(lambda: keepers(str(self.root.resolve())), "a keeper")
        return keepers(str(self.root.resolve()))[0]

    def left_behind(self) -> Sequence[str]:
        """What lives on after the campaign's end, and should not; it is ended."""
        try:
            root = str(self.root.resolve())
        except TrialError:
            root = ""
        gone = time.monotonic() + 5.0
        while (left := self._left(root)) and time.monotonic() < gone:
            time.sleep(0.1)
        for one, _ in left:
            if is_running(one):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
        for process in self.started:
            process.wait()
        return [told for _, told in left]

    def _left(self, root: str) -> list[tuple[Identity, str]]:
        own = {process.pid: "aging" for process in self.started if process.poll() is None}
        if root:
            own |= dict.fromkeys(keepers(root), "its keeper") | dict.fromkeys(self.marked(), "one of its processes")
        return [(one, told) for pid, told in own.items() if (one := identity(pid)) is not None]
