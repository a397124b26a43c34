"""The runner: a campaign's task tree, from the first launch to the last seal.

Rounds of runs, one after the other; within a round every deployment is started,
proven ready, loaded from one shared instant (or only watched), and stopped, while the
samplers tick. A deployment that dies takes only its own load with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import IO, Any

from aging.campaign.schema import Campaign
from aging.catalogue import Catalogue
from aging.clock import boot_id, ticks
from aging.deployments import Subject
from aging.driving import Driver
from aging.errors import DeploymentError
from aging.heap import settle
from aging.journal import Journal, RunState
from aging.keeping import Keeping
from aging.load.job import Job
from aging.model import HARNESS, Reading
from aging.plan import Round, Run, repeated, rounds
from aging.rejuvenation import Policy
from aging.repeating import broken_runs
from aging.resumption import Key, Past, left_of
from aging.samplers import Target
from aging.sampling import Plan, Sampling
from aging.serving import Serving
from aging.settling import Settling
from aging.store.layout import Layout
from aging.watching import Watchdogs, Watched

_LEAD_SECONDS = 0.5
"""From telling the load processes to the shared start of load."""

_SETTLES_AFTER_SECONDS = 30.0
_SPARE_BYTES = 2**20

_LONGEST_PAUSE_SECONDS = 60.0

_MOST_LOAD_PROCESSES = 5
"""Of one run: one that dies again and again is no accident."""


class Outcome(Enum):
    """How a campaign ended."""

    COMPLETED = "campaign_completed"
    DECIDED = "campaign_decided"
    INTERRUPTED = "campaign_interrupted"
    HALTED = "campaign_halted"
    FAILED = "campaign_failed"


@dataclass(slots=True)
class Pair:
    """A deployment and its load, if there is one, for one run."""

    run: Run
    serving: Serving
    driver: Driver | None = None
    policy: Policy[Any] | None = None
    past: RunState | None = None
    """What a runner before this one knew of the run, where it had begun."""
    load_start: float | None = None
    """When its load began, or will, in monotonic seconds."""
    resumed: bool = False
    """Whether its load process goes on with what another had begun."""
    told: bool = False
    """Whether the journal tells when its load, or its watch, began."""
    loads: int = 0
    """Load processes that it has had."""


class Runner:
    """Runs one campaign into one result directory, of which the caller holds the lock.

    ``deployments`` are the campaign's, each with its model. ``past`` is what it goes on with.
    """

    def __init__(
        self,
        campaign: Campaign,
        deployments: Sequence[Subject[Any]],
        catalogue: Catalogue,
        layout: Layout,
        past: Past | None = None,
    ) -> None:
        self._campaign = campaign
        self._deployments = {deployment.options.name: deployment for deployment in deployments}
        self._catalogue = catalogue
        self._past = past or Past()
        self._layout = replace(layout, attempts=self._past.attempts)
        self._timeline = self._past.timeline
        self._journal = Journal(layout.journal, self._timeline)
        self._keeping = Keeping(layout.root, campaign.orphan_grace, _patience(campaign), self._journal.record)
        self._pairs: list[Pair] = []
        self._settling: Settling | None = None
        self._broken: dict[Key, Sequence[str]] = {}
        self._interrupts = 0
        self._interrupted = asyncio.Event()
        self.decided: str | None = None
        """Why nothing more needed to be measured, once :meth:`decide` was told."""
        self.halted: str | None = None
        """Why the campaign could not go on, once :meth:`halt` was told; it can be resumed."""
        self._watchdogs = Watchdogs(campaign.watchdogs, layout.root, self._watched, self._journal.record, self.halt)
        self._sampling = Sampling(self._folder, self._journal.record, self._seen, self._timeline.clocks)

    async def run(self) -> Outcome:
        """Run the campaign. One SIGINT or SIGTERM drains and ends it, a second ends it at once."""
        whole = asyncio.create_task(self._whole())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._interrupt, whole)
        try:
            outcome = await whole
        except asyncio.CancelledError:
            outcome = Outcome.INTERRUPTED
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)
        reasons = {Outcome.DECIDED: self.decided, Outcome.HALTED: self.halted}
        self._journal.record(outcome.value, **({"reason": reasons[outcome]} if outcome in reasons else {}))
        self._journal.close()
        await self._keeping.goodbye()
        return outcome

    def decide(self, reason: str) -> None:
        """Nothing more needs to be measured: drain and end, as after one interrupt, but decided."""
        self.decided = reason
        self._interrupted.set()

    def halt(self, reason: str) -> None:
        """The campaign cannot go on here and now: drain and end, as after one interrupt, to be resumed."""
        if self.halted is None:
            self.halted = reason
            self._journal.record("halting", reason=reason)
            self._interrupted.set()

    def _interrupt(self, whole: asyncio.Task[Outcome]) -> None:
        self._interrupts += 1
        self._interrupted.set()
        self._journal.record("interrupt", count=self._interrupts)
        if self._interrupts > 1:
            whole.cancel()

    async def _whole(self) -> Outcome:
        campaign = self._campaign
        left = left_of(rounds(campaign), self._past, time.monotonic())
        queue, done = deque(left.rounds), list(left.done)
        self._record_begin(left.cut_short)
        await self._keeping.start()
        samplers = [asyncio.create_task(self._sample(plan)) for plan in self._sampler_plans()]
        samplers.append(asyncio.create_task(self._kept_going("the watchdogs", self._watchdogs.run)))
        started = sum(past.load_start is not None for past in self._past.runs.values())
        try:
            if campaign.settle and (len(rounds(campaign)) > 1 or campaign.retries):
                noted = self._past.baseline
                self._settling = await Settling.begin(campaign.settle, self._journal.record, noted)
            first = not self._past.runs
            while not self._interrupted.is_set():
                if not queue:
                    queue.extend(repeated(await self._broken_in(done)))
                    done = []
                if not queue:
                    break
                together = queue.popleft()
                if not first and not any(self._under_way(run) for run in together):
                    await self._settle(together)
                if self._interrupted.is_set():
                    break
                first = False
                started += await self._round(together)
                done.extend(together)
        finally:
            await _cancel(samplers)
            self._sampling.close()
        if self._interrupts:
            return Outcome.INTERRUPTED
        if self.halted is not None:
            return Outcome.HALTED
        if self.decided is not None:
            return Outcome.DECIDED
        return Outcome.COMPLETED if started else Outcome.FAILED

    async def _sample(self, plan: Plan) -> None:
        async def run() -> None:
            await self._sampling.run(plan, time.monotonic())

        await self._kept_going(f"the {plan.sampler.kind} sampler", run)

    async def _kept_going(self, what: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run what must not end before the campaign: where it has, that is told and it begins again.

        What cannot be written halts the campaign.
        """
        pause = 1.0
        while True:
            loop = asyncio.create_task(run())
            try:
                await asyncio.wait({loop})
            finally:
                await _cancel([loop])
            error = loop.exception()
            if isinstance(error, OSError):
                self.halt(f"samples cannot be written: {error}")
            else:
                self._journal.record("task_died", task=what, reason=repr(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _record_begin(self, cut_short: Sequence[Key]) -> None:
        who: dict[str, Any] = {"pid": os.getpid(), "boot": boot_id()}
        if self._past.gone_since is None:
            what: dict[str, Any] = {
                "name": self._campaign.name,
                "duration": self._campaign.duration,
                "folder": os.getcwd(),
            }
            self._journal.record("campaign_started", **what, **who)
        else:
            past: dict[str, Any] = {"shift": self._timeline.shift, "gone_since": self._past.gone_since}
            self._journal.record("campaign_resumed", **who, **past)
        for deployment, replica in cut_short:
            self._journal.record("run_cut_short", deployment, replica=replica, at=self._past.gone_since)

    def _under_way(self, run: Run) -> bool:
        return self._past.begun(*run.key, run.attempt) is not None

    async def _settle(self, together: Round) -> None:
        """Cool down, then wait until memory and the next round's ports are as before the first one."""
        await self._pause(self._campaign.cooldown)
        if self._settling is not None:
            ports = [port for run in together if (port := self._deployments[run.options.name].port) is not None]
            await self._settling.wait(ports, self._interrupted)

    async def _broken_in(self, done: Sequence[Run]) -> list[Run]:
        """The runs of these that are to be repeated."""
        mine = [run for run in done if run.attempt <= self._campaign.retries]
        if not mine or self._interrupted.is_set():
            return []
        self._broken |= (found := await broken_runs(self._layout.root, mine))
        return [run for run in mine if run.key in found]

    def _note_attempts(self, together: Round) -> None:
        """A repeated run gets folders of its own, and the journal tells why it is repeated."""
        for run in together:
            if run.attempt > self._past.attempt(*run.key):
                self._layout = replace(self._layout, attempts={**self._layout.attempts, run.key: run.attempt})
                details = {"replica": run.replica, "attempt": run.attempt, "reasons": list(self._broken[run.key])}
                self._journal.record("run_repeated", run.options.name, **details)

    async def _round(self, together: Round) -> int:
        """One round; returns how many deployments became ready."""
        self._note_attempts(together)
        self._pairs = [self._pair(run) for run in together]
        with self._load_log() as log:
            try:
                ready = await self._start_all()
                if ready and not self._interrupted.is_set():
                    await (self._watch(ready) if self._campaign.load is None else self._load(ready, log))
                return len(ready)
            finally:
                await asyncio.shield(self._end_all())

    def _pair(self, run: Run) -> Pair:
        pair = Pair(run, self._serving(run), past=self._past.begun(*run.key, run.attempt))
        if pair.past is not None:
            pair.told, pair.loads = pair.past.load_start is not None, pair.past.loads
        return pair

    def _load_log(self) -> IO[bytes]:
        return (self._layout.run(HARNESS) / "load.log").open("ab")

    async def _start_all(self) -> list[Pair]:
        starts = {asyncio.create_task(self._begin_serving(pair)): pair for pair in self._pairs}
        interrupted = asyncio.create_task(self._interrupted.wait())
        pending: set[asyncio.Task[Any]] = set(starts)
        try:
            while pending and not interrupted.done():
                _, pending = await asyncio.wait({*pending, interrupted}, return_when=asyncio.FIRST_COMPLETED)
                pending.discard(interrupted)
        finally:
            await _cancel([interrupted, *pending])
        ready = []
        for task, pair in starts.items():
            if not task.cancelled():
                with contextlib.suppress(DeploymentError):  # the journal has it; the others go on
                    task.result()
                    ready.append(pair)
        return ready

    async def _load(self, ready: Sequence[Pair], log: Any) -> None:
        for pair in ready:
            pair.driver = await Driver.start(self._layout.root, log)
        # One that was killed while it told them had told some: all have the same start.
        begun = self._begun(ready)
        load_start = time.monotonic() + _LEAD_SECONDS if begun is None else begun
        for pair in ready:
            self._begin(pair, load_start, resumed=begun is not None)
        stop = asyncio.create_task(self._stop_when_interrupted())
        try:
            await self._until_all(ready, [self._follow(pair) for pair in ready])
        finally:
            await _cancel([stop])
        self._journal.record("load_ended")

    async def _watch(self, ready: Sequence[Pair]) -> None:
        """Look on for as long as a load would take; whatever drives the deployments is not ours."""
        begun = self._begun(ready)
        start = time.monotonic() if begun is None else begun
        for pair in ready:
            if pair.told:
                self._journal.record("watch_resumed", pair.serving.name, replica=pair.run.replica)
                continue
            born = pair.serving.born
            self._journal.record(
                "watch_started",
                pair.serving.name,
                replica=pair.run.replica,
                load_start=self._timeline.of(start),
                planned_seconds=self._campaign.duration,
                earlier=0.0 if born is None else max(start - born, 0.0),
            )
        await self._until_all(ready, [self._look_on(pair, start + self._campaign.duration) for pair in ready])

    async def _look_on(self, pair: Pair, until: float) -> None:
        over = asyncio.create_task(self._pause(until - time.monotonic()))
        gone = asyncio.create_task(pair.serving.gone_for_good())
        try:
            await asyncio.wait({over, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel([over, gone])
        self._journal.record("watch_finished", pair.serving.name, replica=pair.run.replica)

    async def _until_all(self, ready: Sequence[Pair], followed: Sequence[Coroutine[Any, Any, None]]) -> None:
        followers = [asyncio.create_task(one) for one in followed]
        others = []
        if self._campaign.rejuvenation is not None:
            others.append(asyncio.create_task(self._rejuvenate(ready, self._campaign.rejuvenation)))
        # By then everything has been done once; the harness is judged from the end of its first minute on.
        settling = asyncio.get_running_loop().call_later(_SETTLES_AFTER_SECONDS, settle, _SPARE_BYTES)
        try:
            await asyncio.gather(*followers)
        finally:
            settling.cancel()
            await _cancel([*followers, *others])

    def _begun(self, pairs: Sequence[Pair]) -> float | None:
        """When the load of a round began that another runner had begun, in monotonic seconds of this boot."""
        starts = [pair.past.load_start for pair in pairs if pair.past is not None and pair.past.load_start is not None]
        return self._timeline.here(min(starts)) if starts else None

    def _begin(self, pair: Pair, load_start: float, *, resumed: bool) -> None:
        run, campaign, endpoint = pair.run, self._campaign, pair.serving.endpoint
        assert endpoint is not None
        assert run.load is not None
        job = Job(
            endpoint=endpoint,
            load=run.load,
            rate=run.options.rate,
            seed=run.seed,
            duration=campaign.duration,
            load_start=load_start,
            folder=self._folder(run.options.name, "requests"),
            resumed=resumed,
            shift=self._timeline.shift,
        )
        assert pair.driver is not None
        pair.driver.begin(job)
        if pair.serving.generation > 1:
            pair.driver.release(pair.serving.generation)
        pair.load_start, pair.resumed = load_start, resumed
        pair.loads += 1
        if pair.told:
            return
        pair.told = True
        self._journal.record(
            "load_started",
            run.options.name,
            replica=run.replica,
            load_start=self._timeline.of(load_start),
            planned_seconds=campaign.duration,
            phases=[(phase.start, phase.end) for phase in job.phases()],
            pid=pair.driver.pid,
        )

    async def _follow(self, pair: Pair) -> None:
        """Wait for a pair's load to end; a dead server ends it early, a load process that died is replaced."""
        for _ in range(_MOST_LOAD_PROCESSES):
            if await self._drive(pair) or not self._may_go_on(pair):
                return
            await self._replace_load(pair)

    def _may_go_on(self, pair: Pair) -> bool:
        over = pair.load_start is None or time.monotonic() >= pair.load_start + self._campaign.duration
        return not (over or pair.serving.died.is_set() or self._interrupted.is_set())

    async def _replace_load(self, pair: Pair) -> None:
        assert pair.load_start is not None
        with self._load_log() as log:
            pair.driver = await Driver.start(self._layout.root, log)
        self._begin(pair, pair.load_start, resumed=True)

    async def _tell_resumed(self, pair: Pair, driver: Driver) -> None:
        first = await driver.resumed()
        self._journal.record("load_resumed", pair.serving.name, replica=pair.run.replica, first=first, pid=driver.pid)

    async def _drive(self, pair: Pair) -> bool:
        """Wait for the end of a load process; whether it ended in order."""
        assert pair.driver is not None
        load = asyncio.create_task(pair.driver.wait())
        told = asyncio.create_task(self._tell_resumed(pair, pair.driver)) if pair.resumed else None
        death = asyncio.create_task(pair.serving.died.wait())
        try:
            await asyncio.wait({load, death}, return_when=asyncio.FIRST_COMPLETED)
            if death.done() and not load.done():
                pair.driver.stop()
            status = await load
        finally:
            await _cancel([load, death])
            if told is not None:
                await asyncio.gather(told, return_exceptions=True)
        finished = pair.driver.finished or {}
        kind = "load_finished" if status == 0 and finished else "load_died"
        self._journal.record(
            kind,
            pair.serving.name,
            replica=pair.run.replica,
            exit=status,
            schedule_hash=finished.get("schedule_hash"),
            requests=finished.get("requests"),
        )
        return kind == "load_finished"

    async def _stop_when_interrupted(self) -> None:
        await self._interrupted.wait()
        for pair in self._pairs:
            if pair.driver is not None:
                pair.driver.stop()

    async def _rejuvenate(self, pairs: Sequence[Pair], options: Any) -> None:
        mine = [pair for pair in pairs if not options.deployments or pair.serving.name in options.deployments]
        for pair in mine:
            pair.policy = self._policy(options)
        restarting: dict[str, asyncio.Task[None]] = {}
        try:
            async for _ in ticks(1.0, time.monotonic()):
                for pair in mine:
                    name, age, policy = pair.serving.name, pair.serving.age, pair.policy
                    if age is None or policy is None or (name in restarting and not restarting[name].done()):
                        continue
                    if reason := policy.reason(age):
                        pair.policy = self._policy(options)
                        restarting[name] = asyncio.create_task(self._restart(pair, reason))
        finally:
            await _cancel(list(restarting.values()))

    def _policy(self, options: Any) -> Policy[Any]:
        return self._catalogue.policies[options.policy](options)

    async def _restart(self, pair: Pair, reason: str) -> None:
        """Drain, SIGTERM, relaunch, ready; arrivals wait meanwhile."""
        serving, driver = pair.serving, pair.driver
        self._journal.record(
            "rejuvenation_started",
            serving.name,
            replica=serving.replica,
            generation=serving.generation,
            action="restart",
            reason=reason,
        )
        began = time.monotonic()
        if driver is not None:
            await driver.hold()
        await serving.stop()
        try:
            await serving.start()
        except DeploymentError:
            return  # journalled as a death; the follower ends the load
        if driver is not None:
            driver.release(serving.generation)
        self._journal.record(
            "rejuvenation_completed",
            serving.name,
            replica=serving.replica,
            generation=serving.generation,
            seconds=round(time.monotonic() - began, 3),
        )

    async def _end_all(self) -> None:
        await asyncio.gather(*(pair.driver.kill() for pair in self._pairs if pair.driver is not None))
        await asyncio.gather(*(pair.serving.stop() for pair in self._pairs))
        for pair in self._pairs:
            self._sampling.finish(self._layout.run(pair.serving.name, pair.run.replica))
        self._pairs = []

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._interrupted.wait()

    async def _begin_serving(self, pair: Pair) -> None:
        # Where the campaign drives no load, no request is ours: whatever runs is ready.
        probe = self._campaign.load is not None
        if pair.past is None:
            await pair.serving.start(probe=probe)
        else:
            await pair.serving.resume(pair.past, self._timeline, self._past.lost, probe=probe)

    def _serving(self, run: Run) -> Serving:
        return Serving(self._deployments[run.options.name], run.replica, self._layout, self._journal.record)

    def _sampler_plans(self) -> list[Plan]:
        plans = []
        for kind, sampler in self._catalogue.samplers.items():
            if reason := sampler.unavailable():
                self._journal.record("sampler_unavailable", sampler=kind, reason=reason)
            else:
                interval = self._campaign.sampling.get(kind, sampler.default_interval)
                plans.append(Plan(sampler(self._targets, self._layout.root), interval))
                if reason := sampler.reduced():
                    self._journal.record("sampler_reduced", sampler=kind, reason=reason)
        return plans

    def _targets(self) -> list[Target]:
        targets = [target for pair in self._pairs if (target := pair.serving.target()) is not None]
        lives = self._past.lives + 1  # another process is another life, of the harness, too
        own = [Target(HARNESS, "runner", lives, (os.getpid(),), with_descendants=False)]
        own += [
            Target(
                HARNESS,
                f"client-{pair.serving.name}",
                self._past.lives + pair.loads,
                (pair.driver.pid,),
                with_descendants=False,
            )
            for pair in self._pairs
            if pair.driver is not None and pair.driver.finished is None
        ]
        return targets + own

    def _folder(self, owner: str, source: str) -> Path:
        replicas = {pair.serving.name: pair.run.replica for pair in self._pairs}
        return self._layout.source(owner, source, replicas.get(owner, 1))

    def _watched(self) -> Sequence[Watched]:
        return [Watched(pair.run.replica, pair.serving, pair.driver) for pair in self._pairs]

    def _seen(self, reading: Reading) -> None:
        if "/" in reading.entity:  # a component: its deployment is what policies know
            return
        self._watchdogs.see(reading)
        for pair in self._pairs:
            age = pair.serving.age
            ours = pair.serving.name == reading.owner and pair.serving.generation == reading.generation
            if pair.policy is not None and ours and age is not None:
                pair.policy.observe(age, reading.values)


def _patience(campaign: Campaign) -> float:
    """The longest that any server of ours may take to end, in seconds."""
    return max(getattr(options, "stop_timeout", 0.0) for options in campaign.deployment)


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
