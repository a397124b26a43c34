"""Alarms: told when a trouble begins and when it is over, not every second between."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Subject = tuple[str, int]
"""The run that is in trouble: deployment and replica."""


class Alarms:
    """Tells troubles of runs by ``tell(event, deployment, **details)``."""

    def __init__(self, record_event: Callable[..., object]) -> None:
        self._record_event = record_event
        self._ringing: dict[Subject, set[str]] = {}

    def look(self, subject: Subject, troubles: Mapping[str, str]) -> None:
        """What is wrong now, in words by kind."""
        before, (deployment, replica) = self._ringing.get(subject, set()), subject
        for kind in troubles.keys() - before:
            self._record_event("watchdog", deployment, replica=replica, trouble=kind, message=troubles[kind])
        for kind in before - troubles.keys():
            self._record_event("watchdog_over", deployment, replica=replica, trouble=kind)
        self._ringing[subject] = set(troubles)
