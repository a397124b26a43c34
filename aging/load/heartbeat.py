"""The state of a load, which its process sends to the runner every second: requests that wait, and how late it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aging.core.records import RequestRecord
from aging.load.schedule.planned_request import PlannedRequest


@dataclass(frozen=True, slots=True)
class Beat:
    """One pulse.

    ``waiting`` requests have no record yet; ``quiet`` is for how many seconds some have been waiting without any
    answer; ``late`` how many seconds after its time the last one was handed to the client.
    """

    waiting: int
    quiet: float
    late: float


class Pulse:
    """Counts the requests that go into a client and come out of it. ``load_start`` is monotonic seconds."""

    def __init__(self, load_start: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._load_start = load_start
        self._clock = clock
        self._since = load_start
        self._late = 0.0

    def arrived(self, request: PlannedRequest) -> None:
        """A request of the open load is due."""
        self._late = max(self._clock() - self._load_start - request.at, 0.0)

    def recorded(self, done: RequestRecord) -> None:
        """A request was answered, or has failed."""
        if done.status == "ok":
            self._since = self._clock()

    def now(self, waiting: int) -> Beat:
        """The pulse, while ``waiting`` requests have no record yet."""
        if not waiting:
            self._since = self._clock()
        return Beat(waiting, round(max(self._clock() - self._since, 0.0), 3), round(self._late, 3))
