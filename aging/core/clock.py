"""Time: stamps that carry wall and monotonic seconds, and ticks that do not drift."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

_BOOT: int | None = getattr(time, "CLOCK_BOOTTIME", None)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ATTEMPTS = 5
_AT_ONCE_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant on both clocks.

    ``wall`` is seconds since the epoch (for people and file names); ``mono`` is
    ``CLOCK_MONOTONIC`` seconds, comparable between processes of one boot and
    untouched by clock steps (for everything that is computed).
    """

    wall: float
    mono: float

    @classmethod
    def now(cls) -> Stamp:
        return cls(time.time(), time.monotonic())


@dataclass(frozen=True, slots=True)
class Clocks:
    """One instant on three clocks.

    ``boot`` is ``CLOCK_BOOTTIME``: monotonic time that goes on while the host is suspended. Where
    there is none it is ``mono``, and a suspend looks like a step of the wall clock.
    """

    wall: float
    mono: float
    boot: float

    @classmethod
    def now(cls) -> Clocks:
        """All three within a millisecond, unless the host is too busy for that."""
        for _ in range(_ATTEMPTS):
            mono = time.monotonic()
            clocks = cls(time.time(), mono, mono if _BOOT is None else time.clock_gettime(_BOOT))
            if time.monotonic() - mono < _AT_ONCE_SECONDS:
                break
        return clocks

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.wall, self.mono)

    @property
    def suspended(self) -> float:
        """Seconds that the host was suspended since it was booted."""
        return self.boot - self.mono

    @property
    def offset(self) -> float:
        """Wall time less time since boot: it changes when the wall clock is set, and then only."""
        return self.wall - self.boot


@dataclass(frozen=True, slots=True)
class Timeline:
    """A campaign's own monotonic seconds: ``CLOCK_MONOTONIC`` plus ``shift``.

    That clock begins anew with every boot of the host, and a campaign goes on: what is written is on the campaign's
    timeline, and increases across boots. Up to the first boot after its start ``shift`` is 0.
    """

    shift: float = 0.0

    @classmethod
    def after(cls, last: Stamp, before: float, now: Stamp, *, same_boot: bool) -> Timeline:
        """The timeline that goes on after ``last``, a stamp of one whose shift was ``before``; ``now`` is this boot's.

        Over a boot only the wall clock has gone on, and how long the host was off is what it says, if not less
        than nothing.
        """
        if same_boot and now.mono + before >= last.mono:
            return cls(before)
        return cls(last.mono + max(now.wall - last.wall, 0.0) - now.mono)

    def stamp(self) -> Stamp:
        """Now."""
        return Stamp(time.time(), time.monotonic() + self.shift)

    def clocks(self) -> Clocks:
        """Now, on three clocks."""
        now = Clocks.now()
        return Clocks(now.wall, now.mono + self.shift, now.boot + self.shift)

    def of(self, monotonic: float) -> float:
        """This boot's ``CLOCK_MONOTONIC`` seconds on the campaign's timeline."""
        return monotonic + self.shift

    def here(self, mono: float) -> float:
        """The campaign's seconds as this boot's ``CLOCK_MONOTONIC``."""
        return mono - self.shift


def boot_id() -> str:
    """Which boot of this host this is; empty where the kernel does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Tick:
    """One turn of a periodic loop: how late it woke and how many turns were missed before it."""

    late: float
    missed: int


async def ticks(interval: float, start: float) -> AsyncIterator[Tick]:
    """Yield every ``interval`` seconds from monotonic time ``start`` on, without drift.

    The next due time is always the previous due time plus ``interval``; turns
    that have wholly passed are counted in ``missed``, never replayed in a burst.
    """
    due = start
    while True:
        delay = due - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        late = time.monotonic() - due
        missed = int(late / interval) if late > interval else 0
        yield Tick(late, missed)
        due += interval * (1 + missed)
