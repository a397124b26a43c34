"""Time that stands still while anybody works and jumps to the next appointment when nobody does.

One clock of a simulated host (wall, monotonic, since boot; it can be set, suspended and booted anew), an event loop
that lives by it, and the clock put in the place of ``time`` in every module of the package. What is real stays real:
a read of a thread or the start of a child process takes no virtual time at all, since the clock waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import selectors
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from itertools import count, cycle
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np

import aging.core.clock
import aging.sampling.loop
from aging.core.records import Reading
from aging.sampling.base import Sampler
from aging.sampling.reader import SamplerThread

_EPOCH = 1_800_000_000.0
_UPTIME = 5000.0
"""Seconds that the host had been up when it is first looked at."""

_BOOTED_UPTIME = 40.0
_REAL_WAIT_SECONDS = 0.05
_REAL_NAP_SECONDS = 0.001
_LATENESS = 65_536


@dataclass(frozen=True, slots=True)
class HostTime:
    """What a host's clocks go by. ``true`` seconds never jump; the others say how the clocks came to differ from them.

    ``stepped``: by how much the wall clock was set; ``booted``: when the host was; ``suspended``: for how long it was
    since then; ``boots``: how many boots there were.
    """

    true: float = 0.0
    stepped: float = 0.0
    booted: float = -_UPTIME
    suspended: float = 0.0
    boots: int = 1

    @property
    def mono(self) -> float:
        return self.true - self.booted - self.suspended

    def later(self, seconds: float) -> HostTime:
        return replace(self, true=self.true + seconds)

    def rebooted(self, seconds: float) -> HostTime:
        """After a boot that took ``seconds``."""
        true = self.true + seconds
        return replace(self, true=true, booted=true - _BOOTED_UPTIME, suspended=0.0, boots=self.boots + 1)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> HostTime:
        return cls(**json.loads(path.read_text()))


class VirtualClock:
    """The clocks of a host at ``host``, and what is to happen at which of its true seconds.

    Whoever sleeps wakes a little late, by times drawn by ``seed``: the stamps of a real host are no round numbers.
    """

    def __init__(self, host: HostTime, seed: int) -> None:
        self.host = host
        self._working = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        late = np.random.default_rng([seed, int(host.true)]).lognormal(np.log(150e-6), 0.6, _LATENESS)
        self._late: Iterator[float] = cycle(late.tolist())

    def at(self, true: float, happen: Callable[[], None]) -> None:
        """Have something happen at a true second."""
        heapq.heappush(self._events, (true, next(self._numbers), happen))

    def advance(self, seconds: float) -> None:
        """Go on by ``seconds``, but not beyond the next event, which happens then."""
        due = self.host.true + seconds + next(self._late)
        if self._events and self._events[0][0] <= due:
            true, _, happen = heapq.heappop(self._events)
            self.host = replace(self.host, true=max(true, self.host.true))
            happen()
        else:
            self.host = replace(self.host, true=due)

    def set_wall(self, seconds: float) -> None:
        self.host = replace(self.host, stepped=self.host.stepped + seconds)

    def suspend(self, seconds: float) -> None:
        self.host = replace(self.host.later(seconds), suspended=self.host.suspended + seconds)

    @property
    def stands(self) -> bool:
        """Whether somebody is at work for whom no time passes."""
        return self._working > 0

    def begin_work(self) -> None:
        self._working += 1

    def end_work(self, _: object = None) -> None:
        self._working -= 1

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        self.begin_work()
        try:
            yield
        finally:
            self.end_work()

    # What ``time`` has, as far as the package uses it.

    def time(self) -> float:
        return _EPOCH + self.host.true + self.host.stepped

    def monotonic(self) -> float:
        host = self.host
        return host.true - host.booted - host.suspended

    def clock_gettime(self, which: int) -> float:
        return self.host.true - self.host.booted if which == time.CLOCK_BOOTTIME else time.clock_gettime(which)

    def sleep(self, seconds: float) -> None:
        time.sleep(_REAL_NAP_SECONDS)  # whoever polls waits for something real
        self.host = self.host.later(seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class _Selector(selectors.DefaultSelector):
    """Where a loop waits for its next timer, there the clock goes on to it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None or self._clock.stands:
            return super().select(_REAL_WAIT_SECONDS)
        self._clock.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the clock's monotonic seconds."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.monotonic()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        self._clock.begin_work()
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._clock.end_work)
        return future

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        with self._clock.standing():
            return await super().subprocess_exec(*args, **kwargs)


class _Reader(SamplerThread):
    """A sampler that is read by whoever asks: no time passes meanwhile, and a thread would only be waited for."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._asked: SimpleQueue[Future[list[Reading]] | None] = SimpleQueue()

    def read(self) -> Future[list[Reading]]:
        future: Future[list[Reading]] = Future()
        self._asked.put(future)
        self._asked.put(None)
        self._serve()
        return future

    def stop(self) -> None:
        """There is no thread to end."""


def live_by(clock: VirtualClock, boot_file: Path) -> None:
    """Have every module of the package see this host's clocks, and which of its boots this is."""
    boot_file.write_text(f"boot-{clock.host.boots}\n")
    aging.core.clock._BOOT_ID = boot_file
    aging.sampling.loop.SamplerThread = _Reader  # type: ignore[attr-defined]
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "aging" and isinstance(module, ModuleType) and getattr(module, "time", 0) is time:
            module.time = clock  # type: ignore[attr-defined]
