"""Processes under test: what a life of them is, and child processes as such a life.

A child has a session of its own, logs to a file, is marked as the campaign's, and is ended by a ladder of signals.
It outlives a harness that is killed: for a while another runner may take it over (:class:`Adopted`), and then the
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
from aging.core.processes.ownership import LIFE, MARKER, Identity, identity, lives, mark

__all__ = ["LIFE", "MAIN", "MARKER", "Adopted", "Child", "Children", "Life", "Member"]

_POLL_SECONDS = 0.1

MAIN = "main"
"""The component that a deployment of one process consists of."""


class Life(Protocol):
    """One generation of what is under test, as its keeper and the samplers see it."""

    born: float
    """When its main process started, in monotonic seconds."""

    @property
    def with_descendants(self) -> bool:
        """Whether what its processes start belongs to it."""

    @property
    def command(self) -> Sequence[str]:
        """The command line of its main process."""

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        """The root processes of every component, the main one's first; empty once it has ended."""

    @property
    def ours(self) -> Mapping[str, Identity]:
        """Those of its processes that we started, by component: what may be ended. None of what others started."""

    async def wait(self) -> str:
        """Return when it has ended, with how it ended in words."""

    def serves(self) -> bool:
        """Whether its own processes listen where load is sent: what is monitored must be what is loaded.

        It reads the sockets of every process of its own: not to be called in an event loop that also samples.
        """

    async def end(self) -> str | None:
        """End it and return how it ended; None for what was not ours to end and goes on."""


class Member(ABC):
    """A process group that the harness started, and only such a one."""

    def __init__(self, pid: int, life: str | None) -> None:
        self.pid = pid
        self._life = life

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether its first process has ended."""

    @property
    @abstractmethod
    def exit_status(self) -> int | None:
        """Exit status (negative for a signal); None while it runs, and where it is not told."""

    @abstractmethod
    async def wait(self) -> int | None:
        """Return its exit status when it has ended."""

    @abstractmethod
    def _signal(self, number: signal.Signals) -> None:
        """Signal its group, as far as there is one."""

    def listens_on(self, port: int) -> bool:
        """Whether a process of this tree serves the port: what is monitored must be what is loaded."""
        return not self.ended and bool(tree_listens(self.pid, port))

    async def terminate(self, patience: float) -> None:
        """SIGTERM to the group, SIGKILL after ``patience`` seconds; then what is left of the tree and of its life."""
        family = await asyncio.to_thread(self._family)
        if not self.ended:
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(patience):
                    await self.wait()
            except TimeoutError:
                self._signal(signal.SIGKILL)
                await self.wait()
        self._signal(signal.SIGKILL)  # workers that outlived their leader
        strays = await asyncio.to_thread(marked, self._life)
        for member in [*family, *strays]:
            with contextlib.suppress(psutil.Error):
                member.kill()  # psutil checks pid and start time: never a stranger that got the pid

    def _family(self) -> list[psutil.Process]:
        try:
            return [] if self.ended else psutil.Process(self.pid).children(recursive=True)
        except psutil.Error:
            return []


class Child(Member):
    """A process group that this runner started."""

    def __init__(self, process: asyncio.subprocess.Process, life: str | None) -> None:
        super().__init__(process.pid, life)
        self._process = process
        self.identity = identity(process.pid)
        """Pid and start time; None where it had ended before anybody could look."""

    @classmethod
    async def start(  # noqa: PLR0913 - what every process is given, and no two of them belong together
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        campaign: Path,
        log: IO[bytes],
        *,
        piped: bool = False,
        folder: Path = Path(),
    ) -> Child:
        """Start ``argv`` in a session of its own; ``piped`` keeps its standard input and output for the caller.

        ``folder`` is its working directory.

        Raises DeploymentError for a program that cannot be run.
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
        return cls(process, env.get(LIFE))

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    @property
    def exit_status(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # The group's id is the leader's pid and stays taken while any member lives.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def write_line(self, line: str) -> None:
        """Send one line to a piped child; one that has gone reads nothing."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            require(self._process.stdin, "a pipe to the child").write(line.encode() + b"\n")

    async def read_line(self) -> bytes:
        """The next line of a piped child, empty when it has closed its output."""
        return await require(self._process.stdout, "a pipe from the child").readline()


class Adopted(Member):
    """A process group that an earlier runner of the campaign started. Whoever is not its parent learns no status."""

    exit_status = None

    def __init__(self, known: Identity, life: str | None) -> None:
        super().__init__(known.pid, life)
        self.identity = known

    @property
    def ended(self) -> bool:
        return not lives(self.identity)

    async def wait(self) -> None:
        while not self.ended:  # noqa: ASYNC110 - nobody tells of the end of a process that is not a child
            await asyncio.sleep(_POLL_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        if not self.ended:  # afterwards the group's id might be a stranger's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


class Children:
    """A life of processes that we started: a main one that listens on ``port``, and components beside it.

    ``born`` is when the main one started, in monotonic seconds.
    """

    with_descendants = True

    def __init__(
        self, children: Mapping[str, Child | Adopted], argv: Sequence[str], port: int, patience: float, born: float
    ) -> None:
        self._children = children
        self._port = port
        self._patience = patience
        self.command = tuple(argv)
        self.born = born

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        if any(child.ended for child in self._children.values()):
            return {}
        return {name: (child.pid,) for name, child in self._children.items()}

    @property
    def ours(self) -> Mapping[str, Identity]:
        return {name: child.identity for name, child in self._children.items() if child.identity is not None}

    async def wait(self) -> str:
        """The first of them to end is the end of all."""
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
        """The main one gets its SIGTERM first: a router stops asking before what it asks has gone."""
        for child in self._children.values():
            await child.terminate(self._patience)
        return describe_exit(self._children[MAIN].exit_status)


def marked(life: str | None) -> list[psutil.Process]:
    """The processes whose environment says that they belong to a life: also those that have left their parents."""
    found = []
    for process in psutil.process_iter() if life is not None else ():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(LIFE) == life:
                found.append(process)
    return found


def tree_listens(root: int, port: int) -> bool | None:
    """Whether a process of this tree listens on a TCP port in its own network; None where that may not be seen."""
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
    """``exit 3`` or ``killed by SIGKILL``; None is not known."""
    if status is None:
        return "ended; its exit status is not known, since a runner before this one had started it"
    if status >= 0:
        return f"exit {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def oom_kills() -> int:
    """How often the kernel's out-of-memory killer has struck on this host, in any control group; 0 where not told."""
    try:
        counters = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill ")), 0)
