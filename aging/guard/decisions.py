"""The journal of a guard, `decisions.jsonl`: what was decided and done, in JSON lines of bounded size.

Its lines are those of a campaign's journal (:mod:`aging.store.events`), each on the disk when :meth:`record` returns.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from aging.core.clock import Stamp
from aging.core.errors import writing
from aging.rejuvenation.governor import Past, Rules
from aging.rejuvenation.past import past_of
from aging.store.events import Event, parsed
from aging.store.segments import LineFile, parse_line

DECISIONS, EARLIER = "decisions.jsonl", "decisions.1.jsonl"
MOST_BYTES = 1 << 20
"""A file that is larger becomes the earlier one, which is replaced: both together hold some thousand decisions."""


class DecisionJournal:
    """The only writer of the journal in ``folder``. Raises StorageError where the disk refuses a line."""

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self._path, self._earlier, self._most = folder / DECISIONS, folder / EARLIER, most
        self._file = LineFile(self._path)

    def record(self, event: Event, stamp: Stamp) -> None:
        """Append one event, at ``stamp`` of the guard's clock."""
        if self._path.stat().st_size >= self._most:
            self._file.close()
            with writing(self._earlier):
                os.replace(self._path, self._earlier)
            self._file = LineFile(self._path)
        line = replace(event, stamp=stamp).line()
        line.pop("replica", None)  # of campaigns
        self._file.append((json.dumps(line) + "\n").encode())
        self._file.sync()

    def close(self) -> None:
        self._file.close()


def past_of_journal(folder: Path, target: str, rules: Rules, now: Stamp) -> Past:
    """What the journal says of the rejuvenations of ``target``, for a guard whose state is lost.

    Its times are put on the clock of ``now`` by the wall clock.
    """
    events = [one for row in read_decisions(folder) if (one := parsed(row)) is not None]
    moved = [replace(one, stamp=Stamp(one.stamp.wall, now.mono - (now.wall - one.stamp.wall))) for one in events]
    return past_of(moved, now.mono, lambda _: rules).get(target, Past())


def read_decisions(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the journal, the oldest first; an incomplete last line of a killed guard is left out."""
    for name in (EARLIER, DECISIONS):
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        for line in content.splitlines(keepends=True):
            if (row := parse_line(line)) is not None:
                yield row
