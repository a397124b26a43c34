"""The rules of every policy: minimum distance, at most k servers at once, a budget a day, backoff, disarming.

A :class:`Governor` is a pure state machine over the times it is given, so that a campaign of days, a replay of a
recorded series and a test of a thousand simulated days use the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from aging.campaign.schema import RejuvenationOptions

DAY_SECONDS = 86_400.0

Code = Literal["at-most", "distance", "budget", "backoff", "disarmed", "window"]
"""Which rule refuses: too many servers at once, too soon after the last one, the budget of the day is spent, the pause
after failures, disarmed after too many of them, not in the window that the policy waits for."""

Outcome = Literal["helped", "unhelpful", "failed", "undone"]
"""``helped``: done, and the server is better than before. ``unhelpful``: done, and the new generation is no better or
ages faster. ``failed``: not done, or the server did not come back. ``undone``: begun and taken back without harm."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of a table. Times in seconds; ``budget`` is per server and day (a sliding window of 24 hours).

    After the n-th failure in a row the pause is ``distance * 2**n``, at least a minute and at most ``longest_backoff``;
    after ``give_up_after`` of them the server's policy is disarmed.
    """

    at_most: int = 1
    distance: float = 60.0
    budget: int = 24
    longest_backoff: float = 6 * 3600.0
    give_up_after: int = 3

    @classmethod
    def of(cls, options: RejuvenationOptions) -> Rules:
        """The rules of a `[rejuvenation]` table."""
        return cls(options.at_most, options.distance, options.budget, options.longest_backoff, options.give_up_after)


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


class Governor:
    """Says whether a decision may be carried out now. Times are seconds of one clock that never goes back.

    ``past`` is what an earlier governor knew, by server.
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
        today = [begun for begun in past.begun if begun > now - DAY_SECONDS]
        if len(today) >= rules.budget:
            return Refusal("budget", f"{len(today)} rejuvenations in 24 hours", today[-rules.budget] + DAY_SECONDS)
        if past.failures and past.ended is not None:
            pause = min(max(rules.distance, 60.0) * 2.0**past.failures, rules.longest_backoff)
            if now < past.ended + pause:
                return Refusal("backoff", f"{past.failures} failures in a row", past.ended + pause)
        if not urgent and past.ended is not None and now < past.ended + rules.distance:
            return Refusal("distance", f"the last one ended {now - past.ended:.0f} s ago", past.ended + rules.distance)
        if len(self._under_way) >= rules.at_most:
            return Refusal("at-most", f"{', '.join(sorted(self._under_way))}: under way")
        return None

    def begin(self, server: str, now: float) -> None:
        """Note that a rejuvenation begins."""
        past = self.past(server)
        begun = tuple(one for one in past.begun if one > now - DAY_SECONDS)
        self._past[server] = replace(past, begun=(*begun, now))
        self._under_way.add(server)

    def end(self, server: str, now: float, outcome: Outcome) -> None:
        """Note that it has ended, and how."""
        self._under_way.discard(server)
        past = self.past(server)
        failures = (
            0 if outcome == "helped" else past.failures + 1 if outcome in ("failed", "unhelpful") else past.failures
        )
        disarmed = f"{failures} failures in a row" if failures >= self.rules.give_up_after else past.disarmed
        self._past[server] = replace(past, ended=now, failures=failures, disarmed=disarmed)

    def past(self, server: str) -> Past:
        """What is known of a server, to go on with later."""
        return self._past.get(server, Past())
