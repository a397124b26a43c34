"""What a guard does once it may: drain the proxy, run the hook, wait for the server, put it back, look at its memory.

Each stage is on the disk before it begins, so that the next guard finishes or undoes what a killed one has left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from aging.core.clock import Timeline
from aging.core.errors import StorageError
from aging.deployments.hooks import HookFacts, run_hook
from aging.guard.follower import Follower
from aging.guard.haproxy import HAProxy, ProxyError
from aging.guard.options import Guarding
from aging.guard.readiness import answers, connects
from aging.guard.state import Pending, Stage
from aging.guard.watch import Ended, Watch

_POLL_SECONDS = 0.5


class ActionFailed(Exception):  # noqa: N818 - the outcome of an action, not an error of the package
    """An action that has not ended as it should; the message says what and why."""


@dataclass(slots=True)
class Rejuvenator:
    """Carries out the action of one guard. ``proxy`` is None where there is none."""

    guarding: Guarding
    watch: Watch
    follower: Follower
    timeline: Timeline
    proxy: HAProxy | None

    async def carry_out(self, pending: Pending) -> Ended:
        """Do it from the first stage on."""
        return await self._ended(pending, self._from_the_start)

    async def resume(self, pending: Pending) -> Ended:
        """Finish or undo what an earlier guard began."""
        if pending.stage == "draining":
            return await self._ended(pending, self._undo)
        return await self._ended(pending, self._after_the_hook)

    async def _ended(self, pending: Pending, does: Callable[[_Course], Awaitable[Ended]]) -> Ended:
        course = _Course(self, pending, dict(pending.stages), pending.cut)
        try:
            return await does(course)
        except ActionFailed as failure:
            why = str(failure)
        except (ProxyError, StorageError) as error:
            why = str(error)
        touched = course.pending.stage != "draining"
        drained = False
        if self.proxy is not None:
            kept, drained = await self._put_back(self.proxy)
            why = f"{why}. {kept}"
        return Ended("failed" if touched else "undone", course.seconds, why, course.cut, course.stages, drained)

    async def _from_the_start(self, course: _Course) -> Ended:
        table, options, pending = self.guarding.table, self.guarding.options, course.pending
        if table is None:
            raise ActionFailed("there is no policy any more")
        ports = await self.follower.ports()
        if self.proxy is not None:
            await self.proxy.set_state("drain")
            if not (options.proxy is not None and options.proxy.alone) and await self.proxy.alone():
                raise ActionFailed("another guard took the other server out of rotation at the same time")
            course.cut = await self.proxy.drain(table.drain)
            course.done("drain")
        course.reach("acting")
        facts = HookFacts(
            self.guarding.label, pending.server.pid, pending.server.generation, "external", pending.reason
        )
        self.follower.hook_runs = True
        try:
            result = await run_hook(facts, table.action_timeout, command=table.command, url=table.url)
        finally:
            self.follower.hook_runs = False
        course.done("action")
        if not result.ok:
            raise ActionFailed(result.message)
        return await self._until_back(course, ports, options.return_within)

    async def _undo(self, course: _Course) -> Ended:
        """The hook had not begun: the server is as it was."""
        if self.proxy is not None and not await self.proxy.release(_POLL_SECONDS * 20):
            raise ActionFailed("HAProxy does not use the server again")
        why = "the guard ended while the proxy was drained; the action had not begun"
        return Ended("undone", course.seconds, why, course.cut, course.stages)

    async def _after_the_hook(self, course: _Course) -> Ended:
        """The hook had begun: it may still run, and the server may be a new one."""
        table, options, pending = self.guarding.table, self.guarding.options, course.pending
        longest = options.return_within + (0.0 if table is None else table.action_timeout)
        left = max(pending.began + longest - self.timeline.stamp().mono, options.interval)
        if options.keeps_process and pending.stage == "acting":
            raise ActionFailed("the guard ended while the hook ran; whether the hook came to its end is not known")
        try:
            return await self._until_back(course, (), left)
        except ActionFailed as failure:
            raise ActionFailed(f"the guard ended while the hook ran; {failure}") from None

    async def _until_back(self, course: _Course, ports: Sequence[int], within: float) -> Ended:
        options = self.guarding.options
        deadline = time.monotonic() + within
        if course.pending.stage != "settling":
            if course.pending.stage != "returning":
                course.reach("returning")
            if not options.keeps_process:
                none = f"no new process is found as {self.guarding.label}"
                await self._until(self._is_new, course, deadline, none)
            await self._until(lambda _: self._ready(ports), course, deadline, self._unready(ports))
            if self.proxy is not None and not await self.proxy.release(max(deadline - time.monotonic(), 1.0)):
                raise ActionFailed("HAProxy does not use the server again")
            course.done("return")
            course.reach("settling")
        elif self.proxy is not None:  # an earlier guard may have ended in between
            await self.proxy.release(_POLL_SECONDS * 20)
        await asyncio.sleep(options.settle)
        await self._until_sampled(self.timeline.stamp().wall)
        return Ended("helped", course.seconds, "", course.cut, course.stages)

    async def _until(
        self, holds: Callable[[_Course], Awaitable[bool]], course: _Course, deadline: float, otherwise: str
    ) -> None:
        while not await holds(course):
            if time.monotonic() >= deadline:
                raise ActionFailed(f"{otherwise} {course.seconds:.0f} s after the action began")
            await asyncio.sleep(_POLL_SECONDS)

    async def _is_new(self, course: _Course) -> bool:
        return self.watch.present and self.watch.state.server != course.pending.server

    async def _ready(self, ports: Sequence[int]) -> bool:
        options = self.guarding.options
        if not self.watch.present:
            return False
        if options.ready_url is not None:
            return await answers(options.ready_url)
        if self.proxy is not None and not await connects(await self.proxy.addresses()):
            return False
        return set(ports) <= set(await self.follower.ports())

    def _unready(self, ports: Sequence[int]) -> str:
        if self.guarding.options.ready_url is not None:
            return f"{self.guarding.options.ready_url} does not answer 200"
        where = f" on {', '.join(map(str, ports))}" if ports else ""
        return f"the new process does not listen{where}"

    async def _until_sampled(self, since: float) -> None:
        """The memory afterwards is that of a sample afterwards."""
        options = self.guarding.options
        for _ in range(int(3 * options.interval / _POLL_SECONDS) + 1):
            if (self.watch.state.sampled or 0.0) >= since:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def back_in_rotation(self) -> bool:
        """Put the server back into rotation if it answers; whether it is."""
        return self.proxy is not None and not (await self._put_back(self.proxy))[1]

    async def _put_back(self, proxy: HAProxy) -> tuple[str, bool]:
        """After a failure: back into rotation if the server answers. What to say, and whether it is still drained."""
        names = ", ".join(proxy.servers)
        try:
            url = self.guarding.options.ready_url
            serves = await answers(url) if url is not None else await connects(await proxy.addresses())
            if serves and await proxy.release(_POLL_SECONDS * 20):
                return f"The server answers and is back in rotation as {names}", False
        except ProxyError as error:
            return f"{names} may be out of rotation: {error}", True
        by_hand = "; ".join(f"set server {name} state ready" for name in proxy.servers)
        return f"{names} is out of rotation until it answers; by hand: `{by_hand}`", True


class _Course:
    """One action under way: its stage, and how long each took."""

    def __init__(self, owner: Rejuvenator, pending: Pending, stages: dict[str, float], cut: int) -> None:
        self._owner = owner
        self.pending, self.stages, self.cut = pending, stages, cut
        self._since = owner.timeline.stamp().mono

    @property
    def seconds(self) -> float:
        """Since the action began, that of an earlier guard included."""
        return self._owner.timeline.stamp().mono - self.pending.began

    def done(self, stage: str) -> None:
        """Note how long a stage took."""
        now = self._owner.timeline.stamp().mono
        self.stages[stage], self._since = round(now - self._since, 3), now

    def reach(self, stage: Stage) -> None:
        """Go on to a stage, which is on the disk when this returns."""
        pending = replace(self.pending, stage=stage, cut=self.cut, stages=dict(self.stages))
        self._owner.watch.reached(pending, self._owner.timeline.stamp())
        self.pending = pending
