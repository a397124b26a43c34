"""The runner's side of one load process: started, told, listened to."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from pathlib import Path
from typing import IO, Any

from aging.load.job import Job
from aging.load.pulse import Beat
from aging.process import Child
from aging.threads import ONE_THREAD

_STOP_PATIENCE_SECONDS = 5.0
_MUTE_SECONDS = 20.0
"""It tells something every second. One that should have ended and has said nothing for so long never will."""

_POLL_SECONDS = 1.0


class Driver:
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
        self._failed_seals: list[dict[str, Any]] = []
        self._due = math.inf

    @classmethod
    async def start(cls, campaign: Path, log: IO[bytes]) -> Driver:
        """Start the process; it imports what it needs and waits for its job."""
        argv = (sys.executable, "-m", "aging.load")
        driver = cls(await Child.start(argv, ONE_THREAD, campaign, log, piped=True))
        await driver._child.read_line()  # "started": its imports are done
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

    def take_failed_seals(self) -> list[dict[str, Any]]:
        """Details of the seals that it has reported as failed since this was last asked."""
        taken, self._failed_seals = self._failed_seals, []
        return taken

    async def hold(self) -> None:
        """Let arrivals wait; returns when nothing is in flight, or when the process has ended."""
        self._holding.clear()
        self._child.write_line("hold")
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
                await self.kill()
        return await self._child.wait()

    async def kill(self) -> None:
        """End it at once."""
        await self._child.terminate(_STOP_PATIENCE_SECONDS)

    async def _listen(self) -> None:
        while line := await self._child.read_line():
            event = json.loads(line)
            if event["event"] == "holding":
                self._holding.set()
            elif event["event"] == "finished":
                self.finished = event
            elif event["event"] == "pulse":
                self.beat = Beat(event["waiting"], event["quiet"], event["late"])
            elif event["event"] == "full":
                self.full = event["reason"]
            elif event["event"] == "sealing_failed":
                self._failed_seals.append({name: value for name, value in event.items() if name != "event"})
            elif event["event"] == "resumed":
                self._resumed.set_result(event["first"])
            self.heard = time.monotonic()
        self._holding.set()
        if not self._resumed.done():
            self._resumed.set_result(None)
