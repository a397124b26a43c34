"""How a load stands, as its process tells the runner every second: what is waited for, and how late it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from aging.load.planned import PlannedRequest
from aging.model import RequestRecord


@dataclass(frozen=True, slots=True)
class Beat:
    """One pulse.

    ``waiting`` requests have no record yet; ``quiet`` is for how many seconds some have been waiting while the server
    answered none; ``late`` how many seconds after its time the last one was handed to the client.
    """

    waiting: int
    quiet: float
    late: float


class Pulse:
    """Counts what goes into a client and comes out of it. ``load_start`` is monotonic seconds."""

    def __init__(self, load_start: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._load_start = load_start
        self._clock = clock
        self._waiting = 0
        self._since = load_start
        self._late = 0.0

    def handing(self, requests: Iterable[PlannedRequest]) -> Iterator[PlannedRequest]:
        """The same requests, counted: the client comes for the next one when it has sent the one before."""
        for request in requests:
            yield request
            now = self._clock()
            if self._waiting == 0:
                self._since = now
            self._waiting += 1
            self._late = max(now - self._load_start - request.at, 0.0)

    def recorded(self, done: RequestRecord) -> None:
        """One has been answered, or has failed."""
        self._waiting -= 1
        if done.status == "ok":
            self._since = self._clock()

    def now(self) -> Beat:
        quiet = self._clock() - self._since if self._waiting > 0 else 0.0
        return Beat(max(self._waiting, 0), round(max(quiet, 0.0), 3), round(self._late, 3))
