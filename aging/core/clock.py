"""Time: stamps with wall and monotonic seconds, and ticks without drift."""

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

    ``wall`` is seconds since the epoch, for display and file names; ``mono`` is ``CLOCK_MONOTONIC`` seconds, for
    computation: comparable between processes of one boot, and unaffected by clock steps.
    """

    wall: float
    mono: float

    @classmethod
    def now(cls) -> Stamp:
        return cls(time.time(), time.monotonic())


@dataclass(frozen=True, slots=True)
class Clocks:
    """One instant on three clocks.

    ``boot`` is ``CLOCK_BOOTTIME``: monotonic time that also advances while the host is suspended. On systems without
    it ``boot`` equals ``mono``, and a suspend looks like a step of the wall clock.
    """

    wall: float
    mono: float
    boot: float

    @classmethod
    def now(cls) -> Clocks:
        """All three, read within a millisecond unless the host is too busy."""
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
        """Seconds of suspend since the boot of the host."""
        return self.boot - self.mono

    @property
    def offset(self) -> float:
        """Wall time minus time since boot; it changes only when the wall clock is set."""
        return self.wall - self.boot


@dataclass(frozen=True, slots=True)
class Timeline:
    """Monotonic seconds of a campaign: ``CLOCK_MONOTONIC`` plus ``shift``.

    ``CLOCK_MONOTONIC`` restarts at every boot of the host. Stored times are on the campaign's timeline, which
    increases across boots; ``shift`` is 0 until the first reboot.
    """

    shift: float = 0.0

    @classmethod
    def after(cls, last: Stamp, before: float, now: Stamp, *, same_boot: bool) -> Timeline:
        """The timeline that continues after ``last``, a stamp on a timeline with shift ``before``.

        ``now`` is of this boot. Across a reboot the time off is the difference of the wall clock, at least 0.
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
        """The campaign's seconds at ``CLOCK_MONOTONIC`` seconds of this boot."""
        return monotonic + self.shift

    def here(self, mono: float) -> float:
        """``CLOCK_MONOTONIC`` seconds of this boot at the campaign's seconds."""
        return mono - self.shift


def boot_id() -> str:
    """The kernel's id of this boot; empty if it is unavailable."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Tick:
    """One turn of a periodic loop: seconds that it was late, and the number of turns missed before it."""

    late: float
    missed: int


async def ticks(interval: float, start: float) -> AsyncIterator[Tick]:
    """Yield every ``interval`` seconds from monotonic time ``start``, without drift.

    Each due time is the previous one plus ``interval``. Turns that have passed completely are counted in ``missed``
    and not replayed.
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
