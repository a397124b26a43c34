"""Carries out rejuvenation policies: asks each policy once a second, and its governor whether it may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aging.campaign.schema import RejuvenationOptions
from aging.core.clock import ticks
from aging.core.records import Reading
from aging.core.tasks import cancel_all
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.rejuvenation.governor import Governor, Rules
from aging.runner.actions.base import Action, ActionError
from aging.runner.actions.restart import Restart
from aging.runner.run import ActiveRun
from aging.store.events import (
    Journalize,
    RejuvenationCompleted,
    RejuvenationDecided,
    RejuvenationFailed,
    RejuvenationStarted,
    Watchdog,
)

_INTERVAL_SECONDS = 1.0
_BLIND_AFTER_SECONDS = 90.0
"""After a generation became ready: by then every sampler has read something."""

_ACTIONS: Mapping[str, Callable[[], Action]] = {"restart": Restart}

MakePolicy = Callable[[RejuvenationOptions, Subject], Policy[Any]]
"""Makes a policy of a table's kind."""


@dataclass
class _Governed:
    """A run with its table, its present policy, and what is under way."""

    run: ActiveRun
    options: RejuvenationOptions
    governor: Governor
    policy: Policy[Any]
    subject: Subject
    read: set[str] = field(default_factory=set)
    blind_reported: bool = False
    refused: str | None = None
    acting: asyncio.Task[None] | None = None


class Rejuvenator:
    """One policy for each of the ``runs`` that a table applies to, a new one per generation.

    ``tables`` are by deployment name.
    """

    def __init__(
        self,
        tables: Mapping[str, RejuvenationOptions],
        policy: MakePolicy,
        runs: Sequence[ActiveRun],
        record_event: Journalize,
    ) -> None:
        self._policy = policy
        self._record_event = record_event
        self._governed: dict[str, _Governed] = {}
        governors: dict[str, Governor] = {}
        for run in runs:
            if (options := tables.get(run.server.name)) is None:
                continue
            governor = governors.setdefault(options.label, Governor(Rules.of(options)))
            same = [one for one in runs if (table := tables.get(one.server.name)) and table.label == options.label]
            subject = Subject(index=same.index(run), count=len(same), generation=run.server.generation)
            self._governed[run.server.name] = _Governed(run, options, governor, policy(options, subject), subject)

    def see(self, reading: Reading) -> None:
        """Pass a reading of a deployment to its policy."""
        one = self._governed.get(reading.owner)
        if one is None or one.run.server.generation != reading.generation or (age := one.run.server.age) is None:
            return
        if "/" in reading.entity:  # a component or a single process: what it uses is in the reading of the whole
            return
        one.read.update(reading.values)
        one.policy.observe(age, reading.values)

    async def run(self) -> None:
        """Ask policies and carry their actions out, until cancelled."""
        try:
            async for _ in ticks(_INTERVAL_SECONDS, time.monotonic()):
                for one in self._governed.values():
                    self._ask(one)
        finally:
            await cancel_all([one.acting for one in self._governed.values() if one.acting is not None])

    def _ask(self, one: _Governed) -> None:
        age, name = one.run.server.age, one.run.server.name
        if age is None or (one.acting is not None and not one.acting.done()):
            return
        if age > _BLIND_AFTER_SECONDS and not one.blind_reported:
            self._record_blind(one)
        decision = one.policy.decide(Moment(age, time.time()))
        if decision is None:
            one.refused = None
            return
        now = time.monotonic()
        refusal = one.governor.refusal(name, now, urgent=decision.urgent)
        code = "dry-run" if one.options.dry_run else None if refusal is None else refusal.code
        if code is None or code != one.refused:
            why, until = ("", None) if refusal is None else (refusal.message, refusal.until)
            self._record_decision(one, decision, code, why, until)
        one.refused = code
        if code is None:
            one.governor.begin(name, now)
            one.acting = asyncio.create_task(self._act(one, decision))

    def _record_decision(
        self, one: _Governed, decision: Decision, code: str | None, why: str, until: float | None
    ) -> None:
        server = one.run.server
        self._record_event(
            RejuvenationDecided(
                deployment=server.name,
                replica=server.replica,
                generation=server.generation,
                policy=one.options.policy,
                action=one.options.action,
                reason=decision.reason,
                numbers=dict(decision.numbers),
                urgent=decision.urgent,
                carried_out=code is None,
                refused=code,
                why=why,
                until=until,
            )
        )

    def _record_blind(self, one: _Governed) -> None:
        """Journal what a policy lacks, such as readings of its indicator: it does not fire."""
        server = one.run.server
        one.blind_reported = True
        if (why := one.policy.missing(one.read)) is not None:
            self._record_event(Watchdog(deployment=server.name, replica=server.replica, trouble="unread", message=why))

    async def _act(self, one: _Governed, decision: Decision) -> None:
        server, options = one.run.server, one.options
        name, replica = server.name, server.replica
        self._record_event(
            RejuvenationStarted(
                deployment=name,
                replica=replica,
                generation=server.generation,
                action=options.action,
                reason=decision.reason,
                policy=options.policy,
            )
        )
        began = time.monotonic()
        try:
            done = await _ACTIONS[options.action]().carry_out(one.run, options)
        except ActionError as error:
            one.governor.end(name, time.monotonic(), "failed")
            self._record_event(
                RejuvenationFailed(
                    deployment=name,
                    replica=replica,
                    generation=server.generation,
                    action=options.action,
                    seconds=round(time.monotonic() - began, 3),
                    why=str(error),
                    held_seconds=round(error.held_seconds, 3),
                    cut=error.cut,
                )
            )
            return
        one.governor.end(name, time.monotonic(), "helped")
        one.subject = Subject(one.subject.index, one.subject.count, server.generation)
        one.policy = one.policy.renewed(one.subject)
        self._record_event(
            RejuvenationCompleted(
                deployment=name,
                replica=replica,
                generation=server.generation,
                action=options.action,
                seconds=round(time.monotonic() - began, 3),
                held_seconds=round(done.held_seconds, 3),
                cut=done.cut,
                stages={stage: round(seconds, 3) for stage, seconds in done.stages.items()},
            )
        )
