"""Carries out rejuvenation policies: asks each policy once a second, and its governor whether it may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from aging.campaign.schema import RejuvenationOptions
from aging.core.clock import ticks
from aging.core.records import Reading
from aging.core.tasks import cancel_all, keep_going
from aging.load.heartbeat import Beat
from aging.rejuvenation.base import Decision, Lifetime, Moment, Policy, Subject
from aging.rejuvenation.governor import Governor, Outcome, Past, Rules
from aging.rejuvenation.past import past_of
from aging.runner.actions.base import Action, ActionError, Done, Occasion
from aging.runner.actions.external import External
from aging.runner.actions.offered import Offered
from aging.runner.actions.replace import Replace
from aging.runner.actions.restart import Restart
from aging.runner.client_readings import Clients
from aging.runner.effect import Before, figures_of, outcome_of
from aging.runner.levels import Levels
from aging.runner.rejuvenation_history import lifetimes
from aging.runner.run import ActiveRun
from aging.store import events
from aging.store.events import Journalize, ServerKey

_INTERVAL_SECONDS = 1.0
_BLIND_AFTER_SECONDS = 90.0
"""After a generation became ready: by then every sampler has read something."""

_SETTLED_READINGS = 3
_SETTLED_SECONDS = 10.0
"""The longest wait after an action for the readings that show its effect."""

_ACTIONS: Mapping[str, Callable[[], Action]] = {
    "trim": Offered,
    "reset-caches": Offered,
    "sleep": Offered,
    "restart": Restart,
    "replace": Replace,
    "external": External,
}

MakePolicy = Callable[[RejuvenationOptions, Subject], Policy[Any]]
"""Makes a policy of a table's kind."""


@dataclass
class _Governed:
    """A run with its table, its present policy, and what is under way.

    ``since`` is when the policy's time began, in monotonic seconds: when the generation was ready, or was treated
    without a new start. ``unread`` are readings that the policy has not seen. ``read_since`` is the age at the first
    reading: on a busy host the load, and with it the sampling, may begin minutes after the server was ready. ``before``
    is what was known at the last action, ``earlier`` at the one before it.
    """

    run: ActiveRun
    options: RejuvenationOptions
    governor: Governor
    policy: Policy[Any]
    subject: Subject
    levels: Levels
    since: float = 0.0
    unread: list[tuple[float, Mapping[str, float]]] = field(default_factory=list)
    beat: Beat | None = None
    clients: Clients = field(default_factory=Clients)
    read: set[str] = field(default_factory=set)
    read_since: float | None = None
    blind_reported: bool = False
    refused: str | None = None
    before: Before | None = None
    earlier: Before | None = None
    trouble: str | None = None
    acting: asyncio.Task[None] | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the policy's time began; None while the server is not ready."""
        ready = self.run.server.ready_since
        return None if ready is None else time.monotonic() - max(ready, self.since)

    @property
    def which(self) -> ServerKey:
        server = self.run.server
        return {"deployment": server.name, "replica": server.replica, "generation": server.generation}


