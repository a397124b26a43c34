"""The guard: follows its server, reads it, asks its policy, acts, and exports its figures. It runs for months.

Nothing here decides (:mod:`aging.guard.watch`) or acts (:mod:`aging.guard.rejuvenation`); this is the loop around both.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from dataclasses import asdict, replace
from typing import Any

from aging.core import worker
from aging.core.clock import Clocks, Stamp
from aging.core.errors import AttachError, ExitCode, ResultsError
from aging.core.openmetrics import CONTENT_TYPE, Own
from aging.core.processes.ownership import Identity, age
from aging.core.targets import EngineMetric
from aging.core.tasks import cancel_all
from aging.core.web import Address, Response, Web, by_path
from aging.guard.claim import ClaimedError, Claims, of_process
from aging.guard.decisions import DecisionJournal, past_of_journal
from aging.guard.exposition import Exported
from aging.guard.follower import Follower
from aging.guard.haproxy import HAProxy, ProxyError, ProxySilentError
from aging.guard.look import JUDGE, Answer, Asked, Outlook
from aging.guard.options import Guarding
from aging.guard.readings import Readings
from aging.guard.rejuvenation import Rejuvenator
from aging.guard.state import Pending, StateFolder
from aging.guard.systemd import Notifier, watchdog_seconds
from aging.guard.watch import Ended, Say, Watch
from aging.rejuvenation.base import Decision
from aging.rejuvenation.governor import Rules
from aging.sampling.clock_jumps import ClockJumpDetector
from aging.store.events import Event, HostSuspended

_QUICK_SECONDS = 1.0
"""Between two looks at the server while an action is under way."""

_STOPPING_SECONDS = 60.0
_PUT_BACK_SECONDS = 10.0
_RECOGNISE_SECONDS = 30.0
_LOOK_SECONDS = 120.0
_BLIND_SECONDS = 60.0
"""Without a reading of a server that runs for so long, `/healthz` answers 503."""


class Guard:
    """One guard of one server, with its folder. ``version`` is exported."""

    def __init__(self, guarding: Guarding, folder: StateFolder, say: Say, version: str = "") -> None:
        self._guarding, self._folder, self._say, self._version = guarding, folder, say, version
        options = guarding.options
        state, damage = folder.load()
        if damage is not None:
            say(damage)
        if state.target not in ("", guarding.label):
            raise ResultsError(
                f"{folder.folder} has the state of a guard of {state.target}; give another --state, or remove it"
            )
        self._timeline = state.timeline()
        if damage is not None and guarding.table is not None:
            past = past_of_journal(folder.folder, guarding.label, Rules.of(guarding.table), self._now())
            state = replace(state, past=past)
        self._journal = DecisionJournal(folder.folder)
        self.watch = Watch(guarding, state, folder, self._journal, say, self._timeline)
        self._follower = Follower(guarding.where, options.metrics)
        self._proxy = None if options.proxy is None else HAProxy(options.proxy.socket, options.proxy.servers)
        self._rejuvenator = Rejuvenator(guarding, self.watch, self._follower, self._timeline, self._proxy)
        self._claims = Claims()
        self._claimed: str | None = None
        self._contested = False
        self._next_try = 0.0
        self._main: Identity | None = None
        self._acting: asyncio.Task[Ended] | None = None
        self._looking: asyncio.Task[tuple[Answer, int]] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._notifier = Notifier()
        self._waiting_said = ""
        self._jumps = ClockJumpDetector(self._say_jump)
        self.web = Web(by_path({"/metrics": self._metrics, "/healthz": self._health}))

    async def run(self) -> ExitCode:
        """Guard until SIGTERM or SIGINT, or until a server ends that cannot return.

        Raises ClaimedError, ListenError, AttachError (by pid, or where several match), ProxyError, StorageError.
        """
        options = self._guarding.options
        try:
            self._claims.take(self._guarding.label, self._guarding.label)
            await self._check()
            if options.listen is not None:
                await self.web.start(Address.of(options.listen))
            where = "" if options.listen is None else f"; metrics at http://{options.listen}/metrics"
            self._say(f"Guarding {self._guarding.label}; state in {self._folder.folder}{where}")
            await self._find(first=True)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
            return await self._loop()
        finally:
            await cancel_all([task for task in (self._acting, self._looking, self._asking) if task is not None])
            await self.web.close()
            self._journal.close()
            self._claims.close()

    async def _loop(self) -> ExitCode:
        options = self._guarding.options
        readings = Readings(
            lambda: self._follower.targets(self._guarding.label, self._generation),
            options.interval,
            time.monotonic(),
            metrics=options.metrics is not None,
        )
        self._notifier.ready(self._status())
        if self.watch.state.pending is not None:
            self._recover(self.watch.state.pending)
        code = ExitCode.DONE
        try:
            while not self._stop.is_set():
                self._jumps.look(Clocks.now())
                if not await self._find() and self._ends_with_it():
                    code = ExitCode.INCONCLUSIVE
                    break
                await self._step(readings)
                await self._pause()
            self._notifier.stopping()
            await self._finish()
        finally:
            readings.stop()
            self.watch.close(self._now())
        self._say("Stopped")
        return code

    async def _step(self, readings: Readings) -> None:
        """Read, look, ask, act."""
        options, now = self._guarding.options, self._now()
        if self._main is not None:
            found, said = await readings.due(time.monotonic())
            for line in said:
                self._say(line)
            now = self._now()
            self.watch.see(found, now)
            await self._look(now)
            if self._asking is None and options.metrics is not None:
                self._asking = asyncio.create_task(self._recognise(options.metrics))
        if self._folder.rearmed():
            self.watch.rearm(now)
        self._take_end(now)
        await self._put_back(now)
        if self._acting is None and not self._contested and (decision := self.watch.ask(now)) is not None:
            await self._act(decision)
        self.watch.tick(now)
        self._notifier.alive(self._status())

    async def _pause(self) -> None:
        interval = self._guarding.options.interval
        quick = _QUICK_SECONDS if self._acting is not None or self._main is None else interval
        longest = watchdog_seconds()
        seconds = min(interval, quick, interval if longest is None else longest / 3)
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    # -- the server -------------------------------------------------------------------------------------------------

    async def _check(self) -> None:
        """Refuse what waiting does not mend. Raises AttachError, ProxyError.

        Several processes match for a while when an action is under way that starts the next one first. A HAProxy that
        does not answer may start after this guard.
        """
        found = await self._follower.look()
        never = (
            self._guarding.options.once
            or not self._guarding.where.returns
            or (self._follower.several and self.watch.state.pending is None)
        )
        if found is None and never:
            raise AttachError(self._follower.why)
        if self._proxy is not None:
            try:
                await self._proxy.check()
            except ProxySilentError as error:
                self.watch.alarm(f"{error}. No action before it does", self._now())

    async def _find(self, *, first: bool = False) -> bool:
        """Look for the server; whether it runs. Raises ClaimedError if it is first and another guard has it."""
        main = await self._follower.look()
        if main is None:
            why = self._follower.why
            if self._main is not None:
                self.watch.gone(f"pid {self._main.pid} has ended")
            elif why.partition("\n")[0] != self._waiting_said:  # the rows below it change every second
                self._say(f"Waiting for {self._guarding.label}: {why}")
            self._waiting_said, self._main = why.partition("\n")[0], None
            return False
        if main != self._main:
            try:
                born = age(main.pid)
            except ProcessLookupError:
                return False
            self._main, self._waiting_said = main, ""
            self._claim(main, first=first)
            self.watch.arrived(main, born, self._now())
        return True

    def _claim(self, main: Identity, *, first: bool) -> None:
        """Claim the process itself: another guard may have found it by another name. Raises ClaimedError at first."""
        if self._claimed is not None:
            self._claims.release(self._claimed)
        self._claimed = of_process(main)
        try:
            self._claims.take(self._claimed, f"process {main.pid}")
            self._contested = False
        except ClaimedError as error:
            self._claimed = None
            if first:
                raise
            self._contested = True
            self.watch.alarm(f"{error}. This guard only observes until the next generation", self._now())

    def _ends_with_it(self) -> bool:
        if self._acting is not None:
            return False
        if self._guarding.options.once or not self._guarding.where.returns:
            self._say(f"{self._guarding.label} has ended; so does this guard")
            return True
        return False

    @property
    def _generation(self) -> int:
        server = self.watch.state.server
        return 1 if server is None else server.generation

    def _now(self) -> Stamp:
        return self._timeline.stamp()

    # -- looks ------------------------------------------------------------------------------------------------------

    async def _look(self, now: Stamp) -> None:
        if self._looking is not None:
            if not self._looking.done():
                return
            self._take_look(self._looking, now)
            self._looking = None
        asked = self.watch.look(now)
        if asked is not None:
            self._looking = asyncio.create_task(_judged(asked, self._generation))

    def _take_look(self, task: asyncio.Task[tuple[Answer, int]], now: Stamp) -> None:
        error = task.exception()
        if error is None:
            self.watch.looked(*task.result(), now)
        elif isinstance(error, worker.WorkerError | TimeoutError):
            self.watch.alarm(f"a look at the readings failed: {error or 'it took too long'}", now)
        else:
            raise error

    async def _recognise(self, url: str) -> None:
        """Learn once where the metrics of this engine have the common ones."""
        while True:
            with contextlib.suppress(worker.WorkerError, TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    found = await worker.call("aging.guard.engine:engine_metrics_at", url)
                if found is not None:
                    self._follower.engine_metrics = {
                        name: EngineMetric(tuple(one["raw"]), one["combine"], one["scale"])
                        for name, one in found.items()
                    }
                    return
            await asyncio.sleep(_RECOGNISE_SECONDS)

    # -- actions ----------------------------------------------------------------------------------------------------

    async def _act(self, decision: Decision) -> None:
        """Begin, unless the proxy has no other server."""
        options = self._guarding.options
        if self._proxy is not None:
            try:
                alone, withdrawn = await self._proxy.alone(), await self._proxy.withdrawn()
            except ProxyError as error:
                self.watch.refuse(decision, "proxy", str(error), None, self._now())
                return
            if withdrawn and not self.watch.state.drained:
                why = f"{', '.join(withdrawn)}, and not by this guard, which would put it back; set it to ready first"
                self.watch.refuse(decision, "withdrawn", why, None, self._now())
                return
            if alone and options.proxy is not None and not options.proxy.alone:
                why = (
                    f"no other server than {', '.join(alone)} is up: every request during the action would fail; "
                    "--alone acts all the same"
                )
                self.watch.refuse(decision, "alone", why, None, self._now())
                return
        pending = self.watch.begin(decision, self._now(), "acting" if self._proxy is None else "draining")
        if pending is not None:
            self._acting = asyncio.create_task(self._rejuvenator.carry_out(pending))

    def _recover(self, pending: Pending) -> None:
        self._say(f"An earlier guard ended during an action (stage {pending.stage}); this one finishes or undoes it")
        self._acting = asyncio.create_task(self._rejuvenator.resume(pending))

    def _take_end(self, now: Stamp) -> None:
        if self._acting is None or not self._acting.done():
            return
        ended, self._acting = self._acting.result(), None
        self.watch.end(ended, now)

    async def _put_back(self, now: Stamp) -> None:
        """A server that a failed action has left out of rotation is used again once it answers."""
        if not (self.watch.state.drained and self.watch.present and self._acting is None) or now.mono < self._next_try:
            return
        self._next_try = now.mono + _PUT_BACK_SECONDS
        if await self._rejuvenator.back_in_rotation():
            self.watch.in_rotation(self._now())

    async def _finish(self) -> None:
        """Let an action under way come to its end; what does not is finished or undone by the next guard."""
        if self._acting is None:
            return
        self._say(f"Stopping; the action under way may take {_STOPPING_SECONDS:g} s more")
        deadline = time.monotonic() + _STOPPING_SECONDS
        while not self._acting.done() and time.monotonic() < deadline:
            await self._find()
            await asyncio.wait([self._acting], timeout=_QUICK_SECONDS)
        if self._acting.done():
            self._take_end(self._now())
        else:
            self._say("The action has not ended; the next start of this guard finishes or undoes it")

    def _say_jump(self, event: Event) -> None:
        what = "the host was suspended for" if isinstance(event, HostSuspended) else "the wall clock was set by"
        self._say(f"The clock: {what} {event.details['seconds']:g} s")

    # -- what is exported -------------------------------------------------------------------------------------------

    def exported(self) -> Exported:
        """What is exported now."""
        watch = self.watch
        return Exported(
            state=watch.state,
            present=watch.present,
            age=watch.age_at(self._now()) if watch.present else None,
            own=Own.now(),
            version=self._version,
            acting=self._acting is not None,
        )

    def _metrics(self) -> Response:
        return Response.of(200, self.exported().openmetrics(), CONTENT_TYPE)

    def _health(self) -> Response:
        """503 while a server that runs is not read; one that is away, or ages, is no fault of the guard."""
        sampled, interval = self.watch.state.sampled, self._guarding.options.interval
        blind = self.watch.present and (sampled is None or time.time() - sampled > max(_BLIND_SECONDS, 6 * interval))
        return Response.of(503, "no reading\n") if blind else Response.of(200, "ok\n")

    def _status(self) -> str:
        found = self.watch.state.outlook
        verdict = "undecided" if found is None else found.verdict
        return f"{self._guarding.label}: {verdict}" if self.watch.present else f"waiting for {self._guarding.label}"


async def _judged(asked: Asked, generation: int) -> tuple[Answer, int]:
    argument: dict[str, Any] = asdict(asked)
    async with asyncio.timeout(_LOOK_SECONDS):
        answer = await worker.call(JUDGE, argument)
    outlook = None if answer["outlook"] is None else Outlook(**answer["outlook"])
    decision = None if answer["decision"] is None else Decision(**answer["decision"])
    return Answer(outlook, decision), generation
