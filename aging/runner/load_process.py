"""The runner's side of one load process: it starts the process, sends it commands, and reads its events."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from pathlib import Path
from typing import IO, Any

from aging.core.blas_threads import ONE_THREAD
from aging.core.processes.child import Child
from aging.core.tasks import to_the_end
from aging.load.heartbeat import Beat
from aging.load.job import Job
from aging.store.events import SealingFailed
from aging.store.segments import parse_line

_STOP_PATIENCE_SECONDS = 5.0
_MUTE_SECONDS = 20.0
"""A load process sends a heartbeat every second; one that is overdue and silent for so long hangs."""

_POLL_SECONDS = 1.0

_START_SECONDS = 120.0
"""Imports and warm-up take 4 s of CPU: a host with 30 other busy processes per core."""

_MAX_CHARACTERS = 200
"""Of an ignored line."""


class LoadProcess:
    """One deployment's load process (``python -m aging.load``)."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._listening: asyncio.Task[None] | None = None
        self._answers: dict[str, asyncio.Future[int]] = {}
        self._over = False
        self._resumed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self.finished: dict[str, Any] | None = None
        self.beat: Beat | None = None
        """Its last heartbeat."""
        self.heard: float | None = None
        """When its last event arrived, in monotonic seconds; None before it has a job."""
        self.full: str | None = None
        """Why it cannot write its records; None if it can."""
        self._failed_seals: list[SealingFailed] = []
        self.failure: str | None = None
        """Why it was killed; None if it ended by itself."""
        self.ignored = 0
        """Lines of its output that are not events."""
        self.first_ignored = ""
        self._due = math.inf

    @classmethod
    async def start(cls, campaign: Path, log: IO[bytes]) -> LoadProcess:
        """Start the process, which then waits for its job.

        A process that is not ready in time is killed: :attr:`failure` has the reason, and :meth:`wait` returns at once.
        """
        argv = (sys.executable, "-P", "-m", "aging.load")
        process = cls(await Child.start(argv, ONE_THREAD, campaign, log, piped=True))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await process._until_started()
        except TimeoutError:
            process.failure = f"not ready within {_START_SECONDS:g} s"
            await process.kill()
        except asyncio.CancelledError:
            await to_the_end(process.kill())
            raise
        return process

    @property
    def pid(self) -> int:
        return self._child.pid

    def begin(self, job: Job) -> None:
        """Send the job; the load starts at its ``load_start``."""
        self._child.write_line(job.to_json())
        self.heard = time.monotonic()
        self._due = job.load_start + job.duration
        self._listening = asyncio.create_task(self._listen())

    async def resumed(self) -> int | None:
        """The first request of a resumed load; None if no request is left, or the process has died."""
        return await asyncio.shield(self._resumed)

    def take_failed_seals(self) -> list[SealingFailed]:
        """The failed seals that the process reported since the last call."""
        failed, self._failed_seals = self._failed_seals, []
        return failed

    async def hold(self, within: float = math.inf) -> int:
        """Hold arrivals back; return when no request is in flight, or after ``within`` seconds the number that is.

        It returns 0 when the process has ended.
        """
        return await self._ask(f"hold {within}", "holding")

    def release(self, generation: int) -> None:
        """Send again, what was held first, to the server of this generation at the same address."""
        self._child.write_line(f"release {generation}")

    def redirect(self, base_url: str, generation: int) -> None:
        """Send new requests to the server of this generation at another address."""
        self._expect(f"drained {generation - 1}")
        self._child.write_line(f"redirect {base_url} {generation}")

    async def drained(self, generation: int, within: float = math.inf) -> bool:
        """Whether no request is in flight to servers before the redirect that followed ``generation``, in time."""
        answer = self._answers.get(f"drained {generation}")
        if answer is not None:
            await asyncio.wait({answer}, timeout=None if math.isinf(within) else within)
        return answer is None or answer.done()

    async def cut(self, generation: int) -> int:
        """End the requests in flight to servers up to ``generation``; the number of them."""
        return await self._ask(f"cut {generation}", f"cut {generation}")

    async def _ask(self, command: str, answer: str) -> int:
        expected = self._expect(answer)
        self._child.write_line(command)
        return await asyncio.shield(expected)

    def _expect(self, answer: str) -> asyncio.Future[int]:
        expected = self._answers[answer] = asyncio.get_running_loop().create_future()
        if self._over:
            expected.set_result(0)
        return expected

    def _answer(self, answer: str, number: int = 0) -> None:
        expected = self._answers.pop(answer, None)
        if expected is not None and not expected.done():
            expected.set_result(number)

    def stop(self) -> None:
        """Stop arrivals; the process drains and ends by itself."""
        self._due = min(self._due, time.monotonic())
        self._child.write_line("stop")

    async def wait(self) -> int:
        """Its exit status, once it has ended. A process that is overdue and sends no event is killed."""
        while self._listening is not None and not self._listening.done():
            await asyncio.wait({self._listening}, timeout=_POLL_SECONDS)
            if time.monotonic() > max(self._due, self.heard or 0.0) + _MUTE_SECONDS:
                self.failure = f"no event for {_MUTE_SECONDS:g} s after its end was due"
                await self.kill()
        if self._listening is not None and (error := self._listening.exception()) is not None:
            self.failure = f"its output cannot be read: {error!r}"
            await self.kill()
        return await self._child.wait()

    async def kill(self) -> None:
        """End the process at once."""
        await self._child.terminate(_STOP_PATIENCE_SECONDS)

    async def _until_started(self) -> None:
        """Return when it is ready for a job, or has ended."""
        while line := await self._next_line():
            if (parse_line(line) or {}).get("event") == "started":
                return
            self._ignore(line)

    async def _listen(self) -> None:
        try:
            while line := await self._next_line():
                if self._handle(parse_line(line)):
                    self.heard = time.monotonic()
                else:
                    self._ignore(line)
        finally:  # release the waiters: no further event will arrive
            self._over = True
            for answer in tuple(self._answers):
                self._answer(answer)
            self._set_first(None)

    async def _next_line(self) -> bytes:
        while True:
            try:
                return await self._child.read_line()
            except ValueError as error:  # longer than a stream's limit
                self._ignore(str(error).encode())

    def _handle(self, event: dict[str, Any] | None) -> bool:
        """Handle an event; return False if it is not one."""
        match event:
            case {"event": "pulse", "waiting": _, "quiet": _, "late": _} if (beat := Beat.of(event or {})) is not None:
                self.beat = beat
            case {"event": "holding", "left": int(left)}:
                self._answer("holding", left)
            case {"event": "drained", "generation": int(generation)}:
                self._answer(f"drained {generation}")
            case {"event": "cut", "generation": int(generation), "requests": int(requests)}:
                self._answer(f"cut {generation}", requests)
            case {"event": "full", "reason": str(reason)}:
                self.full = reason
            case {"event": "resumed", "first": int() | None as first}:
                self._set_first(first)
            case {"event": "finished", "schedule_hash": str(), "requests": int()}:
                self.finished = event
            case {"event": "sealing_failed", "files": int(files), "exit": int() | None as status, "log": list(log)}:
                self._failed_seals.append(SealingFailed(files=files, exit=status, log=log))
            case _:
                return False
        return True

    def _set_first(self, first: int | None) -> None:
        if not self._resumed.done():
            self._resumed.set_result(first)

    def _ignore(self, line: bytes) -> None:
        if not self.ignored:
            self.first_ignored = line.decode(errors="replace").strip()[:_MAX_CHARACTERS]
        self.ignored += 1
