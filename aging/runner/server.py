"""One deployment under test: started, proven ready, watched, restarted, replaced, stopped or left running."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from aging.campaign.schema import LoadTable
from aging.core.clock import Timeline
from aging.core.endpoint import Endpoint
from aging.core.errors import DeploymentError
from aging.core.processes.child import ServerProcess
from aging.core.targets import Target
from aging.deployments.base import DeploymentBase
from aging.runner.free_ports import FreePort
from aging.runner.generation import Generation, NotReadyError
from aging.store import events
from aging.store.events import Journalize, ServerKey
from aging.store.layout import Layout
from aging.store.state import RunState

_RETURN_PAUSE_SECONDS = 1.0


class Server:
    """A deployment under test: the generation that serves, and for a time another one beside it.

    ``record_event`` writes the journal. ``port`` supplies the port if the campaign names no port: before the first
    start, and at the first start under another runner; and that of a successor. A restart keeps the port, because the
    load process keeps sending to it. ``load`` is what it is to serve, and is proven ready by.
    """

    def __init__(  # noqa: PLR0913 - what it is, where it writes, what it serves
        self,
        deployment: DeploymentBase[Any],
        replica: int,
        layout: Layout,
        record_event: Journalize,
        port: FreePort,
        *,
        load: LoadTable | None = None,
    ) -> None:
        self._load = load
        self.name: str = deployment.options.name
        self.replica = replica
        self.died = asyncio.Event()
        """The generation that serves has ended by itself."""
        self._gone = asyncio.Event()
        """As ``died``, and also where an action from outside has ended it."""
        self.death: str | None = None
        """How its last process that ended by itself did so."""
        self._layout = layout
        self._record_event = record_event
        self._port = port
        self._described = deployment
        self._newest = 0
        self._serving = self._generation(0, deployment)
        self._beside: Generation | None = None
        """The successor while it starts, the predecessor while it drains."""

    @property
    def deployment(self) -> DeploymentBase[Any]:
        return self._serving.deployment

    @property
    def _named_port(self) -> int | None:
        """The port in the campaign file."""
        return None if self._described.chooses_port else self._described.port

    @property
    def generation(self) -> int:
        """The start that serves, counted from 1."""
        return self._serving.number

    @property
    def ready_since(self) -> float | None:
        return self._serving.ready_since

    @property
    def endpoint(self) -> Endpoint | None:
        return self._serving.endpoint

    @property
    def age(self) -> float | None:
        """Seconds since this generation was ready; None while it is not."""
        return None if self.ready_since is None else time.monotonic() - self.ready_since

    @property
    def born(self) -> float | None:
        """When the main process of this generation started, in monotonic seconds; None while there is none."""
        return None if self._serving.life is None else self._serving.life.born

    @property
    def pids(self) -> tuple[int, ...]:
        """The root pids of the generation that serves."""
        target = self._serving.target()
        return () if target is None else target.pids

    def targets(self) -> list[Target]:
        """The targets of the samplers: of both generations while there are two."""
        both = (self._serving,) if self._beside is None else (self._serving, self._beside)
        return [target for one in both if (target := one.target()) is not None]

    async def start(self, *, probe: bool = True) -> None:
        """Start the next generation and wait until it completes a probe request, if it has an endpoint.

        Without ``probe`` no request is sent. Raises DeploymentError.
        """
        deployment = self.deployment
        if deployment.chooses_port:
            deployment = deployment.at(self._port.take())
        self._serving = self._next(deployment)
        await self._until_serving(self._serving.start(probe=probe))

    async def resume(self, prior: RunState, timeline: Timeline, lost: str | None, *, probe: bool = True) -> None:
        """Re-adopt the generation that an earlier runner started; start the next one if it has ended.

        ``lost`` is why it has ended, if known. Raises DeploymentError.
        """
        deployment = self.deployment
        if prior.port is not None and deployment.port != prior.port:  # chosen, or a successor's
            deployment = deployment.at(prior.port)
        self._newest = max(prior.generation, prior.newest)
        self._serving = self._generation(prior.generation, deployment)
        life = await self._serving.readopt(prior)
        self._conclude_other(prior)
        if life is None:
            if prior.main is not None:
                self._record_gone(lost)
            port = (
                self._port.take() if self._described.chooses_port else self._named_port
            )  # another process may use the old one
            if port is not None:
                self._serving.deployment = deployment.at(port)
            await self.start(probe=probe)
            return
        if prior.port is not None and prior.port != self._named_port:
            self._port.hold(prior.port)
        ready_since = None if prior.ready is None else timeline.here(prior.ready)
        await self._until_serving(self._serving.go_on(life, ready_since, probe=probe))

    def _conclude_other(self, prior: RunState) -> None:
        """Journal the end of the other generation of a replacement, which the takeover has ended."""
        if prior.beside is not None:
            which = self._which(prior.beside.generation)
            how = "ended by the resume: the runner was gone in the middle of a rejuvenation"
            self._record_event(events.DeploymentStopped(**which, exit=how))

    def _record_gone(self, why: str | None) -> None:
        which = self._which(self.generation)
        if why is not None:
            self._record_event(events.DeploymentGone(**which, why=why))
        else:
            why = "exited while the runner was down (status unknown)"
            self._serving.record_death(why, self._serving.log_tail())
            self.death = why

    async def follow_restarts(self) -> None:
        """Follow a process that is restarted from outside into its next generations; return when it does not return."""
        await self._gone.wait()
        while await self.come_back(probe=False):
            await self._gone.wait()
        self.died.set()

    def expect_end(self, *, expected: bool) -> None:
        """Whether an action from outside is under way that may end the process: its end is then no death."""
        self._serving.end_expected = expected

    @property
    def ended(self) -> bool:
        """Whether the process that serves has ended by itself, or by an action from outside."""
        return self._gone.is_set()

    def lost(self) -> None:
        """Nothing has taken the place of a process that an action from outside has ended."""
        self._serving.record_death("ended by a rejuvenation from outside, and did not return", ())
        self.death = self._serving.death
        self.died.set()

    async def come_back(self, *, probe: bool) -> bool:
        """Find the process that another program starts in place of one that ended; False if none appears in time.

        Raises DeploymentError where it does not become ready.
        """
        following = self._next(self.deployment)
        life = await self._next_life(following)
        if life is None:
            self._newest -= 1
            return False
        self._serving = following
        self.died.clear()
        self._gone.clear()
        await self._until_serving(following.take(life, time.monotonic(), probe=probe))
        return True

    async def _next_life(self, following: Generation) -> ServerProcess | None:
        log, origin = self._layout.log(self.name, following.number, self.replica), self._serving.origin
        following.origin = origin  # it knows the process that ended
        deadline = time.monotonic() + origin.returns_within
        while time.monotonic() < deadline:
            try:
                return await origin.begin(self._layout.root, log)
            except DeploymentError:
                await asyncio.sleep(_RETURN_PAUSE_SECONDS)
        return None

    # Replacement: a successor starts beside the generation that serves, takes the load, and that one is retired.

    async def start_beside(self) -> Generation:
        """Start a successor on another port and wait until it completes a request; this one serves in that time.

        Where that fails, nothing of it is left. Raises DeploymentError.
        """
        port = self._port.spare(self._named_port if self._named_port != self.deployment.port else None)
        successor = self._beside = self._next(self.deployment.at(port))
        try:
            await successor.start(probe=True, beside=self.generation)
        except NotReadyError as error:
            self._record_event(events.DeploymentStopped(**self._which(successor.number), exit=error.why))
            self._forget(port)
            raise
        return successor

    def switch(self) -> None:
        """The successor serves from now on; the caller redirects the load to its endpoint."""
        successor = self._beside
        assert successor is not None
        self._beside, self._serving = self._serving, successor
        port = successor.deployment.port
        self._record_event(events.LoadRedirected(**self._which(successor.number), port=port))
        if port is not None and port != self._named_port:
            self._port.hold(port)

    async def end_beside(self) -> None:
        """End the other generation: a successor that is not wanted, or a predecessor that has drained."""
        if self._beside is not None:
            port = self._beside.deployment.port
            await self._beside.stop()
            self._forget(port)

    def _forget(self, port: int | None) -> None:
        self._beside = None
        if port is not None:
            self._port.release(port)

    # Its end.

    async def end_for_good(self, why: str) -> None:
        """End the server for good: like a death, this ends only its own load."""
        await self.end_beside()
        if await self._serving.end_for_good(why):
            self.death = why
            self.died.set()

    async def stop(self, *, to_restart: bool = False) -> None:
        """Stop the server; its end is not journaled as a death.

        One that is stopped ``to_restart`` is not taken over if this runner is killed in the middle.
        """
        await self.end_beside()
        if to_restart and self.pids:
            self._record_event(events.DeploymentStopping(**self._which(self.generation)))
        await self._serving.stop()

    async def _until_serving(self, starting: Coroutine[Any, Any, None]) -> None:
        try:
            await starting
        except NotReadyError as error:
            self._serving.record_death(error.why, error.log)
            self.death = error.why
            self._gone.set()
            self.died.set()
            raise

    def _next(self, deployment: DeploymentBase[Any]) -> Generation:
        self._newest += 1
        return self._generation(self._newest, deployment)

    def _generation(self, number: int, deployment: DeploymentBase[Any]) -> Generation:
        return Generation(
            number, deployment, self.replica, self._layout, self._record_event, over=self._ended, load=self._load
        )

    def _which(self, generation: int) -> ServerKey:
        return {"deployment": self.name, "replica": self.replica, "generation": generation}

    def _ended(self, one: Generation) -> None:
        if one is self._serving:
            self._gone.set()
            if not one.end_expected:
                self.death = one.death
                self.died.set()
