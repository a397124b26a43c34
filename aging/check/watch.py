"""Early looks: a running campaign is judged at planned times, and ended as soon as the gate is decided.

The looks share the errors of the gate (:mod:`aging.stats.rate_test`). Each is computed in a process of its own, for
nothing of the analysis is to run in the process that measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aging.check.gate import Gate
from aging.core.worker import WorkerError, call
from aging.store.events import Journalize, LookFailed
from aging.store.journal import JournalFollower
from aging.store.layout import Layout

_POLL_SECONDS = 1.0
_WRITTEN_AFTER_SECONDS = 0.5
"""The rows of an instant are written by then."""

_NICENESS = 5
"""A look gives way to the server, its load and the samplers."""

_LOOK = "aging.check.look:look"
"""By name: what it imports is never the runner's."""


class Watch:
    """The looks at one campaign. ``decided`` ends it, with the reason; ``tell`` shows what a look has found.

    ``record`` writes to the journal; a look that crashes is recorded there as ``look_failed`` and has judged nothing.
    """

    def __init__(
        self,
        gate: Gate,
        layout: Layout,
        decided: Callable[[str], None],
        record: Journalize,
        tell: Callable[[str], None],
    ) -> None:
        self._gate = gate
        self._layout = layout
        self._decided = decided
        self._record = record
        self._tell = tell
        self.answer: Mapping[str, Any] | None = None
        """The result of the look that ended the campaign, as JSON."""
        self.made: list[int] = []
        """The looks that judged, counted from 1."""

    async def run(self) -> None:
        """Look at each planned time before the end of the budget; return when a look has decided."""
        start = await self._start_of_load()
        times = self._gate.looks[:-1]
        for number, at in enumerate(times, start=1):
            due = start + at + _WRITTEN_AFTER_SECONDS
            if number < len(times) and time.monotonic() > start + times[number]:
                continue  # the one before took so long that the next is due
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            found = await self._look(number)
            if found is None:
                continue
            self.made.append(number)
            self._tell(found["line"])
            if found["stop"] is not None:
                self.answer = found["gate"]
                self._decided(f"{found['stop']}: {found['line']}")
                return

    async def _look(self, number: int) -> Mapping[str, Any] | None:
        job = {"root": str(self._layout.root), "gate": self._gate.as_json(), "look": number}
        try:
            found: Mapping[str, Any] = await call(_LOOK, job, niceness=_NICENESS)
        except WorkerError as error:
            failed = LookFailed(look=number, looks=len(self._gate.looks), exit=error.status, log=list(error.lines))
            self._record(failed)
            self._tell(f"look {number} of {len(self._gate.looks)} crashed and judged nothing: {error}")
            return None
        return found

    async def _start_of_load(self) -> float:
        with JournalFollower(self._layout.journal) as journal:
            while True:
                starts = [run.load_start for run in journal.state().runs.values() if run.load_start]
                if starts:
                    return min(starts)
                await asyncio.sleep(_POLL_SECONDS)
