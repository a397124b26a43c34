"""Alarms: an event when a trouble begins and when it ends, not every second between."""

from __future__ import annotations

from collections.abc import Mapping

from aging.store.events import Journalize, Watchdog, WatchdogOver

Subject = tuple[str, int]
"""A run: deployment and replica."""


class Alarms:
    """Journals the troubles of runs."""

    def __init__(self, record_event: Journalize) -> None:
        self._record_event = record_event
        self._ringing: dict[Subject, set[str]] = {}

    def look(self, subject: Subject, troubles: Mapping[str, str]) -> None:
        """Journal the changes: ``troubles`` are the current messages by kind."""
        before, (deployment, replica) = self._ringing.get(subject, set()), subject
        for kind in troubles.keys() - before:
            message = troubles[kind]
            self._record_event(Watchdog(deployment=deployment, replica=replica, trouble=kind, message=message))
        for kind in before - troubles.keys():
            self._record_event(WatchdogOver(deployment=deployment, replica=replica, trouble=kind))
        self._ringing[subject] = set(troubles)
