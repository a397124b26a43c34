"""The runner's side of its keeper (``keeper.py``): starts it first, and replaces it when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from aging.core.errors import require
from aging.core.processes.ownership import GENERATION_MARKER, MARKER, command_line, identity, mark, processes
from aging.runner.keeper import GOODBYE
from aging.store.events import Journalize, KeeperDied

_PROGRAM = Path(__file__).with_name("keeper.py")
_BARE = ("-I", "-S")
_PAUSE_SECONDS = 1.0
_FAREWELL_SECONDS = 5.0


def keepers(campaign: str) -> Sequence[int]:
    """The pids of the keepers of a campaign, by its mark, also of other installations of this package."""
    return [pid for pid in processes() if _keeps(command_line(pid), campaign)]


def _keeps(arguments: Sequence[str], campaign: str) -> bool:
    return arguments[1:3] == _BARE and Path(arguments[3]).name == _PROGRAM.name and arguments[4:5] == (campaign,)


class KeeperClient:
    """Runs a keeper beside this process until :meth:`goodbye`.

    ``grace`` is how many seconds servers keep running without a runner, ``patience`` the seconds from SIGTERM to
    SIGKILL. ``record_event`` writes the journal.
    """

    def __init__(self, directory: Path, grace: float, patience: float, record_event: Journalize) -> None:
        self._directory = directory
        self._grace = grace
        self._patience = patience
        self._record_event = record_event
        self._keeper: asyncio.subprocess.Process | None = None
        self._guard: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the keeper; return when it runs."""
        self._keeper = await self._launch()
        self._guard = asyncio.create_task(self._replace())

    async def goodbye(self) -> None:
        """End the keeper: all processes of the campaign have ended."""
        if self._guard is not None:
            self._guard.cancel()
            await asyncio.gather(self._guard, return_exceptions=True)
        if self._keeper is not None and self._keeper.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._keeper.stdin.write(GOODBYE)
                await self._keeper.stdin.drain()
            self._keeper.stdin.close()
            try:
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self._keeper.wait()
            except TimeoutError:  # it is stopped (SIGSTOP), and has nothing left to end
                self._keeper.kill()
                await self._keeper.wait()

    async def _replace(self) -> None:
        while self._keeper is not None:
            status = await self._keeper.wait()
            self._record_event(KeeperDied(exit=status))
            await asyncio.sleep(_PAUSE_SECONDS)
            self._keeper = await self._launch()

    async def _launch(self) -> asyncio.subprocess.Process:
        me = require(identity(os.getpid()), "this process's own entry in /proc")
        # Without the mark: the keeper ends the processes that carry it.
        environment = {name: value for name, value in os.environ.items() if name not in (MARKER, GENERATION_MARKER)}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, *_BARE, str(_PROGRAM), mark(self._directory)),
            *(str(me.pid), str(me.start), str(self._grace), str(self._patience)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
