"""The rules of every policy: minimum distance, at most k servers at once, a budget a day, backoff, disarming.

A :class:`Governor` is a pure state machine over the times it is given, so that a campaign of days, a replay of a
recorded series and a test of a thousand simulated days use the same one.

An urgent decision passes the minimum distance, and nothing else: the limit that is reached now is no reason to take a
second server away, and a server that reaches its limit again and again is what budget, backoff and disarming end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import readable_duration

DAY_SECONDS = 86_400.0

Code = Literal["at-most", "distance", "budget", "backoff", "disarmed"]
"""Which rule refuses: too many servers at once, too soon after the last one, the budget of the day is spent, the pause
after failures, disarmed after too many of them."""

Outcome = Literal["helped", "unhelpful", "failed", "undone"]
"""``helped``: done, and the server is better than before. ``unhelpful``: done, and the new generation is no better or
ages faster. ``failed``: not done, or the server did not come back. ``undone``: begun and taken back without harm."""

_LEAST_PAUSE = 60.0
_SOON_SECONDS = 600.0
"""A server that dies this soon after a rejuvenation was not helped by it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of a table. Times in seconds; ``budget`` is per server and day (a sliding window of 24 hours).

    After the n-th failure in a row the pause is ``distance * 2**n``, at least ``60 * 2**n`` and at most
    ``longest_backoff``; after ``give_up_after`` of them the server's policy is disarmed.
    """

    at_most: int = 1
    distance: float = 60.0
    budget: int = 24
    longest_backoff: float = 6 * 3600.0
    give_up_after: int = 3

    @classmethod
    def of(cls, options: RejuvenationOptions) -> Rules:
        """The rules of a `[rejuvenation]` table.

        Defaults give way to a policy that ends generations at a fixed age: ``every = "20s"`` gets its 20 seconds, so
        the distance is then no longer than that, and the budget no smaller than it takes.
        """
        distance, budget, life = options.distance, options.budget, options.shortest_life
        if life is not None and "distance" not in options.model_fields_set:
            distance = min(distance, life)
        if life is not None and "budget" not in options.model_fields_set:
            budget = max(budget, ceil(DAY_SECONDS / life) + 1)
        return cls(options.at_most, distance, budget, options.longest_backoff, options.give_up_after)

    def pause(self, failures: int) -> float:
        """The pause after so many failures in a row, in seconds."""
        return min(max(self.distance, _LEAST_PAUSE) * 2.0 ** min(failures, 64), self.longest_backoff)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a decision is not carried out now; ``until`` is when it would be, if that is known (the governor's clock)."""

    code: Code
    message: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What the governor knows of one server, for one that goes on after a restart of its program.

    ``begun`` are the times of the rejuvenations of the last 24 hours; ``failures`` counts those in a row.
    """

    begun: tuple[float, ...] = ()
    ended: float | None = None
    failures: int = 0
    disarmed: str | None = None

    def with_begin(self, now: float) -> Past:
        """After a rejuvenation has begun."""
        return replace(self, begun=(*(one for one in self.begun if one > now - DAY_SECONDS), now))

    def with_end(self, now: float, outcome: Outcome, rules: Rules) -> Past:
        """After it has ended."""
        if outcome == "helped":
            return replace(self, ended=now, failures=0)
        if outcome == "undone":
            return replace(self, ended=now)
        return replace(self, ended=now).with_failure(rules)

    def with_failure(self, rules: Rules) -> Past:
        """After one more failure in a row."""
        failures = self.failures + 1
        if failures < rules.give_up_after or self.disarmed is not None:
            return replace(self, failures=failures)
        why = (
            f"{_last(failures)} failed or did not help. The policy of this server stays off. Find out why, change the "
            "action or the policy, and start again."
        )
        return replace(self, failures=failures, disarmed=why)


class Governor:
    """Says whether a decision may be carried out now. Times are seconds of one clock that never goes back.

    ``past`` is what an earlier governor knew, by server (:func:`aging.rejuvenation.past.past_of`).
    """

    def __init__(self, rules: Rules, past: Mapping[str, Past] | None = None) -> None:
        self.rules = rules
        self._past: dict[str, Past] = dict(past or {})
        self._under_way: set[str] = set()

    def refusal(self, server: str, now: float, *, urgent: bool = False) -> Refusal | None:
        """Why the rejuvenation of ``server`` may not begin at ``now``; None if it may."""
        rules, past = self.rules, self.past(server)
        if past.disarmed is not None:
            return Refusal("disarmed", past.disarmed)
        return (
            self._budget(server, past, now)
            or _backoff(server, past, now, rules)
            or (None if urgent else _distance(server, past, now, rules))
            or self._at_most(server)
        )

    def begin(self, server: str, now: float) -> None:
        """Note that a rejuvenation begins."""
        self._past[server] = self.past(server).with_begin(now)
        self._under_way.add(server)

    def end(self, server: str, now: float, outcome: Outcome) -> None:
        """Note that it has ended, and how."""
        self._under_way.discard(server)
        self._past[server] = self.past(server).with_end(now, outcome, self.rules)

    def died(self, server: str, now: float) -> None:
        """Note that the server died by itself: soon after a rejuvenation, that one was of no use."""
        past = self.past(server)
        if server not in self._under_way and past.ended is not None and now < past.ended + _SOON_SECONDS:
            self._past[server] = past.with_failure(self.rules)

    def past(self, server: str) -> Past:
        """What is known of a server, to go on with later."""
        return self._past.get(server, Past())

    def _budget(self, server: str, past: Past, now: float) -> Refusal | None:
        budget = self.rules.budget
        today = [begun for begun in past.begun if begun > now - DAY_SECONDS]
        if len(today) < budget:
            return None
        until = today[-budget] + DAY_SECONDS
        message = (
            f"{server} was rejuvenated {_times(len(today))} in the last 24 hours, and its budget is {budget}. The next "
            f"may begin in {readable_duration(until - now)}. Raise `budget` only if each of them helped."
        )
        return Refusal("budget", message, until)

    def _at_most(self, server: str) -> Refusal | None:
        others = sorted(self._under_way - {server})
        if server in self._under_way:
            return Refusal("at-most", f"A rejuvenation of {server} is under way.")
        if len(others) < self.rules.at_most:
            return None
        message = (
            f"{', '.join(others)}: a rejuvenation is under way, and `at_most` allows {self.rules.at_most} at once."
        )
        return Refusal("at-most", message)


def _backoff(server: str, past: Past, now: float, rules: Rules) -> Refusal | None:
    if not past.failures or past.ended is None or now >= (until := past.ended + rules.pause(past.failures)):
        return None
    message = (
        f"{_last(past.failures)} of {server} failed or did not help. The next may begin in "
        f"{readable_duration(until - now)}; after {rules.give_up_after} failures in a row the policy is disarmed."
    )
    return Refusal("backoff", message, until)


def _distance(server: str, past: Past, now: float, rules: Rules) -> Refusal | None:
    if past.ended is None or now >= (until := past.ended + rules.distance):
        return None
    message = (
        f"The last rejuvenation of {server} ended {readable_duration(now - past.ended)} ago; the shortest distance is "
        f"{readable_duration(rules.distance)} (`distance`)."
    )
    return Refusal("distance", message, until)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _last(count: int) -> str:
    return "The last rejuvenation" if count == 1 else f"The last {count} rejuvenations"
