"""Waking at a time, to some hundredths of a millisecond.

An event loop sleeps in whole milliseconds, and ends its sleep late rather than early: 0.6 ms in the median. Where the
kernel has timers that are files (Linux), one of them wakes the loop instead: arrivals are then sent 0.05 ms late in the
median (``docs/evidence.md``). By ``os.timerfd_create`` from Python 3.13 on, by ctypes before.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
import time
from functools import cache
from types import TracebackType


class Timer:
    """Lets one task at a time wait for a time; a context manager, to be entered in a running event loop."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._timerfd: _TimerFile | None = None

    def __enter__(self) -> Timer:
        if sys.platform == "linux":
            self._timerfd = _TimerFile()
            asyncio.get_running_loop().add_reader(self._timerfd.fileno(), self._expired)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timerfd is not None:
            asyncio.get_running_loop().remove_reader(self._timerfd.fileno())
            self._timerfd.close()
            self._timerfd = None

    async def wait_until(self, due: float) -> None:
        """Wait until the monotonic time ``due``, or until :meth:`ring`; other tasks run in that time."""
        delay = due - time.monotonic()
        if delay <= 0:
            await asyncio.sleep(0)
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            if self._timerfd is not None:
                self._timerfd.set(due)
                await self._waiter
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._waiter
        finally:
            self._waiter = None

    def ring(self) -> None:
        """End the present wait now, if there is one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expired(self) -> None:
        if self._timerfd is not None and self._timerfd.expired():
            self.ring()


class _TimerFile:
    """A ``timerfd`` on the monotonic clock."""

    def __init__(self) -> None:
        self._handle = _create()

    def fileno(self) -> int:
        return self._handle

    def set(self, due: float) -> None:
        """Become readable at the monotonic time ``due``, which is not 0."""
        _set(self._handle, due)

    def expired(self) -> bool:
        """Acknowledge that it has expired; False where it was set again before that."""
        try:
            return bool(os.read(self._handle, 8))
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._handle)


if sys.version_info >= (3, 13):

    def _create() -> int:
        return os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

    def _set(handle: int, due: float) -> None:
        os.timerfd_settime(handle, flags=os.TFD_TIMER_ABSTIME, initial=due)

else:  # not in the standard library before; remove it with support of Python 3.12

    def _create() -> int:
        handle: int = _libc().timerfd_create(time.CLOCK_MONOTONIC, _FLAGS)
        if handle < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        return handle

    def _set(handle: int, due: float) -> None:
        seconds = int(due)
        # struct itimerspec: no interval, then seconds and nanoseconds
        setting = (ctypes.c_long * 4)(0, 0, seconds, int((due - seconds) * 1e9))
        if _libc().timerfd_settime(handle, _ABSOLUTE, setting, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    @cache
    def _libc() -> ctypes.CDLL:
        return ctypes.CDLL(None, use_errno=True)

    _ABSOLUTE = 1  # TFD_TIMER_ABSTIME
    _FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
