"""The runner: a campaign from its first launch to its last sealed file.

Rounds run one after the other, with samplers and watchdogs beside them; then the broken runs are repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
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
from aging.core.tasks import cancel_all, keep_going
from aging.deployments.base import DeploymentBase
from aging.runner.catalogue import Catalogue
from aging.runner.free_ports import FreePorts, named_ports
from aging.runner.keeper_client import KeeperClient
from aging.runner.resume_plan import Key, PriorState, remaining_work
from aging.runner.retries import broken_runs
from aging.runner.round import Round
from aging.runner.run import ActiveRun, RunContext
from aging.runner.settle import HostIdleWait
from aging.runner.watchdogs.monitor import CALM_SECONDS, Watchdogs, Watched
from aging.sampling.loop import Plan, Sampling
from aging.sampling.nvml_library import why_missing
from aging.store import events
from aging.store.journal import Journal
from aging.store.layout import Layout

_AS_LEFT = ("left", "stopped")
"""Phases of a run whose server was running when its time was over."""


class Outcome(Enum):
    """How a campaign ended."""

    COMPLETED = "campaign_completed"
    DECIDED = "campaign_decided"
    DIED = "campaign_died"
    INTERRUPTED = "campaign_interrupted"
    HALTED = "campaign_halted"
    FAILED = "campaign_failed"


class CampaignRunner:
    """Runs one campaign into one result directory, whose lock the caller holds.

    ``deployments`` are the campaign's, each with its model. ``prior`` is the state that an earlier runner left.
    """

    def __init__(
        self,
        campaign: Campaign,
        deployments: Sequence[DeploymentBase[Any]],
        catalogue: Catalogue,
        layout: Layout,
        prior: PriorState | None = None,
    ) -> None:
        self._campaign = campaign
        self._deployments = {deployment.options.name: deployment for deployment in deployments}
        self._catalogue = catalogue
        self._prior = prior or PriorState()
        self._layout = replace(layout, attempts=self._prior.attempts)
        self._timeline = self._prior.timeline
        self._journal = Journal(layout.journal, self._timeline)
        self._ports = FreePorts(named_ports(campaign), self._earlier_ports())
        self._keeper = KeeperClient(layout.root, campaign.orphan_grace, _patience(campaign), self._journal.record)
        self._round: Round | None = None
        self._idle_wait: HostIdleWait | None = None
        self._broken: dict[Key, Sequence[str]] = {}
        self._interrupts = 0
        self._interrupted = asyncio.Event()
        self.decided: str | None = None
        """The reason given to :meth:`decide`, once it was called."""
        self.halted: str | None = None
        """The reason given to :meth:`halt`, once it was called; the campaign can be resumed."""
        self.died: str | None = None
        """How the last of what it only watched ended, if all of it has died."""
        self._left_running = any(prior.phase in _AS_LEFT for prior in self._prior.runs.values())
        self._watchdogs = Watchdogs(campaign.watchdogs, layout.root, self._watched, self._journal.record, self.halt)
        if not self._owns_processes:
            self._watchdogs.interval = CALM_SECONDS
        clocks, shift = self._timeline.clocks, self._timeline.shift
        self._sampling = Sampling(self._folder, self._journal.record, self._on_reading, clocks, shift)

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
        await self._keeper.goodbye()
        self._ports.close()
        self._journal.close()  # last: an early look may still crash
        return outcome

    def _end(self, outcome: Outcome) -> events.Event:
        match outcome:
            case Outcome.COMPLETED:
                return events.CampaignCompleted()
            case Outcome.DECIDED:
                return events.CampaignDecided(reason=self.decided)
            case Outcome.DIED:
                return events.CampaignDied(reason=self.died)
            case Outcome.INTERRUPTED:
                return events.CampaignInterrupted()
            case Outcome.HALTED:
                return events.CampaignHalted(reason=self.halted)
            case Outcome.FAILED:
                return events.CampaignFailed()

    def record_event(self, event: events.Event) -> None:
        """Write an event of the campaign to its journal."""
        self._journal.record(event)

    def decide(self, reason: str) -> None:
        """Drain and end as after one interrupt, because the result is decided."""
        self.decided = reason
        self._interrupted.set()

    def halt(self, reason: str) -> None:
        """Drain and end as after one interrupt, because the campaign cannot continue now; it can be resumed."""
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
        left = remaining_work(rounds(campaign), self._prior, time.monotonic())
        queue, done = deque(left.rounds), list(left.done)
        self._record_begin(left.cut_short)
        self._sampling.seal(self._prior.leftovers)
        if self._owns_processes:
            await self._keeper.start()
        samplers = [asyncio.create_task(self._sample(plan)) for plan in self._sampler_plans()]
        samplers.append(asyncio.create_task(self._watch_over()))
        started = sum(prior.load_start is not None for prior in self._prior.runs.values())
        try:
            if campaign.settle and (len(rounds(campaign)) > 1 or campaign.retries):
                noted = self._prior.baseline
                self._idle_wait = await HostIdleWait.begin(campaign.settle, self._journal.record, noted)
            first = not self._prior.runs
            while not self._interrupted.is_set():
                if not queue:
                    queue.extend(repeated(await self._runs_to_repeat(done)))
                    done = []
                if not queue:
                    break
                planned_round = queue.popleft()
                if not first and not any(self._is_under_way(run) for run in planned_round):
                    await self._wait_until_idle(planned_round)
                if self._interrupted.is_set():
                    break
                first = False
                started += await self._run_round(planned_round)
                done.extend(planned_round)
        finally:
            await cancel_all(samplers)
            self._sampling.close()
        if self._interrupts:
            return Outcome.INTERRUPTED
        if self.halted is not None:
            return Outcome.HALTED
        if self.decided is not None:
            return Outcome.DECIDED
        if started and self._campaign.load is None and not self._left_running:
            return Outcome.DIED
        return Outcome.COMPLETED if started else Outcome.FAILED

    async def _sample(self, plan: Plan) -> None:
        async def run() -> None:
            await self._sampling.run(plan, time.monotonic())

        await keep_going(run, lambda error: self._task_failed(f"the {plan.sampler.kind} sampler", error))

    async def _watch_over(self) -> None:
        await keep_going(self._watchdogs.run, lambda error: self._task_failed("the watchdogs", error))

    def _task_failed(self, what: str, error: BaseException | None) -> None:
        """Journal the crash of a task that is restarted. A failed write halts the campaign."""
        if isinstance(error, StorageError):
            self.halt(f"samples cannot be written: {error}")
        else:
            self._journal.record(events.TaskDied(task=what, reason=repr(error)))

    @property
    def _owns_processes(self) -> bool:
        """Whether a killed runner would leave something to end: a server that it started, or a load process."""
        options = (deployment.options for deployment in self._deployments.values())
        return self._campaign.load is not None or any(one.owned for one in options)

    def _record_begin(self, cut_short: Sequence[Key]) -> None:
        pid, boot, release, gone_since = os.getpid(), boot_id(), version("llm-aging"), self._prior.gone_since
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

    def _is_under_way(self, run: PlannedRun) -> bool:
        return self._prior.attempt_state(*run.key, run.attempt) is not None

    async def _wait_until_idle(self, planned_round: PlannedRound) -> None:
        """Cool down, then wait until memory is as before the first round and the next round's ports are free."""
        await self._pause(self._campaign.cooldown)
        if self._idle_wait is not None:
            ports = [port for run in planned_round if (port := self._deployments[run.options.name].port) is not None]
            await self._idle_wait.wait(ports, self._interrupted)

    async def _runs_to_repeat(self, done: Sequence[PlannedRun]) -> list[PlannedRun]:
        """The broken ones of these runs that have a retry left."""
        candidates = [run for run in done if run.attempt <= self._campaign.retries]
        if not candidates or self._interrupted.is_set():
            return []
        self._broken |= (found := await broken_runs(self._layout.root, candidates, self._journal.record))
        return [run for run in candidates if run.key in found]

    def _record_attempts(self, planned_round: PlannedRound) -> None:
        """Give repeated runs their own folders, and journal why they are repeated."""
        for run in planned_round:
            if run.attempt > self._prior.attempt(*run.key):
                self._layout = replace(self._layout, attempts={**self._layout.attempts, run.key: run.attempt})
                name, reasons = run.options.name, list(self._broken[run.key])
                self._journal.record(
                    events.RunRepeated(deployment=name, replica=run.replica, attempt=run.attempt, reasons=reasons)
                )

    async def _run_round(self, planned_round: PlannedRound) -> int:
        """Run one round; return the number of deployments that became ready."""
        self._record_attempts(planned_round)
        record_event = self._journal.record
        context = RunContext(self._campaign, self._layout, self._timeline, record_event, self._interrupted, self._ports)
        runs = [self._active_run(run, context) for run in planned_round]
        self._round = Round(runs, context, self._catalogue.policy, self._prior.lost)
        try:
            return await self._round.run()
        finally:
            for run in runs:
                self._left_running |= not run.server.died.is_set()
                self.died = run.server.death or self.died
            for run in runs:
                self._sampling.finish(self._layout.run(run.server.name, run.run.replica))
            self._round = None

    def _active_run(self, run: PlannedRun, context: RunContext) -> ActiveRun:
        prior = self._prior.attempt_state(*run.key, run.attempt)
        past = () if prior is None else self._prior.histories.get(run.key, ())
        return ActiveRun(run, self._deployments[run.options.name], prior, context, past)

    def _earlier_ports(self) -> dict[str, int]:
        """Ports of the servers of earlier runners, by deployment; points of one deployment share a port."""
        treatments = self._campaign.treatments
        return {
            treatments[name].base if name in treatments else name: run.port
            for (name, _), run in self._prior.runs.items()
            if run.port is not None and self._deployments[name].chooses_port
        }

    @property
    def _runs(self) -> Sequence[ActiveRun]:
        return () if self._round is None else self._round.runs

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._interrupted.wait()

    def _sampler_plans(self) -> list[Plan]:
        plans = []
        unused = self._unused_samplers()
        for kind, reason in unused.items():
            if reason is not None:
                self._journal.record(events.SamplerUnavailable(sampler=kind, reason=reason))
        for kind, sampler in self._catalogue.samplers_but(unused.keys()).items():
            if reason := sampler.unavailable():
                self._journal.record(events.SamplerUnavailable(sampler=kind, reason=reason))
            else:
                interval = self._campaign.sampling.get(kind, sampler.default_interval)
                plans.append(Plan(sampler(self._targets, self._layout.root), interval))
                if reason := sampler.reduced():
                    self._journal.record(events.SamplerReduced(sampler=kind, reason=reason))
        return plans

    def _unused_samplers(self) -> Mapping[str, str | None]:
        """Samplers with nothing to read, whose libraries are not imported; with the reason if the host lacks it."""
        unused: dict[str, str | None] = {}
        if all(deployment.origin().metrics_url is None for deployment in self._deployments.values()):
            unused["engine"] = None
        if (missing := why_missing()) is not None:
            unused["device"] = missing
        return unused

    def _targets(self) -> list[Target]:
        targets = [target for run in self._runs for target in run.server.targets()]
        generation = self._prior.runners + 1  # each runner process is a generation of the harness
        own = [Target(HARNESS, "runner", generation, (os.getpid(),), with_descendants=False)]
        own += [
            Target(
                HARNESS,
                f"client-{run.server.name}",
                self._prior.runners + run.loads,
                (run.load_process.pid,),
                with_descendants=False,
            )
            for run in self._runs
            if run.load_process is not None and run.load_process.finished is None
        ]
        return targets + own

    def _folder(self, owner: str, source: str) -> Path:
        replicas = {run.server.name: run.run.replica for run in self._runs}
        return self._layout.source(owner, source, replicas.get(owner, 1))

    def _watched(self) -> Sequence[Watched]:
        return [Watched(run.run.replica, run.server, run.load_process) for run in self._runs]

    def _on_reading(self, reading: Reading) -> None:
        if "/" in reading.entity:  # a component; policies and watchdogs use its deployment's readings
            return
        self._watchdogs.see(reading)
        if self._round is not None:
            self._round.see(reading)


def _patience(campaign: Campaign) -> float:
    """The longest stop_timeout of the campaign's deployments, in seconds."""
    return max(getattr(options, "stop_timeout", 0.0) for options in campaign.deployment)
