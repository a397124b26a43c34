"""Processes under test: the contract of one generation of a server, and its implementation by child processes.

A child has a separate session, logs to a file, carries the campaign's mark, and is ended by a ladder of signals
(:mod:`aging.core.processes.stopping`), then SIGKILL.
It survives a kill of the runner: within the grace another runner can adopt it (:class:`AdoptedProcess`), then the
campaign's keeper ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

import psutil

from aging.core.errors import DeploymentError, require
from aging.core.processes.ownership import GENERATION_MARKER, MARKER, Identity, identity, is_running, mark
from aging.core.processes.stopping import GROUP_SIGTERM, StopStep

__all__ = [
    "GENERATION_MARKER",
    "MAIN",
    "MARKER",
    "AdoptedProcess",
    "Child",
    "ChildProcesses",
    "ProcessGroup",
    "ServerProcess",
]

_POLL_SECONDS = 0.1
_GROUP_POLL_SECONDS = 0.02
_GROUP_SECONDS = 1.0
"""How long the rest of a group may take once its leader has ended: Python's resource tracker then unlinks the shared
memory and semaphores of killed workers, which would stay on the host for ever."""

MAIN = "main"
"""The only component of a deployment with one process."""


class ServerProcess(Protocol):
    """One generation of a server under test."""

    born: float
    """When its main process started, in monotonic seconds."""

    @property
    def with_descendants(self) -> bool:
        """Whether descendants of its processes belong to it."""

    @property
    def command(self) -> Sequence[str]:
        """The command line of its main process."""

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        """The root pids of every component, the main one first; empty after the end."""

    @property
    def owned(self) -> Mapping[str, Identity]:
        """The processes that the campaign started and may end, by component."""

    async def wait(self) -> str:
        """Wait for its end; the result describes it (``exit 3``)."""

    def serves(self) -> bool:
        """Whether its processes listen where load is sent, so that the sampled processes are those under load.

        It reads the sockets of all its processes: too slow for an event loop that also samples.
        """

    async def end(self) -> str | None:
        """End it and describe its end; None for a server that the campaign did not start and so leaves running."""


class ProcessGroup(ABC):
    """A process group that the harness started."""

    def __init__(self, pid: int, generation_mark: str | None) -> None:
        self.pid = pid
        self._generation_mark = generation_mark

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether its leader has ended."""

    @property
    @abstractmethod
    def exit_status(self) -> int | None:
        """Exit status (negative for a signal); None while it runs, and if it is unknown."""

    @abstractmethod
    async def wait(self) -> int | None:
        """Wait for its end and return the exit status."""

    @abstractmethod
    def _signal(self, number: signal.Signals, *, leader_only: bool = False) -> None:
        """Signal its group, if it still exists, or its leader, if that still runs."""

    def listens_on(self, port: int) -> bool:
        """Whether a process of this tree listens on the port."""
        return not self.ended and bool(tree_listens(self.pid, port))

    async def terminate(self, patience: float, steps: Sequence[StopStep] = GROUP_SIGTERM) -> None:
        """Ask it to end, one step after the other, each for its share of ``patience`` seconds; then end it.

        SIGKILL goes to the group after the last step, then to the rest of its tree and marks.
        """
        family = await asyncio.to_thread(self._family)
        for step in steps:
            if self.ended:
                break
            self._signal(step.signal, leader_only=step.to == "main")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience * step.share):
                    await self.wait()
        if self.ended:
            await self._rest_of_group(min(patience, _GROUP_SECONDS))
        self._signal(signal.SIGKILL)  # with the workers that outlived their leader
        await self.wait()
        strays = await asyncio.to_thread(marked_processes, self._generation_mark)
        for member in [*family, *strays]:
            with contextlib.suppress(psutil.Error):
                member.kill()  # psutil compares pid and start time, so a reused pid is not signalled

    async def _rest_of_group(self, patience: float) -> None:
        """Wait until the group of an ended leader is empty."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._group_exists():  # noqa: ASYNC110 - the end of a group has no event
                    await asyncio.sleep(_GROUP_POLL_SECONDS)

    def _group_exists(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except OSError:
            return False
        return True

    def _family(self) -> list[psutil.Process]:
        try:
            return [] if self.ended else psutil.Process(self.pid).children(recursive=True)
        except psutil.Error:
            return []


class Child(ProcessGroup):
    """A process group that this runner started."""

    def __init__(self, process: asyncio.subprocess.Process, generation_mark: str | None) -> None:
        super().__init__(process.pid, generation_mark)
        self._process = process
        self.identity = identity(process.pid)
        """Pid and start time; None if it ended before they were read."""

    @classmethod
    async def start(  # noqa: PLR0913 - independent settings of a process
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        campaign: Path,
        log: IO[bytes],
        *,
        piped: bool = False,
        folder: Path = Path(),
    ) -> Child:
        """Start ``argv`` in a new session; ``piped`` connects its standard input and output to the caller.

        ``folder`` is its working directory.

        Raises DeploymentError if the program cannot be run.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE if piped else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if piped else log,
                stderr=log,
                env=os.environ | dict(env) | {MARKER: mark(campaign)},
                start_new_session=True,
                cwd=folder,
            )
        except OSError as error:
            raise DeploymentError(f"{argv[0]} cannot be run: {error.strerror}") from None
        return cls(process, env.get(GENERATION_MARKER))

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    @property
    def exit_status(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def _signal(self, number: signal.Signals, *, leader_only: bool = False) -> None:
        with contextlib.suppress(ProcessLookupError):
            if leader_only:
                self._process.send_signal(number)  # asyncio has not reaped it, so the pid is still its own
            else:  # the group's id is the leader's pid; the kernel does not reuse it while a member exists
                os.killpg(self.pid, number)

    def write_line(self, line: str) -> None:
        """Send one line to a piped child; no effect after its end."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            require(self._process.stdin, "a pipe to the child").write(line.encode() + b"\n")

    async def read_line(self) -> bytes:
        """The next line of a piped child; empty after it has closed its output."""
        return await require(self._process.stdout, "a pipe from the child").readline()


class AdoptedProcess(ProcessGroup):
    """A process group that an earlier runner started; only its parent could read the exit status."""

    exit_status = None

    def __init__(self, known: Identity, generation_mark: str | None) -> None:
        super().__init__(known.pid, generation_mark)
        self.identity = known

    @property
    def ended(self) -> bool:
        return not is_running(self.identity)

    async def wait(self) -> None:
        while not self.ended:  # noqa: ASYNC110 - the end of a process that is not a child has no event
            await asyncio.sleep(_POLL_SECONDS)

    def _signal(self, number: signal.Signals, *, leader_only: bool = False) -> None:
        if not self.ended:  # after its end the pid, which is the group's id, can be reused
            with contextlib.suppress(ProcessLookupError):
                (os.kill if leader_only else os.killpg)(self.pid, number)


class ChildProcesses:
    """A server of child processes: the main one listens on ``port``, components run beside it.

    ``born`` is the start of the main one, in monotonic seconds.
    """

    with_descendants = True

    def __init__(  # noqa: PLR0913 - what a generation consists of
        self,
        children: Mapping[str, Child | AdoptedProcess],
        argv: Sequence[str],
        port: int,
        patience: float,
        born: float,
        *,
        stop: Sequence[StopStep] = GROUP_SIGTERM,
    ) -> None:
        self._children = children
        self._port = port
        self._patience = patience
        self._stop = tuple(stop)
        self.command = tuple(argv)
        self.born = born

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        if any(child.ended for child in self._children.values()):
            return {}
        return {name: (child.pid,) for name, child in self._children.items()}

    @property
    def owned(self) -> Mapping[str, Identity]:
        return {name: child.identity for name, child in self._children.items() if child.identity is not None}

    async def wait(self) -> str:
        """Wait until the first component has ended; the generation then ends as a whole."""
        waits = {asyncio.create_task(child.wait()): name for name, child in self._children.items()}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        first = next(task for task in waits if task in done)
        how = describe_exit(first.result())
        return how if len(waits) == 1 else f"component {waits[first]}: {how}"

    def serves(self) -> bool:
        return any(child.listens_on(self._port) for child in self._children.values())

    async def end(self) -> str:
        """Signal the main component first: a router stops sending requests before its backends end."""
        for child in self._children.values():
            await child.terminate(self._patience, self._stop)
        return describe_exit(self._children[MAIN].exit_status)


def marked_processes(generation_mark: str | None) -> list[psutil.Process]:
    """The processes with this generation mark in their environment, including those reparented to init."""
    found = []
    for process in psutil.process_iter() if generation_mark is not None else ():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(GENERATION_MARKER) == generation_mark:
                found.append(process)
    return found


def tree_listens(root: int, port: int) -> bool | None:
    """Whether a process of this tree listens on a TCP port; None if its sockets are hidden from this user."""
    hidden = False
    try:
        members = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    except psutil.Error:
        return False
    for member in members:
        try:
            listening = [c for c in member.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        except psutil.AccessDenied:
            hidden = True
        except psutil.Error:
            continue
        else:
            if any(connection.laddr.port == port for connection in listening):
                return True
    return None if hidden else False


def describe_exit(status: int | None) -> str:
    """``exit 3`` or ``killed by SIGKILL``; None is an unknown status."""
    if status is None:
        return "exited (status unknown: it was started by an earlier runner)"
    if status >= 0:
        return f"exit {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def oom_kills() -> int:
    """Number of out-of-memory kills on this host, in all control groups; 0 if the kernel does not count them."""
    try:
        counters = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill ")), 0)
