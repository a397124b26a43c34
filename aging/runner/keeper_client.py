"""The runner's side of its keeper (``keeper.py``): started before everything else, and replaced when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from aging.core.errors import needed
from aging.core.processes.ownership import LIFE, MARKER, command_line, identity, mark, processes
from aging.runner.keeper import GOODBYE
from aging.store.events import Journalize, KeeperDied

_PROGRAM = Path(__file__).with_name("keeper.py")
_BARE = ("-I", "-S")
_PAUSE_SECONDS = 1.0
_FAREWELL_SECONDS = 5.0


def keepers(campaign: str) -> Sequence[int]:
    """The pids of the keepers of a campaign, by its mark; those of other installations of this package, too."""
    return [pid for pid in processes() if _keeps(command_line(pid), campaign)]


def _keeps(arguments: Sequence[str], campaign: str) -> bool:
    return arguments[1:3] == _BARE and Path(arguments[3]).name == _PROGRAM.name and arguments[4:5] == (campaign,)


class KeeperClient:
    """Sees to it that a keeper waits beside this process until :meth:`goodbye`.

    ``grace`` is for how many seconds it lets servers live on without a runner, ``patience`` its seconds from
    SIGTERM to SIGKILL. ``tell`` writes the journal.
    """

    def __init__(self, directory: Path, grace: float, patience: float, tell: Journalize) -> None:
        self._directory = directory
        self._grace = grace
        self._patience = patience
        self._tell = tell
        self._keeper: asyncio.subprocess.Process | None = None
        self._guard: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when there is a keeper: what is started from now on is looked after."""
        self._keeper = await self._started()
        self._guard = asyncio.create_task(self._replace())

    async def goodbye(self) -> None:
        """Everything has been ended in order: the keeper may go."""
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
            except TimeoutError:  # somebody has stopped it; there is nothing left for it to end
                self._keeper.kill()
                await self._keeper.wait()

    async def _replace(self) -> None:
        while self._keeper is not None:
            status = await self._keeper.wait()
            self._tell(KeeperDied(exit=status))
            await asyncio.sleep(_PAUSE_SECONDS)
            self._keeper = await self._started()

    async def _started(self) -> asyncio.subprocess.Process:
        me = needed(identity(os.getpid()), "this process's own entry in /proc")
        # Not marked: it ends what is.
        environment = {name: value for name, value in os.environ.items() if name not in (MARKER, LIFE)}
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