class Rejuvenator:
    """One policy for each of the ``runs`` that a table applies to, a new one per generation.

    ``tables`` are by deployment name. ``limits`` are the most that an indicator may reach. ``campaign_time`` turns
    monotonic seconds into those of the journal, which ``record_event`` writes.
    """

    def __init__(  # noqa: PLR0913 - what a policy decides about, and where that is written
        self,
        tables: Mapping[str, RejuvenationOptions],
        policy: MakePolicy,
        runs: Sequence[ActiveRun],
        record_event: Journalize,
        *,
        limits: Mapping[str, float],
        campaign_time: Callable[[float], float],
    ) -> None:
        self._policy = policy
        self._record_event = record_event
        self._campaign_time = campaign_time
        self._governed: dict[str, _Governed] = {}
        for options in {table.label: table for table in tables.values()}.values():
            same = [one for one in runs if (of := tables.get(one.server.name)) and of.label == options.label]
            governor = self._governor(options, same)
            for index, run in enumerate(same):
                past = tuple(lifetimes(run.history))
                subject = Subject(index, len(same), run.server.generation, past, limits)
                made = policy(options, subject)
                levels = Levels(made.indicators)
                since = governor.past(run.server.name).ended or 0.0
                self._governed[run.server.name] = _Governed(run, options, governor, made, subject, levels, since)

    def _governor(self, options: RejuvenationOptions, runs: Sequence[ActiveRun]) -> Governor:
        """The governor of a table, which knows what the one of an earlier runner did."""
        now, rules = time.monotonic(), Rules.of(options)
        shift = self._campaign_time(now) - now
        past: dict[str, Past] = {}
        for run in runs:
            past |= past_of(run.history, now, lambda _: rules, replica=run.server.replica, shift=shift)
        return Governor(rules, past)

    def see(self, reading: Reading) -> None:
        """Keep a reading of a deployment for its policy."""
        one = self._governed.get(reading.owner)
        if one is None or "/" in reading.entity:  # what a component or a single process uses is in the whole
            return
        one.levels.see(reading.generation, reading.values)
        if reading.generation == one.run.server.generation and (age := one.age) is not None:
            one.read.update(reading.values)
            one.read_since = age if one.read_since is None else one.read_since
            one.unread.append((age, reading.values))

    async def run(self) -> None:
        """Ask policies and carry their actions out, until cancelled. A policy that fails is asked again later."""
        governed = self._governed.values()
        tasks = [
            asyncio.create_task(keep_going(partial(self._govern, one), partial(self._failed, one))) for one in governed
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_all([*tasks, *(one.acting for one in governed if one.acting is not None)])

    def _failed(self, one: _Governed, error: BaseException | None) -> None:
        """Journal that a policy or an action has raised an error, once for each error."""
        if repr(error) != one.trouble:
            one.trouble = repr(error)
            name = one.run.server.name
            self._record_event(events.TaskDied(task=f"the rejuvenation of {name}", reason=repr(error)))

    async def _govern(self, one: _Governed) -> None:
        async for _ in ticks(_INTERVAL_SECONDS, time.monotonic()):
            if one.acting is not None and not one.acting.done():
                continue
            acting, one.acting = one.acting, None
            if acting is not None:
                acting.result()
            self._ask(one)

    def _ask(self, one: _Governed) -> None:
        if (age := one.age) is None:
            return
        if one.run.server.generation != one.subject.generation:  # restarted from outside
            one.governor.died(one.run.server.name, time.monotonic())
            self._renew(one, failed=True)
        self._tell_policy(one, age)
        if one.read_since is not None and age - one.read_since > _BLIND_AFTER_SECONDS and not one.blind_reported:
            self._record_blind(one)
        decision = one.policy.decide(Moment(age, time.time()))
        if decision is None:
            one.refused = None
            return
        name, now = one.run.server.name, time.monotonic()
        refusal = one.governor.refusal(name, now, urgent=decision.urgent)
        code = "dry-run" if one.options.dry_run else None if refusal is None else refusal.code
        if code is None or code != one.refused:
            why, until = ("", None) if refusal is None else (refusal.message, refusal.until)
            self._record_decision(one, decision, code, why, until)
        one.refused = code
        if code is None:
            one.governor.begin(name, now)
            one.acting = asyncio.create_task(self._act(one, decision, age))

    def _tell_policy(self, one: _Governed, age: float) -> None:
        """Hand over what was read since the last time, and what the clients saw."""
        unread, one.unread = one.unread, []
        sending = one.run.load_process
        if sending is not None and sending.beat is not None and sending.beat is not one.beat:
            one.beat = sending.beat
            values = one.clients.see(sending.beat)
            one.read.update(values)
            one.levels.see(one.run.server.generation, values)
            unread.append((age, values))
        for at, values in unread:
            one.policy.observe(at, values)

    def _record_decision(
        self, one: _Governed, decision: Decision, code: str | None, why: str, until: float | None
    ) -> None:
        self._record_event(
            events.RejuvenationDecided(
                **one.which,
                policy=one.options.policy,
                action=one.options.action,
                reason=decision.reason,
                numbers=dict(decision.numbers),
                urgent=decision.urgent,
                carried_out=code is None,
                refused=code,
                why=why,
                until=None if until is None else self._campaign_time(until),
            )
        )

    def _record_blind(self, one: _Governed) -> None:
        """Journal what a policy lacks, so that it does not fire."""
        one.blind_reported = True
        server = one.run.server
        if (why := one.policy.missing(one.read)) is not None:
            self._record_event(
                events.Watchdog(deployment=server.name, replica=server.replica, trouble="unread", message=why)
            )

    async def _act(self, one: _Governed, decision: Decision, age: float) -> None:
        server = one.run.server
        before = Before.of(server.generation, age, one.levels, one.policy.indicators)
        one.earlier, one.before = one.before, before
        self._record_event(
            events.RejuvenationStarted(
                **one.which, action=one.options.action, reason=decision.reason, policy=one.options.policy
            )
        )
        outcome: Outcome = "failed"
        began = ended = time.monotonic()
        try:
            done = await self._carried_out(one, decision, began)
            ended = time.monotonic()
            if done is not None:
                one.since = ended
                self._renew(one, failed=False)
                outcome = await self._concluded(one, before, done, began, ended)
        finally:
            self._end(one, ended, outcome)

    async def _carried_out(self, one: _Governed, decision: Decision, began: float) -> Done | None:
        """What the action did; None, with an event, if it failed."""
        try:
            occasion = Occasion(decision.reason, one.levels)
            return await _ACTIONS[one.options.action]().carry_out(one.run, one.options, occasion)
        except ActionError as error:
            self._record_failure(one, began, error)
            return None
        except asyncio.CancelledError:
            undone = ActionError("the run ended before it was done", serving=False)
            self._record_failure(one, began, undone, outcome="undone")
            raise
        finally:
            if one.run.held and not one.run.server.died.is_set():  # whatever went wrong, arrivals do not wait for ever
                one.run.release()

    def _record_failure(
        self, one: _Governed, began: float, error: ActionError, outcome: Literal["failed", "undone"] = "failed"
    ) -> None:
        self._record_event(
            events.RejuvenationFailed(
                **one.which,
                action=one.options.action,
                seconds=round(time.monotonic() - began, 3),
                why=str(error),
                outcome=outcome,
                held_seconds=round(error.held_seconds, 3),
                cut=error.cut,
            )
        )

    async def _concluded(self, one: _Governed, before: Before, done: Done, began: float, ended: float) -> Outcome:
        """Wait for readings of the new state, and journal what the action did."""
        try:
            await self._until_read(one, before, ended)
        finally:  # also where the run ends in that time
            outcome = self._record_end(one, before, done, began, ended)
        one.levels.forget(one.run.server.generation)
        return outcome

    def _record_end(self, one: _Governed, before: Before, done: Done, began: float, ended: float) -> Outcome:
        """Journal what an action did that is done; one that the server has not survived has failed."""
        server = one.run.server
        if server.died.is_set():
            why = f"the server died after it: {server.death}"
            error = ActionError(why, serving=False, held_seconds=done.held_seconds, cut=done.cut)
            self._record_failure(one, began, error)
            return "failed"
        figures = figures_of(before, one.levels, server.generation, ended) | dict(done.figures)
        outcome = outcome_of(before, figures, one.earlier)
        self._record_event(
            events.RejuvenationCompleted(
                **one.which,
                action=one.options.action,
                seconds=round(ended - began, 3),
                held_seconds=round(done.held_seconds, 3),
                cut=done.cut,
                stages={stage: round(seconds, 3) for stage, seconds in done.stages.items()},
                outcome=outcome,
                figures=figures,
            )
        )
        return outcome

    async def _until_read(self, one: _Governed, before: Before, ended: float) -> None:
        generation = one.run.server.generation
        while time.monotonic() < ended + _SETTLED_SECONDS:
            await asyncio.sleep(_INTERVAL_SECONDS)  # also without readings: by then an end of the server is known
            read = (one.levels.since(generation, indicator, ended)[1] for indicator in before.levels)
            if one.run.server.died.is_set() or min(read, default=_SETTLED_READINGS) >= _SETTLED_READINGS:
                return

    def _end(self, one: _Governed, ended: float, outcome: Outcome) -> None:
        name = one.run.server.name
        armed = one.governor.past(name).disarmed is None
        one.governor.end(name, ended, outcome)
        if armed and (why := one.governor.past(name).disarmed) is not None:
            self._record_event(events.RejuvenationDisarmed(**one.which, why=why))

    def _renew(self, one: _Governed, *, failed: bool) -> None:
        """Make the policy of the generation that serves now, or of the one that was treated."""
        server, subject = one.run.server, one.subject
        lifetimes = subject.lifetimes
        if server.generation != subject.generation and one.before is not None:
            lifetimes = (*lifetimes, Lifetime(one.before.age, failed))
        one.subject = replace(subject, generation=server.generation, lifetimes=lifetimes)
        one.policy = one.policy.renewed(one.subject)
        one.unread.clear()
        one.clients = Clients()
        one.blind_reported, one.read_since = False, None
