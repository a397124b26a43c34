"""The state of a load, which its process sends to the runner every second.

Requests that wait, how late it is, and what its clients have seen since the pulse before.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from aging.campaign.schema import LoadTable, Objectives
from aging.core.records import RequestRecord
from aging.load.schedule.planned_request import PlannedRequest

_RECENT_SECONDS = 60.0
_MOST_RECENT = 2000
"""Times to first token that are kept: sorting them takes 0.3 ms a second."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One pulse.

    ``waiting`` requests have no record yet; ``quiet`` is for how many seconds some have been waiting without any
    answer; ``late`` how many seconds after its time the last one was handed to the client.

    Since the pulse before: requests that were ``answered`` and that ``failed`` (errors and drops), those that were
    ``judged`` because they have objectives, and those of them that ``attained`` all of theirs. ``ttft_p99`` is of the
    last minute, in seconds, with the wait for a rejuvenation; None where none was streamed.
    """

    waiting: int
    quiet: float
    late: float
    answered: int = 0
    failed: int = 0
    judged: int = 0
    attained: int = 0
    ttft_p99: float | None = None

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self | None:
        """The pulse in an event; None where a number is missing or is none."""
        values = {one.name: event.get(one.name, one.default) for one in fields(cls)}
        ttft = values["ttft_p99"]
        numbers = all(isinstance(value, int | float) for name, value in values.items() if name != "ttft_p99")
        return cls(**values) if numbers and isinstance(ttft, int | float | None) else None


class Pulse:
    """Counts the requests that go into a client and come out of it. ``load_start`` is monotonic seconds."""

    def __init__(
        self,
        load_start: float,
        clock: Callable[[], float] = time.monotonic,
        objectives: Mapping[str, Objectives] | None = None,
    ) -> None:
        self._load_start = load_start
        self._clock = clock
        self._objectives = objectives or {}
        self._since = load_start
        self._late = 0.0
        self._answered = self._failed = self._judged = self._attained = 0
        self._first_tokens: deque[tuple[float, float]] = deque(maxlen=_MOST_RECENT)

    def arrived(self, request: PlannedRequest) -> None:
        """A request of the open load is due."""
        self._late = max(self._clock() - self._load_start - request.at, 0.0)

    def recorded(self, done: RequestRecord) -> None:
        """A request was answered, or has failed."""
        if done.status == "ok":
            self._since = self._clock()
            self._answered += 1
            if done.streaming and done.first_token is not None:
                self._first_tokens.append((done.finished, done.first_token - _beginning(done)))
        elif done.status in ("error", "dropped"):
            self._failed += 1
        objectives = self._objectives.get(done.load_class)
        if objectives is not None and (met := attained(done, objectives)) is not None:
            self._judged += 1
            self._attained += met

    def now(self, waiting: int) -> Beat:
        """The pulse, while ``waiting`` requests have no record yet."""
        now = self._clock()
        if not waiting:
            self._since = now
        while self._first_tokens and self._first_tokens[0][0] < now - _RECENT_SECONDS:
            self._first_tokens.popleft()
        beat = Beat(
            waiting,
            round(max(now - self._since, 0.0), 3),
            round(self._late, 3),
            self._answered,
            self._failed,
            self._judged,
            self._attained,
            self._ttft_p99(),
        )
        self._answered = self._failed = self._judged = self._attained = 0
        return beat

    def _ttft_p99(self) -> float | None:
        ordered = sorted(seconds for _, seconds in self._first_tokens)
        return round(ordered[int(0.99 * (len(ordered) - 1))], 6) if ordered else None


def objectives_of(load: LoadTable) -> Mapping[str, Objectives]:
    """The objectives of each class of a load; classes without any are left out. A single class has no name."""
    own = load.objectives
    by_class = {one.name: one.objectives or own for one in load.classes} if load.classes else {"": own}
    return {name: objectives for name, objectives in by_class.items() if objectives is not None}


def attained(done: RequestRecord, objectives: Objectives) -> bool | None:
    """Whether a request met its objectives, as :mod:`aging.findings.slo` counts it; None if they do not apply to it."""
    if done.fault or done.status not in ("ok", "error", "dropped") or (objectives.e2e is None and not done.streaming):
        return None
    if done.status != "ok":
        return False
    latencies: list[tuple[float | None, float | None]] = []
    if done.last_token is not None:
        latencies.append((done.last_token - _beginning(done), objectives.e2e))
    if done.streaming and done.first_token is not None:
        latencies.append((done.first_token - _beginning(done), objectives.ttft))
        if done.last_token is not None and (done.output_tokens or 0) > 1:
            latencies.append(((done.last_token - done.first_token) / ((done.output_tokens or 0) - 1), objectives.tpot))
    return not any(limit is not None and seconds is not None and seconds > limit for seconds, limit in latencies)


def _beginning(done: RequestRecord) -> float:
    """When its client began to wait: when it was sent, or was due where a rejuvenation held it back."""
    return done.scheduled if done.held or done.sent is None else done.sent
