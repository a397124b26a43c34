"""Child processes: own session, log to a file, tethered to the harness, ended by a ladder of signals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

MARKER = "AGING_CAMPAIGN"
"""Environment variable in every child: the result directory it belongs to."""

_TETHER = Path(__file__).with_name("tether.py")
_LOG_TAIL_BYTES = 4096


class Child:
    """A process group that the harness started, and only such a one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        campaign: Path,
        log: IO[bytes],
        *,
        piped: bool = False,
    ) -> Child:
        """Start ``argv`` in a session of its own; ``piped`` keeps its standard input and output for the caller."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_TETHER), str(os.getpid())),
            *argv,
            stdin=asyncio.subprocess.PIPE if piped else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if piped else log,
            stderr=log,
            env=os.environ | dict(env) | {MARKER: str(campaign)},
            start_new_session=True,
        )
        return cls(process)

    @property
    def exit_status(self) -> int | None:
        """Exit status (negative for a signal), None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def write_line(self, line: str) -> None:
        """Send one line to a piped child; one that has gone reads nothing."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(line.encode() + b"\n")

    async def read_line(self) -> bytes:
        """The next line of a piped child, empty when it has closed its output."""
        assert self._process.stdout is not None
        return await self._process.stdout.readline()

    def listens_on(self, port: int) -> bool:
        """Whether a process of this child's tree serves the port: what is monitored must be what is loaded."""
        for member in [psutil.Process(self.pid), *self._family()] if self.exit_status is None else []:
            with contextlib.suppress(psutil.Error):
                listening = (c for c in member.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
                if any(connection.laddr.port == port for connection in listening):
                    return True
        return False

    async def terminate(self, patience: float) -> None:
        """SIGTERM to the group, SIGKILL after ``patience`` seconds; then whatever of the tree is left."""
        family = self._family()
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), patience)
            except TimeoutError:
                self._signal(signal.SIGKILL)
                await self._process.wait()
        self._signal(signal.SIGKILL)  # workers that outlived their leader
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()  # psutil checks pid and start time: never a stranger that got the pid

    def _family(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.Error:
            return []

    def _signal(self, number: signal.Signals) -> None:
        # The group's id is the leader's pid and stays taken while any member lives.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def log_tail(path: Path, lines: int = 8) -> list[str]:
    """The last lines of a log file, for the journal and for error messages."""
    try:
        with path.open("rb") as log:
            log.seek(max(path.stat().st_size - _LOG_TAIL_BYTES, 0))
            return log.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def describe_exit(status: int) -> str:
    """``exit 3`` or ``killed by SIGKILL``."""
    if status >= 0:
        return f"exit {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
