"""The runner: a campaign from the first launch to the last seal.

Rounds of runs, one after the other, while the samplers and the watchdogs tick; then the repeats of those that broke.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aging.campaign.plan import PlannedRound, PlannedRun, planned_seconds, repeated, rounds
from aging.campaign.schema import Campaign
from aging.core.clock import boot_id
from aging.core.errors import StorageError
from aging.core.records import HARNESS, Reading
from aging.core.targets import Target
from aging.core.tasks import cancelled, kept_going
from aging.deployments.base import DeploymentBase
from aging.runner.catalogue import Catalogue
from aging.runner.free_ports import FreePorts, named_ports
from aging.runner.keeper_client import KeeperClient
from aging.runner.resume_plan import Key, PriorState, left_of
from aging.runner.retries import broken_runs
from aging.runner.round import Round
from aging.runner.run import ActiveRun, RunContext
from aging.runner.settle import HostIdleWait
from aging.runner.watchdogs.monitor import Watchdogs, Watched
from aging.sampling.loop import Plan, Sampling
from aging.store import events
from aging.store.journal import Journal
from aging.store.layout import Layout


class Outcome(Enum):
    """How a campaign ended."""

    COMPLETED = "campaign_completed"
    DECIDED = "campaign_decided"
    INTERRUPTED = "campaign_interrupted"
    HALTED = "campaign_halted"
    FAILED = "campaign_failed"


class Runner:
    """Runs one campaign into one result directory, of which the caller holds the lock.

    ``deployments`` are the campaign's, each with its model. ``past`` is what it goes on with.
    """

    def __init__(
        self,
        campaign: Campaign,
        deployments: Sequence[DeploymentBase[Any]],
        catalogue: Catalogue,
        layout: Layout,
        past: PriorState | None = None,
    ) -> None:
        self._campaign = campaign
        self._deployments = {deployment.options.name: deployment for deployment in deployments}
        self._catalogue = catalogue
        self._past = past or PriorState()
        self._layout = replace(layout, attempts=self._past.attempts)
        self._timeline = self._past.timeline
        self._journal = Journal(layout.journal, self._timeline)
        self._ports = FreePorts(named_ports(campaign), self._known_ports())
        self._keeping = KeeperClient(layout.root, campaign.orphan_grace, _patience(campaign), self._journal.record)
        self._together: Round | None = None
        self._settling: HostIdleWait | None = None
        self._broken: dict[Key, Sequence[str]] = {}
        self._interrupts = 0
        self._interrupted = asyncio.Event()
        self.decided: str | None = None
        """Why nothing more needed to be measured, once :meth:`decide` was told."""
        self.halted: str | None = None
        """Why the campaign could not go on, once :meth:`halt` was told; it can be resumed."""
        self._watchdogs = Watchdogs(campaign.watchdogs, layout.root, self._watched, self._journal.record, self.halt)
        clocks, shift = self._timeline.clocks, self._timeline.shift
        self._sampling = Sampling(self._folder, self._journal.record, self._seen, clocks, shift)

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
        self._journal.record(self._end(outcome))
        await self._keeping.goodbye()
        self._ports.close()
        self._journal.close()  # last: an early look may still crash
        return outcome

    def _end(self, outcome: Outcome) -> events.Event:
        match outcome:
            case Outcome.COMPLETED:
                return events.CampaignCompleted()
            case Outcome.DECIDED:
                return events.CampaignDecided(reason=self.decided)
            case Outcome.INTERRUPTED:
                return events.CampaignInterrupted()
            case Outcome.HALTED:
                return events.CampaignHalted(reason=self.halted)
            case Outcome.FAILED:
                return events.CampaignFailed()

    def tell(self, event: events.Event) -> None:
        """Write an event of the campaign to its journal."""
        self._journal.record(event)

    def decide(self, reason: str) -> None:
        """Nothing more needs to be measured: drain and end, as after one interrupt, but decided."""
        self.decided = reason
        self._interrupted.set()

    def halt(self, reason: str) -> None:
        """The campaign cannot go on here and now: drain and end, as after one interrupt, to be resumed."""
        if self.halted is None:
            self.halted = reason
            self._journal.record(events.Halting(reason=reason))
            self._interrupted.set()

    def _interrupt(self, whole: asyncio.Task[Outcome]) -> None:
        self._interrupts += 1
        self._interrupted.set()
        self._journal.record(events.Interrupt(count=self._interrupts))
        if self._interrupts > 1:
            whole.cancel()

    async def _whole(self) -> Outcome:
        campaign = self._campaign
        left = left_of(rounds(campaign), self._past, time.monotonic())
        queue, done = deque(left.rounds), list(left.done)
        self._record_begin(left.cut_short)
        self._sampling.seal(self._past.leftovers)
        await self._keeping.start()
        samplers = [asyncio.create_task(self._sample(plan)) for plan in self._sampler_plans()]
        samplers.append(asyncio.create_task(self._watch_over()))
        started = sum(past.load_start is not None for past in self._past.runs.values())
        try:
            if campaign.settle and (len(rounds(campaign)) > 1 or campaign.retries):
                noted = self._past.baseline
                self._settling = await HostIdleWait.begin(campaign.settle, self._journal.record, noted)
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
            await cancelled(samplers)
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

        await kept_going(run, lambda error: self._ended(f"the {plan.sampler.kind} sampler", error))

    async def _watch_over(self) -> None:
        await kept_going(self._watchdogs.run, lambda error: self._ended("the watchdogs", error))

    def _ended(self, what: str, error: BaseException | None) -> None:
        """What must not end has, and will begin again. What cannot be written halts the campaign."""
        if isinstance(error, StorageError):
            self.halt(f"samples cannot be written: {error}")
        else:
            self._journal.record(events.TaskDied(task=what, reason=repr(error)))

    def _record_begin(self, cut_short: Sequence[Key]) -> None:
        pid, boot, release, gone_since = os.getpid(), boot_id(), version("llm-aging"), self._past.gone_since
        if gone_since is None:
            started = events.CampaignStarted(
                name=self._campaign.name,
                duration=self._campaign.duration,
                planned_seconds=planned_seconds(self._campaign),
                folder=os.getcwd(),
                pid=pid,
                boot=boot,
                version=release,
            )
            self._journal.record(started)
            return
        shift = self._timeline.shift
        self._journal.record(
            events.CampaignResumed(pid=pid, boot=boot, version=release, shift=shift, gone_since=gone_since)
        )
        for deployment, replica in cut_short:
            self._journal.record(events.RunCutShort(deployment=deployment, replica=replica, at=gone_since))

    def _under_way(self, run: PlannedRun) -> bool:
        return self._past.begun(*run.key, run.attempt) is not None

    async def _settle(self, together: PlannedRound) -> None:
        """Cool down, then wait until memory and the next round's ports are as before the first one."""
        await self._pause(self._campaign.cooldown)
        if self._settling is not None:
            ports = [port for run in together if (port := self._deployments[run.options.name].port) is not None]
            await self._settling.wait(ports, self._interrupted)

    async def _broken_in(self, done: Sequence[PlannedRun]) -> list[PlannedRun]:
        """The runs of these that are to be repeated."""
        mine = [run for run in done if run.attempt <= self._campaign.retries]
        if not mine or self._interrupted.is_set():
            return []
        self._broken |= (found := await broken_runs(self._layout.root, mine, self._journal.record))
        return [run for run in mine if run.key in found]

    def _note_attempts(self, together: PlannedRound) -> None:
        """A repeated run gets folders of its own, and the journal tells why it is repeated."""
        for run in together:
            if run.attempt > self._past.attempt(*run.key):
                self._layout = replace(self._layout, attempts={**self._layout.attempts, run.key: run.attempt})
                name, reasons = run.options.name, list(self._broken[run.key])
                self._journal.record(
                    events.RunRepeated(deployment=name, replica=run.replica, attempt=run.attempt, reasons=reasons)
                )

    async def _round(self, together: PlannedRound) -> int:
        """One round; returns how many deployments became ready."""
        self._note_attempts(together)
        tell = self._journal.record
        stage = RunContext(self._campaign, self._layout, self._timeline, tell, self._interrupted, self._ports)
        runs = [self._running(run, stage) for run in together]
        options = self._campaign.rejuvenation
        policy = None if options is None else self._catalogue.policies[options.policy]
        self._together = Round(runs, stage, policy, self._past.lost)
        try:
            return await self._together.run()
        finally:
            for run in runs:
                self._sampling.finish(self._layout.run(run.serving.name, run.run.replica))
            self._together = None

    def _running(self, run: PlannedRun, stage: RunContext) -> ActiveRun:
        return ActiveRun(run, self._deployments[run.options.name], self._past.begun(*run.key, run.attempt), stage)

    def _known_ports(self) -> dict[str, int]:
        """Where the servers of earlier runners listened, by deployment; points of one have one."""
        treatments = self._campaign.treatments
        return {
            treatments[name].base if name in treatments else name: run.port
            for (name, _), run in self._past.runs.items()
            if run.port is not None and self._deployments[name].chooses_port
        }

    @property
    def _runs(self) -> Sequence[ActiveRun]:
        return () if self._together is None else self._together.runs

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._interrupted.wait()

    def _sampler_plans(self) -> list[Plan]:
        plans = []
        for kind, sampler in self._catalogue.samplers.items():
            if reason := sampler.unavailable():
                self._journal.record(events.SamplerUnavailable(sampler=kind, reason=reason))
            else:
                interval = self._campaign.sampling.get(kind, sampler.default_interval)
                plans.append(Plan(sampler(self._targets, self._layout.root), interval))
                if reason := sampler.reduced():
                    self._journal.record(events.SamplerReduced(sampler=kind, reason=reason))
        return plans

    def _targets(self) -> list[Target]:
        targets = [target for run in self._runs if (target := run.serving.target()) is not None]
        lives = self._past.lives + 1  # another process is another life, of the harness, too
        own = [Target(HARNESS, "runner", lives, (os.getpid(),), with_descendants=False)]
        own += [
            Target(
                HARNESS,
                f"client-{run.serving.name}",
                self._past.lives + run.loads,
                (run.driver.pid,),
                with_descendants=False,
            )
            for run in self._runs
            if run.driver is not None and run.driver.finished is None
        ]
        return targets + own

    def _folder(self, owner: str, source: str) -> Path:
        replicas = {run.serving.name: run.run.replica for run in self._runs}
        return self._layout.source(owner, source, replicas.get(owner, 1))

    def _watched(self) -> Sequence[Watched]:
        return [Watched(run.run.replica, run.serving, run.driver) for run in self._runs]

    def _seen(self, reading: Reading) -> None:
        if "/" in reading.entity:  # a component: its deployment is what policies know
            return
        self._watchdogs.see(reading)
        if self._together is not None:
            self._together.see(reading)


def _patience(campaign: Campaign) -> float:
    """The longest that any server of ours may take to end, in seconds."""
    return max(getattr(options, "stop_timeout", 0.0) for options in campaign.deployment)
