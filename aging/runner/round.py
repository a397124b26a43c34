"""One round of runs: started, proven ready, loaded from one shared instant (or only observed), and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from aging.campaign.rejuvenation import rejuvenated
from aging.core.allocator import prefill_allocator
from aging.core.errors import DeploymentError
from aging.core.metrics import PRIMARY
from aging.core.records import Reading
from aging.core.tasks import cancel_all, to_the_end
from aging.runner.interrupted_action import conclude
from aging.runner.rejuvenator import MakePolicy, Rejuvenator
from aging.runner.run import ActiveRun, RunContext
from aging.store.events import LoadEnded

_LEAD_SECONDS = 0.5
"""From sending the jobs to the shared start of load."""

_SETTLES_AFTER_SECONDS = 30.0
_SPARE_BYTES = 2**20

_MEMORY_INDICATORS = (PRIMARY, "process_rss_bytes", "cgroup_memory_usage_bytes")
"""What `analysis.memory_limit` bounds."""


class Round:
    """A round under way. When a deployment dies, only its own load ends.

    ``policy`` makes the rejuvenation policy of a table; ``lost`` is why no server of an earlier runner can
    still run, if so.
    """

    def __init__(
        self,
        runs: Sequence[ActiveRun],
        context: RunContext,
        policy: MakePolicy,
        lost: str | None,
    ) -> None:
        self.runs = runs
        self._context = context
        self._policy = policy
        self._lost = lost
        self._rejuvenator: Rejuvenator | None = None

    async def run(self) -> int:
        """From launch to stop; return the number of deployments that became ready."""
        with self._context.load_log() as log:
            try:
                ready = await self._start_all()
                if ready and not self._context.interrupted.is_set():
                    await (self._watch(ready) if self._context.campaign.load is None else self._load(ready, log))
                return len(ready)
            finally:
                await to_the_end(self._end_all())

    def see(self, reading: Reading) -> None:
        """Pass a reading to the rejuvenation policies."""
        if self._rejuvenator is not None:
            self._rejuvenator.see(reading)

    async def _start_all(self) -> list[ActiveRun]:
        starts = {asyncio.create_task(self._serve(run)): run for run in self.runs}
        interrupted = asyncio.create_task(self._context.interrupted.wait())
        pending: set[asyncio.Task[Any]] = set(starts)
        try:
            while pending and not interrupted.done():
                _, pending = await asyncio.wait({*pending, interrupted}, return_when=asyncio.FIRST_COMPLETED)
                pending.discard(interrupted)
        finally:
            await cancel_all([interrupted, *pending])
        ready = []
        for task, run in starts.items():
            if not task.cancelled():
                with contextlib.suppress(DeploymentError):  # the journal has it; the others continue
                    task.result()
                    ready.append(run)
        return ready

    async def _serve(self, run: ActiveRun) -> None:
        await run.serve(self._lost)
        await conclude(run, self._context)

    async def _load(self, ready: Sequence[ActiveRun], log: Any) -> None:
        for run in ready:
            if not await run.prepare(log):
                return
        # A runner that was killed while it sent the jobs had sent some: all runs use that start.
        prior_start = self._prior_start(ready)
        load_start = time.monotonic() + _LEAD_SECONDS if prior_start is None else prior_start
        for run in ready:
            run.load(load_start, resumed=prior_start is not None)
        stop = asyncio.create_task(self._stop_when_interrupted())
        try:
            await self._until_all(ready, [run.follow() for run in ready])
        finally:
            await cancel_all([stop])
        self._context.record_event(LoadEnded())

    async def _watch(self, ready: Sequence[ActiveRun]) -> None:
        """Observe deployments whose load comes from elsewhere."""
        prior_start = self._prior_start(ready)
        start = time.monotonic() if prior_start is None else prior_start
        await self._until_all(ready, [run.watch(start) for run in ready])

    async def _until_all(self, ready: Sequence[ActiveRun], followed: Sequence[Coroutine[Any, Any, None]]) -> None:
        followers = [asyncio.create_task(one) for one in followed]
        others = []
        if tables := rejuvenated(self._context.campaign):
            limit = self._context.campaign.analysis.memory_limit
            self._rejuvenator = Rejuvenator(
                tables,
                self._policy,
                ready,
                self._context.record_event,
                limits={} if limit is None else dict.fromkeys(_MEMORY_INDICATORS, float(limit)),
                campaign_time=self._context.timeline.of,
            )
            others.append(asyncio.create_task(self._rejuvenator.run()))
        # By then every code path has run once; the harness is judged from the end of its first minute.
        prefill = asyncio.get_running_loop().call_later(_SETTLES_AFTER_SECONDS, prefill_allocator, _SPARE_BYTES)
        try:
            await asyncio.gather(*followers)
        finally:
            prefill.cancel()
            await cancel_all([*followers, *others])

    def _prior_start(self, runs: Sequence[ActiveRun]) -> float | None:
        """When an earlier runner started the load of this round, in monotonic seconds of this boot."""
        starts = [run.prior_start for run in runs if run.prior_start is not None]
        return self._context.timeline.here(min(starts)) if starts else None

    async def _stop_when_interrupted(self) -> None:
        await self._context.interrupted.wait()
        for run in self.runs:
            run.stop()

    async def _end_all(self) -> None:
        await asyncio.gather(*(run.load_process.kill() for run in self.runs if run.load_process is not None))
        await asyncio.gather(*(run.server.stop() for run in self.runs))
