"""What a runtime offers to rejuvenate it without a restart, and how it is asked to stop.

These are descriptions; ``aging.runner.actions`` carries them out in a campaign, ``aging.guard`` beside a live server.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request to the server's own address; any status of 200 to 299 is success."""

    path: str
    method: Literal["POST", "GET", "PUT", "DELETE"] = "POST"
    body: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """An action of a runtime: its ``calls`` in order.

    ``quiet``: arrivals are held and requests in flight have finished before the first call. ``trims``: the allocator
    probe of the server's processes is asked to return free memory instead (``malloc_trim``). ``undo`` are the calls
    that bring the server back where one of ``calls`` fails.
    """

    calls: tuple[HttpCall, ...] = ()
    quiet: bool = True
    trims: bool = False
    undo: tuple[HttpCall, ...] = ()


@dataclass(frozen=True, slots=True)
class StopStep:
    """One rung of the ladder that ends a server: a signal, to its main process or to its whole group, and a wait.

    ``share`` is the part of `stop_timeout` that is waited before the next rung. SIGKILL to the group follows the last.
    """

    signal: signal.Signals = signal.SIGTERM
    to: Literal["main", "group"] = "group"
    share: float = 1.0


GROUP_SIGTERM = (StopStep(),)
"""SIGTERM to every process of the group."""

MAIN_SIGTERM = (StopStep(to="main"),)
"""SIGTERM to the main process alone, for a runtime that drains by itself and whose workers must go on meanwhile."""
