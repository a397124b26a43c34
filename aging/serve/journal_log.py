"""The journal of a campaign as it grows: its state, its last events, and what is marked in the charts."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aging.report.charts.chart import MarkKind
from aging.store.events import DeploymentDied, DeploymentStarted, Event, OtherEvent, RejuvenationStarted, parsed
from aging.store.segments import parse_line, whole_lines
from aging.store.state import CampaignState, Fold

MOST_EVENTS = 100
MOST_MARKS = 60
"""Of a run: a chart with more is a wall."""

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

    @property
    def state(self) -> CampaignState:
        return self._fold.state

    def read(self) -> bool:
        """Take the new lines; whether there were any."""
        before = self.count
        for line in whole_lines(self._file):
            row = parse_line(line)
            event = None if row is None else parsed(row)
            if event is not None:
                self._take(event)
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

    def _take(self, event: Event) -> None:
        self._fold.add(event)
        self.events.append(event)
        self.count += 1
        self.unknown += isinstance(event, OtherEvent)
        kind = _MARKS.get(type(event))
        if kind is None or event.deployment is None:
            return
        run = (event.deployment, event.replica)
        self.deaths[run] += kind == "died"
        marks = self._marks.setdefault(run, deque(maxlen=MOST_MARKS))
        if kind == "restarted" and (not marks or marks[-1].kind == "rejuvenated"):
            return  # the first start, or part of a rejuvenation
        marks.append(RunMark(kind, event.stamp.mono))
