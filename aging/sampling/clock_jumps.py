"""Suspends of the host and steps of its clock, reported when they happen.

Neither changes a series: all computations use ``CLOCK_MONOTONIC``,
which stands still while the host is suspended and is never set.
"""

from __future__ import annotations

from aging.core.clock import Clocks
from aging.store.events import ClockStepped, HostSuspended, Journalize

STEP_SECONDS = 0.5
SUSPEND_SECONDS = 1.0


class ClockJumpDetector:
    """Compares the clocks of one look with those of the look before.

    ``report`` is called with a :class:`ClockStepped` or a :class:`HostSuspended`. A clock that is
    slewed is no step: the kernel slews the wall and the monotonic clock alike.
    """

    def __init__(self, report: Journalize) -> None:
        self._report = report
        self._before: Clocks | None = None

    def look(self, now: Clocks) -> None:
        """The clocks as they are now."""
        before, self._before = self._before, now
        if before is None:
            return
        suspended = now.suspended - before.suspended
        stepped = now.offset - before.offset
        if suspended > SUSPEND_SECONDS:
            self._report(HostSuspended(seconds=round(suspended, 3)))
        if abs(stepped) > STEP_SECONDS:
            self._report(ClockStepped(seconds=round(stepped, 3)))
