"""Virtual time: the clock jumps to the next timer when nothing is to be done, so that no host is too slow."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

START = 4999.0
"""The first monotonic time."""


class Clock(selectors.DefaultSelector):
    """The monotonic clock, and a selector that advances it where a real one would sleep."""

    now = START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or timeout == 0:
            return ready
        assert timeout is not None, "all wait for what never comes"
        self.now += timeout
        return ready


def run(main: Coroutine[Any, Any, T], clock: Clock | None = None) -> T:
    """Run a coroutine by a clock of its own, which ``time.monotonic`` tells, too."""
    clock = clock or Clock()
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(asyncio.SelectorEventLoop(clock)) as loop:
        patch.setattr(time, "monotonic", lambda: clock.now)
        return loop.run_until_complete(main)
