"""Alarms: told when a trouble begins and when it is over, not every second between."""

from __future__ import annotations

from collections.abc import Mapping

from aging.store.events import Journalize, Watchdog, WatchdogOver

Subject = tuple[str, int]
"""The run that is in trouble: deployment and replica."""


class Alarms:
    """Tells troubles of runs by ``tell``."""

    def __init__(self, tell: Journalize) -> None:
        self._tell = tell
        self._ringing: dict[Subject, set[str]] = {}

    def look(self, subject: Subject, troubles: Mapping[str, str]) -> None:
        """What is wrong now, in words by kind."""
        before, (deployment, replica) = self._ringing.get(subject, set()), subject
        for kind in troubles.keys() - before:
            message = troubles[kind]
            self._tell(Watchdog(deployment=deployment, replica=replica, trouble=kind, message=message))
        for kind in before - troubles.keys():
            self._tell(WatchdogOver(deployment=deployment, replica=replica, trouble=kind))
        self._ringing[subject] = set(troubles)
