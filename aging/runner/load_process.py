"""The runner's side of one load process: started, told, listened to."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from pathlib import Path
from typing import IO, Any

from aging.core.blas_threads import ONE_THREAD
from aging.core.processes.child import Child
from aging.load.heartbeat import Beat
from aging.load.job import Job
from aging.store.events import SealingFailed
from aging.store.segments import parse_line

_STOP_PATIENCE_SECONDS = 5.0
_MUTE_SECONDS = 20.0
"""It tells something every second. One that should have ended and has said nothing for so long never will."""

_POLL_SECONDS = 1.0

_START_SECONDS = 120.0
"""Its imports and its rehearsal take some 4 s of CPU: this is a host with thirty others at work on each core."""

_SHOWN = 200
"""Characters of a line that is no event."""


class LoadProcess:
    """One deployment's load process (``python -m aging.load``)."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._listening: asyncio.Task[None] | None = None
        self._holding = asyncio.Event()
        self._resumed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self.finished: dict[str, Any] | None = None
        self.beat: Beat | None = None
        """Its last pulse."""
        self.heard: float | None = None
        """When it was last heard of, in monotonic seconds; None while there is no job."""
        self.full: str | None = None
        """Why it cannot write its records, when it cannot."""
        self._failed_seals: list[SealingFailed] = []
        self.failure: str | None = None
        """Why it was ended, where it did not end by itself."""
        self.ignored = 0
        """Lines of its output that were no events."""
        self.first_ignored = ""
        self._due = math.inf

    @classmethod
    async def start(cls, campaign: Path, log: IO[bytes]) -> LoadProcess:
        """Start the process; it imports what it needs and waits for its job.

        One that is not ready for it in time is ended: its :attr:`failure` says so, and its load ends as it begins.
        """
        argv = (sys.executable, "-m", "aging.load")
        driver = cls(await Child.start(argv, ONE_THREAD, campaign, log, piped=True))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await driver._until_started()
        except TimeoutError:
            driver.failure = f"it was not ready for its job within {_START_SECONDS:g} s"
            await driver.kill()
        except asyncio.CancelledError:
            await asyncio.shield(driver.kill())
            raise
        return driver

    @property
    def pid(self) -> int:
        return self._child.pid

    def begin(self, job: Job) -> None:
        """Give it its job; the load starts at the job's ``load_start``."""
        self._child.write_line(job.to_json())
        self.heard = time.monotonic()
        self._due = job.load_start + job.duration
        self._listening = asyncio.create_task(self._listen())

    async def resumed(self) -> int | None:
        """The first request that it sends of a load that was begun before; None when none is left, or it has died."""
        return await asyncio.shield(self._resumed)

    def take_failed_seals(self) -> list[SealingFailed]:
        """The seals that it has reported as failed since this was last asked."""
        taken, self._failed_seals = self._failed_seals, []
        return taken

    async def hold(self) -> None:
        """Let arrivals wait; returns when nothing is in flight, or when the process has ended."""
        self._holding.clear()
        self._child.write_line("hold")
        if self._listening is not None and not self._listening.done():
            await self._holding.wait()

    def release(self, generation: int) -> None:
        self._child.write_line(f"release {generation}")

    def stop(self) -> None:
        """No more arrivals; it drains and ends by itself."""
        self._due = min(self._due, time.monotonic())
        self._child.write_line("stop")

    async def wait(self) -> int:
        """Its exit status, once it has ended; one that should have, and is mute, is ended."""
        while self._listening is not None and not self._listening.done():
            await asyncio.wait({self._listening}, timeout=_POLL_SECONDS)
            if time.monotonic() > max(self._due, self.heard or 0.0) + _MUTE_SECONDS:
                self.failure = f"it sent no event for {_MUTE_SECONDS:g} s after its end was due"
                await self.kill()
        if self._listening is not None and (error := self._listening.exception()) is not None:
            self.failure = f"its output could not be read: {error!r}"
            await self.kill()
        return await self._child.wait()

    async def kill(self) -> None:
        """End it at once."""
        await self._child.terminate(_STOP_PATIENCE_SECONDS)

    async def _until_started(self) -> None:
        """Return when its imports are done, or when it has ended."""
        while line := await self._next_line():
            if (parse_line(line) or {}).get("event") == "started":
                return
            self._ignore(line)

    async def _listen(self) -> None:
        try:
            while line := await self._next_line():
                if self._took(parse_line(line)):
                    self.heard = time.monotonic()
                else:
                    self._ignore(line)
        finally:  # nobody is to wait for what is not heard any more
            self._holding.set()
            self._take_first(None)

    async def _next_line(self) -> bytes:
        while True:
            try:
                return await self._child.read_line()
            except ValueError as error:  # longer than a stream's limit
                self._ignore(str(error).encode())

    def _took(self, event: dict[str, Any] | None) -> bool:
        """Note what an event says; whether it is one."""
        match event:
            case {
                "event": "pulse",
                "waiting": int(waiting),
                "quiet": float() | int() as quiet,
                "late": float() | int() as late,
            }:
                self.beat = Beat(waiting, quiet, late)
            case {"event": "holding"}:
                self._holding.set()
            case {"event": "full", "reason": str(reason)}:
                self.full = reason
            case {"event": "resumed", "first": int() | None as first}:
                self._take_first(first)
            case {"event": "finished", "schedule_hash": str(), "requests": int()}:
                self.finished = event
            case {"event": "sealing_failed", "files": int(files), "exit": int() | None as status, "log": list(log)}:
                self._failed_seals.append(SealingFailed(files=files, exit=status, log=log))
            case _:
                return False
        return True

    def _take_first(self, first: int | None) -> None:
        if not self._resumed.done():
            self._resumed.set_result(first)

    def _ignore(self, line: bytes) -> None:
        if not self.ignored:
            self.first_ignored = line.decode(errors="replace").strip()[:_SHOWN]
        self.ignored += 1
