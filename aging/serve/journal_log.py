"""The journal of a campaign as it grows: its state, its last events, and what is marked in the charts."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aging.report.charts.chart import MarkKind
from aging.serve.run_series import MOST_SECONDS
from aging.store.events import DeploymentDied, DeploymentStarted, Event, OtherEvent, RejuvenationStarted, parsed
from aging.store.segments import parse_line, whole_lines
from aging.store.state import CampaignState, Fold

MOST_EVENTS = 100
MOST_MARKS = 60
"""Of a run: a chart with more is a wall."""

_NUMBERS = ("load_start", "planned_seconds", "generation", "attempt", "pid", "shift", "at", "earlier")

RunKey = tuple[str, int]

_MARKS: dict[type[Event], MarkKind] = {
    DeploymentDied: "died",
    RejuvenationStarted: "rejuvenated",
    DeploymentStarted: "restarted",
}


@dataclass(frozen=True, slots=True)
class RunMark:
    """An event of a run, in the campaign's seconds."""

    kind: MarkKind
    mono: float


class JournalLog:
    """Follows ``journal.jsonl``; every :meth:`read` takes the new lines. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._fold = Fold()
        self._marks: dict[RunKey, deque[RunMark]] = {}
        self.events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self.count = 0
        self.deaths: Counter[RunKey] = Counter()
        self.unknown = 0
        """Lines of a kind that this release does not know."""
        self.unreadable = 0
        """Lines that are no events, or whose values are of other types than `aging` writes."""

    @property
    def state(self) -> CampaignState:
        return self._fold.state

    def read(self) -> bool:
        """Take the new lines; whether there were any."""
        before = self.count
        for line in whole_lines(self._file):
            row = parse_line(line)
            event = None if row is None else parsed(row)
            if event is None or not self._take(event):
                self.unreadable += 1
        return self.count != before

    def replaced(self) -> bool:
        """Whether the file is gone, or another one lies there."""
        try:
            there, mine = os.stat(self._path), os.fstat(self._file.fileno())
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino)

    def marks(self, run: RunKey) -> Sequence[RunMark]:
        return tuple(self._marks.get(run, ()))

    def close(self) -> None:
        self._file.close()

    def _take(self, event: Event) -> bool:
        if not _is_sound(event):
            return False
        try:
            self._fold.add(event)
        except (TypeError, ValueError, AttributeError):  # a list, a mapping or a pair that is none
            return False
        self.events.append(event)
        self.count += 1
        self.unknown += isinstance(event, OtherEvent)
        kind = _MARKS.get(type(event))
        if kind is None or event.deployment is None:
            return True
        run = (event.deployment, event.replica)
        self.deaths[run] += kind == "died"
        marks = self._marks.setdefault(run, deque(maxlen=MOST_MARKS))
        if kind == "restarted" and (not marks or marks[-1].kind == "rejuvenated"):
            return True  # the first start, or part of a rejuvenation
        marks.append(RunMark(kind, event.stamp.mono))
        return True


def _is_sound(event: Event) -> bool:
    """Whether the values that a state is made of are of the types that `aging` writes; others may be anything."""
    run = event.deployment is None or isinstance(event.deployment, str)
    if not run or type(event.replica) is not int or event.replica < 0:
        return False
    numbers = (event.stamp.wall, event.stamp.mono, *(getattr(event, name, None) for name in _NUMBERS))
    return all(one is None or (type(one) in (int, float) and abs(one) < MOST_SECONDS) for one in numbers)
