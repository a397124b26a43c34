"""What a runtime offers to rejuvenate it without a restart, and how it is asked to stop.

These are descriptions; ``aging.runner.actions`` carries them out in a campaign, ``aging.guard`` beside a live server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aging.core.processes.stopping import GROUP_SIGTERM, MAIN_SIGTERM, MAIN_THEN_GROUP, StopStep

__all__ = ["GROUP_SIGTERM", "MAIN_SIGTERM", "MAIN_THEN_GROUP", "TRIM", "HttpCall", "Offer", "StopStep"]


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request to the server's own address; a status of 200 to 299 is success.

    ``says`` is text that the answer must contain, too, of a server that answers 200 to what it has refused.
    """

    path: str
    method: Literal["POST", "GET", "PUT", "DELETE"] = "POST"
    body: str = ""
    says: str = ""


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


TRIM = Offer(quiet=False, trims=True)
"""Of every deployment with `allocator_probe`: allocations wait while free pages go back, requests go on."""
