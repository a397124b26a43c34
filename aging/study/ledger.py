"""The ledger of a study: one fsynced JSON line per event; the state of the study is the fold of its lines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any

from aging.core.errors import ResultsError
from aging.store.durable_lines import DurableLines
from aging.store.segments import parse_line
from aging.study.events import KINDS, HostSeen, StudyEvent
from aging.study.fleet import Gpu, HostFacts


class Ledger:
    """The only writer of ``ledger.jsonl``; an event is on the disk when :meth:`record` returns."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lines = DurableLines(path)

    def record(self, event: StudyEvent) -> StudyEvent:
        """Append one event, stamped now. Raises StorageError if the reserve is full, too."""
        event = replace(event, wall=self._clock())
        content = (json.dumps({"event": event.KIND} | asdict(event), separators=(",", ":")) + "\n").encode()
        self._lines.append(content)
        return event

    def close(self) -> None:
        self._lines.close()


def read_ledger(path: Path) -> tuple[StudyEvent, ...]:
    """Every complete line of a ledger, oldest first.

    Incomplete lines are left out, and so are those of a kind that this release does not know. Raises ResultsError.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from None
    rows = (parse_line(line) for line in content.splitlines(keepends=True))
    return tuple(event for row in rows if row is not None and (event := parsed(row)) is not None)


def parsed(row: Mapping[str, Any]) -> StudyEvent | None:
    """The event of a line; None for an unknown kind, or one without a key that its kind requires."""
    kind = KINDS.get(str(row.get("event")))
    if kind is None:
        return None
    given = _known(kind, row)
    if given is None:
        return None
    if kind is HostSeen:
        facts = _facts(given["facts"])
        if facts is None:
            return None
        given["facts"] = facts
    return kind(**given)


def _facts(row: object) -> HostFacts | None:
    given = _known(HostFacts, row) if isinstance(row, Mapping) else None
    if given is None or not isinstance(given["gpus"], list):
        return None
    gpus = [_known(Gpu, gpu) for gpu in given["gpus"] if isinstance(gpu, Mapping)]
    return HostFacts(**given | {"gpus": tuple(Gpu(**gpu) for gpu in gpus if gpu is not None)})


def _known(kind: type[Any], row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The keys of ``row`` that ``kind`` has; None if a required one is not there."""
    given: dict[str, Any] = {}
    for one in fields(kind):
        if one.name in row:
            given[one.name] = row[one.name]
        elif one.default is MISSING and one.default_factory is MISSING:
            return None
    return given
