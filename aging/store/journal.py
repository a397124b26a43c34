"""The event journal: one fsynced JSON line per event; the campaign's state is the fold of its lines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from aging.core.clock import Timeline
from aging.core.errors import ResultsError
from aging.store.durable_lines import DurableLines
from aging.store.events import Event, parsed
from aging.store.segments import parse_line, whole_lines
from aging.store.state import CampaignState, Fold


class Journal:
    """The only writer of ``journal.jsonl``; an event is on the disk when :meth:`record` returns."""

    def __init__(self, path: Path, timeline: Timeline | None = None) -> None:
        self._timeline = timeline or Timeline()
        self._lines = DurableLines(path)

    def record(self, event: Event) -> Event:
        """Append one event, stamped now. Raises StorageError if the reserve is full, too."""
        event = replace(event, stamp=self._timeline.stamp())
        self._lines.append((json.dumps(event.line()) + "\n").encode())
        return event

    def close(self) -> None:
        self._lines.close()


def read_journal(path: Path) -> tuple[Event, ...]:
    """Every complete line of a journal, oldest first; incomplete lines are skipped. Raises ResultsError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from None
    lines = content.splitlines(keepends=True)
    return tuple(event for line in lines if (event := _event(line)) is not None)


def _event(line: bytes) -> Event | None:
    row = parse_line(line)
    return None if row is None else parsed(row)


class JournalFollower:
    """The state of a campaign as its journal grows; each call of :meth:`state` reads only the new lines.

    A context manager: it keeps the journal open. A line that is still being written is left for the next call.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._fold = Fold()

    def __enter__(self) -> JournalFollower:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def state(self) -> CampaignState:
        """The state after all complete lines so far. Raises OSError if the journal cannot be read."""
        for line in whole_lines(self._file):
            if (event := _event(line)) is not None:
                self._fold.add(event)
        return self._fold.state
