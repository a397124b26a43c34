"""The verdict so far: an analysis in a process of its own, as often as its budget allows, and once more at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from aging.core.format import readable_duration
from aging.core.openmetrics import Own
from aging.core.worker import WorkerError, call
from aging.report.progress import Snapshot
from aging.report.verdict_so_far import VerdictSoFar
from aging.serve.budget import Budget
from aging.store.layout import Layout

_JUDGE = "aging.report.preliminary:judge"
"""By name: what it imports is never this process's."""

_NICENESS = 10
_LEAST_FREE_BYTES = 2**30
_AGAIN_SECONDS = 60.0
"""After an analysis that failed."""


class Verdicts:
    """The last verdict on one campaign, and when the next one is due."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._budget = Budget()
        self._again = 0.0
        self.last: VerdictSoFar | None = None
        self.failure = ""
        self._final_of: object = None

    async def look(self, snapshot: Snapshot) -> bool:
        """Compute a verdict if one is due; whether it did."""
        now = time.monotonic()
        if now < self._again or snapshot.state.started is None:
            return False
        ended = self._ended(snapshot)
        if ended is not None:
            if self._final_of == ended:
                return False
        elif self._wait(snapshot) > 0 or _free_bytes() < _LEAST_FREE_BYTES:
            return False
        before = Own.now().cpu_seconds
        try:
            found: Mapping[str, Any] = await call(_JUDGE, {"root": str(self._layout.root)}, niceness=_NICENESS)
        except WorkerError as error:
            self.failure, self._again = str(error), time.monotonic() + _AGAIN_SECONDS
            self._final_of = ended  # the same files would fail alike
        else:
            self.last, self.failure, self._final_of = VerdictSoFar.of_json(found), "", ended
        self._budget.spent(now, measured_seconds(snapshot), Own.now().cpu_seconds - before)
        return True

    def due(self, snapshot: Snapshot) -> str:
        """When the next verdict is computed, in words."""
        if self.failure:
            return f"The analysis failed: {self.failure}."
        if snapshot.state.ended is not None or not snapshot.runner_alive:
            return self._due_of_ended(snapshot)
        if _free_bytes() < _LEAST_FREE_BYTES:
            return "The next one waits: less than 1 GiB of memory is free on this host."
        if not any(run.state.load_start is not None for run in snapshot.runs):
            return "The load has not begun."
        what = "The first one" if self.last is None else "The next one"
        wait, left = max(self._wait(snapshot), 0.0), load_left(snapshot)
        if left is not None and left < wait:
            return f"{what} is computed when the campaign has ended; its load ends in about {readable_duration(left)}."
        return f"{what} is computed in about {readable_duration(wait)}: analyses take at most half a percent of a core."

    def _due_of_ended(self, snapshot: Snapshot) -> str:
        if snapshot.state.ended is None:  # its runner was killed
            return "" if self._final_of == self._ended(snapshot) else "What the campaign has measured is being judged."
        if snapshot.runner_alive:
            return "The campaign has ended; its analysis is under way."
        read = self.last is not None and self.last.final
        return "" if read else "The campaign has ended; its findings are being read."

    def _wait(self, snapshot: Snapshot) -> float:
        return self._budget.wait(time.monotonic(), measured_seconds(snapshot))

    def _ended(self, snapshot: Snapshot) -> object:
        """What the final verdict would be of: the findings of a campaign that has ended, or all that is left of one.

        None while a process runs or analyzes it.
        """
        if snapshot.runner_alive:
            return None
        try:
            written = self._layout.findings.stat().st_mtime_ns
        except OSError:
            written = 0
        return (snapshot.state.last, written)


def measured_seconds(snapshot: Snapshot) -> float:
    """The longest load of a run so far."""
    ends = (
        (run.state.load_end if run.state.load_end is not None else snapshot.now) - run.state.load_start
        for run in snapshot.runs
        if run.state.load_start is not None
    )
    return max(ends, default=0.0)


def load_left(snapshot: Snapshot) -> float | None:
    """Seconds until the load of the campaign ends; None where that is not known, or further rounds follow."""
    runs = [run.state for run in snapshot.runs if run.state.load_end is None]
    ends = [run.planned_end for run in runs if run.planned_end is not None]
    longest = max((run.planned_seconds or 0.0 for run in runs), default=0.0)
    if not ends or (snapshot.state.planned_seconds or 0.0) > longest:
        return None
    return max(max(ends) - snapshot.now, 0.0)


def _free_bytes() -> float:
    """Memory that is available on this host."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return float(line.split()[1]) * 1024
    except OSError:
        pass
    return float("inf")
