"""What a guard knows and decides: generations, readings, the policy, the rules, looks. No processes, no sockets.

Its times are given. What it remembers is stored (:class:`~aging.guard.state.StateFolder`) whenever it changes, before
anything is done about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from aging.core.clock import Stamp, Timeline, boot_id
from aging.core.errors import StorageError
from aging.core.format import byte_size, level, readable_duration
from aging.core.kernel_limits import KERNEL, WHOLE
from aging.core.processes.ownership import Identity
from aging.core.records import Reading
from aging.guard.apart import Apart, inmost, policy_of_guard
from aging.guard.decisions import DecisionJournal
from aging.guard.history import History
from aging.guard.look import Answer, Asked, LastLook, look_due
from aging.guard.options import LIMIT_KEYS, MEMORY, Guarding, Share
from aging.guard.state import LastAction, Pending, Server, Stage, State, StateFolder, Tally
from aging.rejuvenation.base import Decision, Lifetime, Moment, Policy, Subject
from aging.rejuvenation.governor import Governor, Outcome, Rules
from aging.rejuvenation.levels import Ceiling
from aging.store.events import (
    Event,
    RejuvenationCompleted,
    RejuvenationDecided,
    RejuvenationDisarmed,
    RejuvenationFailed,
    RejuvenationStarted,
)

_BLIND_AFTER_SECONDS = 90.0
"""Every sampler has read something by then."""

_SAVED_SECONDS = 60.0
_STALE_SECONDS = 600.0
"""A decision of an older look is not carried out before a new one confirms it."""

Say = Callable[[str], None]
"""Prints one line of the log."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an action ended: its outcome, what failed, seconds, requests cut, seconds by stage.

    ``drained``: the server is still out of rotation.
    """

    outcome: Outcome
    seconds: float
    why: str = ""
    cut: int = 0
    stages: Mapping[str, float] = field(default_factory=dict)
    drained: bool = False


class Watch:
    """One server under guard. ``state`` is what an earlier guard left."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        guarding: Guarding,
        state: State,
        folder: StateFolder,
        journal: DecisionJournal,
        say: Say,
        timeline: Timeline,
    ) -> None:
        self.guarding = guarding
        self._folder, self._journal, self._say, self._timeline = folder, journal, say, timeline
        table = guarding.table
        self.state = replace(state, target=guarding.label, policy=None if table is None else table.policy)
        asks = None if table is None else inmost(table)
        self.indicator = str(getattr(asks, "indicator", MEMORY))
        self._reads = () if asks is None else tuple(asks.reads.values())
        limits = {name for one in KERNEL.get(self.indicator, ()) for name in (one.limit, one.room)}
        self._kept = {self.indicator, WHOLE.get(self.indicator, self.indicator), *limits, *self._reads}
        rules = Rules() if table is None else Rules.of(table)
        self._governor = Governor(rules, {guarding.label: state.past})
        self.present = False
        self._born: float | None = None
        self._history = History()
        self._policy: Policy[Any] | None = None
        self._apart: Apart | None = None
        self._ceiling = self._new_ceiling()
        self._values: dict[str, float] = {}
        self._refused: str | None = None
        self._blind_said = False
        self._look_now = False
        self._saved = -_SAVED_SECONDS
        self._storage_said: str | None = None

    # -- generations ------------------------------------------------------------------------------------------------

    def arrived(self, main: Identity, age: float, now: Stamp) -> None:
        """A process serves that started ``age`` seconds ago: the one that is known, or the next generation."""
        server, boot = self.state.server, boot_id()
        lived = None if self._born is None else now.mono - self._born
        self.present, self._born = True, now.mono - age
        if server is not None and (server.pid, server.start, server.boot) == (main.pid, main.start, boot):
            if self._policy is None and not self._values:
                self._history = self._folder.load_history(server) or History()
                self._say(f"{self.guarding.label}: pid {main.pid} still serves, {readable_duration(age)} old")
            return
        number = 1 if server is None else server.generation + 1
        if server is not None:
            self._ended(server, max(now.wall - server.since, 0.0) if lived is None else lived, now)
        new = Server(main.pid, main.start, boot, number, now.wall - age)
        before, self._policy = self._policy, None
        self._history, self._ceiling = History(), self._new_ceiling()
        self._values, self._blind_said, self._refused = {}, False, None
        self._say(f"{self.guarding.label}: pid {main.pid} serves, generation {number}, {readable_duration(age)} old")
        fresh = replace(self.state, server=new, renewed=None, outlook=None, looked=None, level=None)
        self._save(replace(fresh, ended_in_action=False), now)
        if before is not None:
            self._renew(before)

    def gone(self, why: str) -> None:
        """No process serves."""
        if self.present:
            self.present = False
            self.state = replace(self.state, ended_in_action=self.state.pending is not None)
            self._say(f"{self.guarding.label}: {why}; waiting for the next one")

    def _ended(self, server: Server, lived: float, now: Stamp) -> None:
        """Note how long the generation before served, and whether its end was planned."""
        in_action = self.state.pending is not None or self.state.ended_in_action
        planned = in_action or server.boot != boot_id()
        lifetimes = self.state.with_lifetime(Lifetime(lived, failed=not planned))
        tally = self.state.tally if planned else replace(self.state.tally, restarts=self.state.tally.restarts + 1)
        self.state = replace(self.state, lifetimes=lifetimes, tally=tally)
        if planned:
            return
        self._say(
            f"{self.guarding.label}: generation {server.generation} ended by itself after {readable_duration(lived)}"
        )
        self._governor.died(self.guarding.label, now.mono)
        self._say_disarmed(server.generation, f"the server died {readable_duration(lived)} after its start", now)

    # -- readings ---------------------------------------------------------------------------------------------------

    def see(self, readings: Sequence[Reading], now: Stamp) -> None:
        """Take readings of the present generation."""
        server = self.state.server
        if server is None or not self.present:
            return
        age, values = self.age_at(now), dict[str, float]()
        for one in readings:
            if one.owner == self.guarding.label and one.generation == server.generation and "/" not in one.entity:
                values.update(one.values)
        if not values:
            return
        self._values.update(values)
        self._history.add(age, {name: value for name, value in values.items() if name in self._kept})
        level_now = self._values.get(self.indicator)
        first = self.state.level is None
        self.state = replace(
            self.state, level=level_now, limit=self._limit(values), indicator=self.indicator, sampled=now.wall
        )
        if first:
            self._save(self.state, now)
        if self._policy is None and self._ready_for_policy(age):
            self._begin_policy()
        if self._policy is not None:
            self._policy.observe(age, values)

    def age_at(self, now: Stamp) -> float:
        """Seconds since the present generation started, or since an action made it young again without a restart."""
        born, renewed = self._born or 0.0, self.state.renewed
        return now.mono - (born if renewed is None else max(born, renewed))

    def _ready_for_policy(self, age: float) -> bool:
        """A share of the kernel's limit is known once that has been read."""
        return not isinstance(self.guarding.limit, Share) or self.state.limit is not None or age > _BLIND_AFTER_SECONDS

    def _new_ceiling(self) -> Ceiling:
        given = self.guarding.limit
        limits = {self.indicator: given} if isinstance(given, float) and self._in_bytes else {}
        return Ceiling(self.indicator, Subject(limits=limits))

    def _limit(self, values: Mapping[str, float]) -> float | None:
        """Where the indicator must not arrive: as given, else what the kernel or the device leaves it."""
        self._ceiling.see(values)
        limit, given = self._ceiling.limit, self.guarding.limit
        return given.of_limit * limit if isinstance(given, Share) and limit is not None else limit

    @property
    def _in_bytes(self) -> bool:
        return self.indicator.endswith("_bytes")

    def _subject(self) -> Subject:
        """What the policy knows; where a key of its own has the share of the limit, that is the kernel's."""
        server, limit, given = self.state.server, self.state.limit, self.guarding.limit
        has_own = isinstance(given, Share) and any(self.guarding.asks.get(key) for key in LIMIT_KEYS)
        limits = {} if limit is None or given is None or has_own or not self._in_bytes else {self.indicator: limit}
        return Subject(0, 1, 1 if server is None else server.generation, self.state.lifetimes, limits)

    def _begin_policy(self) -> None:
        """Make the policy of the present generation; after a rejuvenation it is the next one of its kind."""
        if self.guarding.table is None:
            return
        self._policy, self._apart = policy_of_guard(self.guarding.table, self._subject())
        last, server = self.state.last, self.state.server
        done = last is not None and last.outcome in ("helped", "unhelpful")
        if done and last is not None and server is not None and last.wall >= server.since:
            self._renew(self._policy)

    def _renew(self, before: Policy[Any]) -> None:
        """Go on with the next policy after ``before``."""
        self._policy = before.renewed(self._subject())
        within = getattr(self._policy, "inner", self._policy)
        self._apart = within if isinstance(within, Apart) else None

    # -- looks ------------------------------------------------------------------------------------------------------

    def look(self, now: Stamp) -> Asked | None:
        """What to ask the process that looks, if a look is due."""
        server = self.state.server
        if server is None or not self.present or self.state.pending is not None or self.state.level is None:
            return None
        age = self.age_at(now)
        if not self._look_now and not look_due(age, self.state.level, self.state.limit, self.state.looked):
            return None
        self._look_now = False
        self.state = replace(self.state, looked=LastLook(age, self.state.level))
        courses = self._history.courses()
        return Asked(
            indicator=self.indicator,
            ages={name: one.ages for name, one in courses.items()},
            values={name: one.values for name, one in courses.items()},
            age=age,
            wall=now.wall,
            limit=self.state.limit,
            table=None if self._apart is None else dict(self.guarding.asks),
            subject=None if self._apart is None else asdict(self._subject()),
        )

    def looked(self, answer: Answer, generation: int, now: Stamp) -> None:
        """Take the answer to a look at a generation."""
        server = self.state.server
        if server is None or server.generation != generation:
            return
        before = None if self.state.outlook is None else self.state.outlook.verdict
        if self._apart is not None:
            self._apart.standing = answer.decision
        self.state = replace(self.state, outlook=answer.outlook or self.state.outlook)
        found = answer.outlook
        if found is not None and found.verdict != before:
            self._say(self._verdict_line())
        self._save_history(server)
        self._save(self.state, now)

    def _verdict_line(self) -> str:
        state, found = self.state, self.state.outlook
        if found is None:
            return ""
        text = f"{self.indicator}: {found.verdict} ({found.shown}) at {level(self.indicator, state.level)}"
        if found.rate_per_hour is not None and found.low_per_hour is not None and found.high_per_hour is not None:
            low, rate, high = (
                level(self.indicator, one) for one in (found.low_per_hour, found.rate_per_hour, found.high_per_hour)
            )
            text += f", {rate} per hour (between {low} and {high})"
        if found.verdict == "growing" and state.limit is not None and found.expected_seconds is not None:
            reached = readable_duration(found.expected_seconds)
            text += f", the limit of {level(self.indicator, state.limit)} in {reached}"
        return text

    # -- decisions --------------------------------------------------------------------------------------------------

    def ask(self, now: Stamp) -> Decision | None:
        """The policy's decision, where every rule permits it now; a refusal is said and journalled once."""
        table, server = self.guarding.table, self.state.server
        if table is None or server is None or not self.present or self.state.pending is not None:
            return None
        age = self.age_at(now)
        if age > _BLIND_AFTER_SECONDS and not self._blind_said:
            self._say_blind()
        decision = None if self._policy is None else self._policy.decide(Moment(age, now.wall))
        if decision is None:
            self._refused = None
            return None
        refusal = self._governor.refusal(self.guarding.label, now.mono, urgent=decision.urgent)
        if table.dry_run:
            self.refuse(decision, "dry-run", "only said", None, now)
            return None
        if refusal is not None:
            disarmed = f"the policy is disarmed; {self._how_to_rearm()}"
            why = disarmed if refusal.code == "disarmed" else refusal.message
            self.refuse(decision, refusal.code, why, refusal.until, now)
            return None
        looked, apart = self.state.looked, self._apart
        if apart is not None and apart.by_look and looked is not None and age - looked.age > _STALE_SECONDS:
            self._look_now = True
            return None
        return decision

    def refuse(self, decision: Decision, code: str, why: str, until: float | None, now: Stamp) -> None:
        """Note that a decision is not carried out, unless the same rule refused the last one."""
        if self._refused == code:
            return
        self._refused = code
        self._count_decision(code)
        self._say(f"No action ({code}): {why.removesuffix('.')}. Decision: {_reasons(decision)}")
        self._record(self._decided(decision, code, why, until), now)
        self._save(self.state, now)

    def _decided(self, decision: Decision, code: str | None, why: str, until: float | None) -> Event:
        table = self.guarding.table
        return RejuvenationDecided(
            **self._key(),
            policy="" if table is None else table.policy,
            action=self.action,
            reason=decision.reason,
            numbers=dict(decision.numbers),
            urgent=decision.urgent,
            carried_out=code is None,
            refused=code,
            why=why,
            until=until,
        )

    def _say_blind(self) -> None:
        self._blind_said = True
        lacking = None if self._policy is None else self._policy.missing(self._values)
        if lacking is not None:
            self._say(f"The policy cannot decide: {lacking}")
            self.state = replace(self.state, alarm=lacking)

    # -- actions ----------------------------------------------------------------------------------------------------

    @property
    def action(self) -> str:
        """What is done, as the journal has it."""
        table = self.guarding.table
        if table is None:
            return ""
        return table.url or " ".join(table.command)

    def begin(self, decision: Decision, now: Stamp, stage: Stage) -> Pending | None:
        """Note that the action begins, on the disk when this returns.

        None where the server has just ended, or where it cannot be noted: that is refused, and costs no budget.
        """
        server, table = self.state.server, self.guarding.table
        if server is None or table is None:
            return None
        before, past = self.state, self._governor.past(self.guarding.label)
        self._governor.begin(self.guarding.label, now.mono)
        self._count_decision("carried-out")
        pending = Pending(stage, now.mono, decision.reason, server, self.state.level)
        try:
            self._store(replace(self.state, pending=pending, alarm=None), now)
        except StorageError as error:
            self.state, self._governor = before, Governor(self._governor.rules, {self.guarding.label: past})
            self.refuse(decision, "storage", f"{error}; what is not remembered is not begun", None, now)
            return None
        self._refused = None
        if self._apart is not None:
            self._apart.standing = None
        self._record(self._decided(decision, None, "", None), now)
        self._record(
            RejuvenationStarted(**self._key(), action=self.action, reason=decision.reason, policy=table.policy), now
        )
        self._say(f"Acting: {self.action}. Decision: {_reasons(decision)}")
        return pending

    def reached(self, pending: Pending, now: Stamp) -> None:
        """Note the stage that an action has reached. Raises StorageError before the hook: it is not run unnoted."""
        noted = replace(self.state, pending=pending)
        if pending.stage == "acting":
            self._store(noted, now)
        else:
            self._save(noted, now)

    def end(self, ended: Ended, now: Stamp) -> None:
        """Note how the action ended, and what came back."""
        pending = self.state.pending
        before, after = None if pending is None else pending.level, self.state.level
        freed = before - after if before is not None and after is not None else None
        in_bytes = freed is not None and self.indicator.endswith("_bytes")
        outcome, why = ended.outcome, ended.why
        if outcome == "helped" and freed is not None and freed <= 0 and self._measures():
            outcome = "unhelpful"
            why = f"{self.indicator} is {level(self.indicator, after)}, it was {level(self.indicator, before)}"
        tally = self.state.tally
        outcomes = {**tally.outcomes, outcome: tally.outcomes.get(outcome, 0) + 1}
        last = LastAction(outcome, ended.seconds, freed if in_bytes else None, ended.cut, now.wall)
        alarm = f"the action failed: {why}" if outcome == "failed" else None
        self.state = replace(
            self.state,
            pending=None,
            last=last,
            alarm=alarm,
            tally=replace(tally, outcomes=outcomes),
            looked=None,
            drained=ended.drained,
        )
        server = self.state.server
        if outcome in ("helped", "unhelpful") and pending is not None and pending.server == server:
            self._history = History()
            self.state = replace(self.state, renewed=now.mono)
        self._governor.end(self.guarding.label, now.mono, outcome)
        self._say(_ended_line(outcome, ended, why, freed if in_bytes else None))
        self._say_disarmed(1 if server is None else server.generation, why, now)
        if outcome in ("helped", "unhelpful"):
            figures = {} if before is None or after is None else {"level_before": before, "level_after": after}
            self._record(
                RejuvenationCompleted(
                    **self._key(),
                    seconds=round(ended.seconds, 3),
                    action=self.action,
                    cut=ended.cut,
                    stages=dict(ended.stages),
                    outcome=outcome,
                    figures=figures,
                ),
                now,
            )
        else:
            self._record(
                RejuvenationFailed(
                    **self._key(),
                    seconds=round(ended.seconds, 3),
                    action=self.action,
                    why=why,
                    outcome=outcome,
                    cut=ended.cut,
                ),
                now,
            )
        if outcome != "failed" and self._policy is not None and pending is not None and pending.server == server:
            self._renew(self._policy)
        self._save(self.state, now)

    def _measures(self) -> bool:
        """Whether the policy decides by readings: one that goes by time alone is not asked whether it helped."""
        return bool(self._reads)

    def _say_disarmed(self, generation: int, why: str, now: Stamp) -> None:
        """Note what the rules know now, and say it once if that disarms the policy."""
        armed, past = self.state.past.disarmed is None, self._governor.past(self.guarding.label)
        self.state = replace(self.state, past=past)
        if armed and past.disarmed is not None:
            what = f"disarmed after {past.failures} failures in a row; the last one: {why or 'it did not help'}"
            self.state = replace(self.state, alarm=what)
            self._say(f"ALARM: the policy is {what}. Once the cause is mended, {self._how_to_rearm()}")
            self._record(RejuvenationDisarmed(**self._key() | {"generation": generation}, why=what), now)

    def in_rotation(self, now: Stamp) -> None:
        """Note that the server, which an action had left out of rotation, is back."""
        self._say(f"{self.guarding.label} answers and is back in rotation")
        self._save(replace(self.state, drained=False, alarm=None), now)

    def _how_to_rearm(self) -> str:
        return f"`aging guard --rearm --state {self._folder.folder}` lets it act again"

    def rearm(self, now: Stamp) -> None:
        """Let a disarmed policy act again; its budget stays."""
        past = replace(self._governor.past(self.guarding.label), failures=0, disarmed=None)
        self._governor = Governor(self._governor.rules, {self.guarding.label: past})
        self._say("The policy is armed again (--rearm)")
        self._save(replace(self.state, past=past, alarm=None), now)

    # -- storing ----------------------------------------------------------------------------------------------------

    def alarm(self, why: str, now: Stamp) -> None:
        """Note what an operator has to look after."""
        if self.state.alarm != why:
            self._say(f"ALARM: {why}")
            self._save(replace(self.state, alarm=why), now)

    def tick(self, now: Stamp) -> None:
        """Store the state once a minute, so that its clock goes on after a kill."""
        if now.mono - self._saved >= _SAVED_SECONDS:
            self._save(self.state, now)

    def close(self, now: Stamp) -> None:
        """Store everything."""
        if self.state.server is not None and self.present:
            self._save_history(self.state.server)
        self._save(self.state, now)

    def _save(self, state: State, now: Stamp) -> None:
        """Store the state; without room for it the guard goes on to observe, and says so."""
        try:
            self._store(state, now)
        except StorageError as error:
            self._unstored(error)

    def _save_history(self, server: Server) -> None:
        try:
            self._folder.save_history(server, self._history)
        except StorageError as error:
            self._unstored(error)

    def _unstored(self, error: StorageError) -> None:
        if self._storage_said is None:
            self._say(f"ALARM: {error}. The guard continues to observe, and takes no action")
            self.state = replace(self.state, alarm=str(error))
        self._storage_said = str(error)

    def _store(self, state: State, now: Stamp) -> None:
        past = self._governor.past(self.guarding.label)
        self.state = replace(state, stamp=now, boot=boot_id(), shift=self._timeline.shift, past=past)
        self._saved = now.mono
        self._folder.save(self.state)
        self._storage_said = None

    def _count_decision(self, what: str) -> None:
        tally = self.state.tally
        counts = {**tally.decisions, what: tally.decisions.get(what, 0) + 1}
        self.state = replace(self.state, tally=Tally(tally.restarts, tally.outcomes, counts))

    def _record(self, event: Event, now: Stamp) -> None:
        try:
            self._journal.record(event, now)
        except StorageError as error:
            self._unstored(error)

    def _key(self) -> dict[str, Any]:
        server = self.state.server
        return {
            "deployment": self.guarding.label,
            "replica": 1,
            "generation": 1 if server is None else server.generation,
        }


def _reasons(decision: Decision) -> str:
    numbers = ", ".join(f"{name} = {value:,.6g}" for name, value in decision.numbers.items())
    urgent = "; urgent" if decision.urgent else ""
    return f"{decision.reason} ({numbers}{urgent})" if numbers else f"{decision.reason}{urgent}"


def _ended_line(outcome: Outcome, ended: Ended, why: str, freed: float | None) -> str:
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in ended.stages.items())
    back = f", {byte_size(freed)} came back" if freed is not None and freed > 0 else ""
    cut = f", {ended.cut} requests cut" if ended.cut else ""
    how = {"helped": "Done", "unhelpful": "Done, without effect", "failed": "Failed", "undone": "Undone"}[outcome]
    return f"{how} in {ended.seconds:.1f} s{f' ({stages})' if stages else ''}{back}{cut}{f': {why}' if why else ''}"
