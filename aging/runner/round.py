"""One round: runs that are started, proven ready, loaded from one shared instant (or only watched), and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aging.core.allocator import prefill_allocator
from aging.core.errors import DeploymentError, needed
from aging.core.records import Reading
from aging.core.tasks import cancelled
from aging.rejuvenation.base import Policy
from aging.runner.rejuvenator import Rejuvenator
from aging.runner.run import ActiveRun, RunContext
from aging.store.events import LoadEnded

_LEAD_SECONDS = 0.5
"""From telling the load processes to the shared start of load."""

_SETTLES_AFTER_SECONDS = 30.0
_SPARE_BYTES = 2**20


class Round:
    """A round under way. A deployment that dies takes only its own load with it.

    ``policy`` makes one of the kind that the campaign asks for; ``lost`` says why no server of a runner before this one
    can still live, where that is so.
    """

    def __init__(
        self,
        runs: Sequence[ActiveRun],
        stage: RunContext,
        policy: Callable[[Any], Policy[Any]] | None,
        lost: str | None,
    ) -> None:
        self.runs = runs
        self._stage = stage
        self._policy = policy
        self._lost = lost
        self._rejuvenating: Rejuvenator | None = None

    async def run(self) -> int:
        """From launch to stop; returns how many deployments became ready."""
        with self._stage.load_log() as log:
            try:
                ready = await self._start_all()
                if ready and not self._stage.interrupted.is_set():
                    await (self._watch(ready) if self._stage.campaign.load is None else self._load(ready, log))
                return len(ready)
            finally:
                await asyncio.shield(self._end_all())

    def see(self, reading: Reading) -> None:
        """A reading of one of the deployments."""
        if self._rejuvenating is not None:
            self._rejuvenating.see(reading)

    async def _start_all(self) -> list[ActiveRun]:
        starts = {asyncio.create_task(run.serve(self._lost)): run for run in self.runs}
        interrupted = asyncio.create_task(self._stage.interrupted.wait())
        pending: set[asyncio.Task[Any]] = set(starts)
        try:
            while pending and not interrupted.done():
                _, pending = await asyncio.wait({*pending, interrupted}, return_when=asyncio.FIRST_COMPLETED)
                pending.discard(interrupted)
        finally:
            await cancelled([interrupted, *pending])
        ready = []
        for task, run in starts.items():
            if not task.cancelled():
                with contextlib.suppress(DeploymentError):  # the journal has it; the others go on
                    task.result()
                    ready.append(run)
        return ready

    async def _load(self, ready: Sequence[ActiveRun], log: Any) -> None:
        for run in ready:
            if not await run.prepare(log):
                return
        # One that was killed while it told them had told some: all have the same start.
        begun = self._begun(ready)
        load_start = time.monotonic() + _LEAD_SECONDS if begun is None else begun
        for run in ready:
            run.load(load_start, resumed=begun is not None)
        stop = asyncio.create_task(self._stop_when_interrupted())
        try:
            await self._until_all(ready, [run.follow() for run in ready])
        finally:
            await cancelled([stop])
        self._stage.tell(LoadEnded())

    async def _watch(self, ready: Sequence[ActiveRun]) -> None:
        """Look on; whatever drives the deployments is not ours."""
        begun = self._begun(ready)
        start = time.monotonic() if begun is None else begun
        await self._until_all(ready, [run.watch(start) for run in ready])

    async def _until_all(self, ready: Sequence[ActiveRun], followed: Sequence[Coroutine[Any, Any, None]]) -> None:
        followers = [asyncio.create_task(one) for one in followed]
        others = []
        if self._policy is not None:
            options = needed(self._stage.campaign.rejuvenation, "a [rejuvenation] table")
            self._rejuvenating = Rejuvenator(options, self._policy, ready, self._stage.tell)
            others.append(asyncio.create_task(self._rejuvenating.run()))
        # By then everything has been done once; the harness is judged from the end of its first minute on.
        settling = asyncio.get_running_loop().call_later(_SETTLES_AFTER_SECONDS, prefill_allocator, _SPARE_BYTES)
        try:
            await asyncio.gather(*followers)
        finally:
            settling.cancel()
            await cancelled([*followers, *others])

    def _begun(self, runs: Sequence[ActiveRun]) -> float | None:
        """When the load of a round began that another runner had begun, in monotonic seconds of this boot."""
        starts = [run.begun_at for run in runs if run.begun_at is not None]
        return self._stage.timeline.here(min(starts)) if starts else None

    async def _stop_when_interrupted(self) -> None:
        await self._stage.interrupted.wait()
        for run in self.runs:
            run.stop()

    async def _end_all(self) -> None:
        await asyncio.gather(*(run.driver.kill() for run in self.runs if run.driver is not None))
        await asyncio.gather(*(run.serving.stop() for run in self.runs))
