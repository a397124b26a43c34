"""How a process group is asked to end: a ladder of signals, each with a wait."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal


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

MAIN_THEN_GROUP = (StopStep(to="main", share=0.8), StopStep(share=0.2))
"""SIGTERM to the main process, then to the group, for a main process that can hang while its workers would end."""
