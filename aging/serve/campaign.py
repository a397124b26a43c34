"""The campaign of a result directory, followed from its files alone: each row and event is read once."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aging.core.clock import Timeline
from aging.core.worker import WorkerError, call
from aging.report.progress import RunProgress, Snapshot, Tail, runner_alive
from aging.serve.history import READ, REQUESTS, sealed_hours, sources
from aging.serve.journal_log import JournalLog, RunKey
from aging.serve.run_series import RunSeries
from aging.store.layout import Layout
from aging.store.manifest_file import manifest_content
from aging.store.state import CampaignState, RunState

_NICENESS = 10
_HISTORY_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class About:
    """What the manifest says of a campaign."""

    name: str
    description: str
    deployments: Sequence[str]
    version: str

    @classmethod
    def of(cls, layout: Layout) -> About:
        """Raises ResultsError."""
        content = manifest_content(layout.manifest)
        campaign, listed = content["campaign"], content["deployments"]
        names = [one.get("name") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return cls(
            str(campaign["name"]),
            str(campaign.get("description") or ""),
            tuple(name for name in names if isinstance(name, str)),
            str(content.get("aging_version") or ""),
        )


class RunFollower:
    """One run: its sealed hours first, by a process of their own, then what is being written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.series = RunSeries()
        self.state = RunState()
        self._tails: dict[str, Tail] = {}
        self._until: Mapping[str, str] = {}
        self._listed: int | None = None
        self._attempts = 0
        self.history = self._sealed()
        """Sealed hours to read before the rows that are being written, the last one of each source."""
        self.unread = ""
        """Why the sealed hours are not in the series; empty where they are."""

    def job(self) -> dict[str, Any]:
        return {"run": str(self.folder), "load_start": self.state.load_start, "until": dict(self.history)}

    def take_history(self, packed: Mapping[str, Any]) -> None:
        """Use what was read; where another hour was sealed in that time, all of it is to be read again."""
        self._until, sealed = self.history, self._sealed()
        self._attempts += 1
        if sealed != self.history and self._attempts < _HISTORY_ATTEMPTS:
            self.history = sealed
            return
        self.series, self.history = RunSeries.unpacked(packed), {}

    def leave_history(self, why: str) -> None:
        """Go on without the sealed hours."""
        self._until, self.history, self.unread = self.history, {}, why

    def read(self) -> None:
        """Take the new rows."""
        if self.history:
            return
        for source in self._sources():
            rows = self._tails[source].new_rows()
            if source == REQUESTS:
                self.series.add_requests(rows)
            else:
                self.series.add_samples(rows, self.state.load_start)

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()

    def _sealed(self) -> Mapping[str, str]:
        hours = {source: sealed_hours(self.folder / source) for source in sources(self.folder)}
        return {source: names[-1] for source, names in hours.items() if names}

    def _sources(self) -> Sequence[str]:
        try:
            changed = os.stat(self.folder).st_mtime_ns
        except OSError:
            return list(self._tails)
        if changed != self._listed or time.time_ns() - changed < 2_000_000_000:
            self._listed = changed
            for source in sources(self.folder):
                if source not in self._tails:
                    self._tails[source] = Tail(self.folder / source, (), done=self._until.get(source, ""))
        return list(self._tails)


class Followed:
    """One result directory. Raises ResultsError or OSError where it cannot be opened."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.about = About.of(layout)
        self.journal = JournalLog(layout.journal)
        self.runs: dict[RunKey, RunFollower] = {}
        self._attempts: Mapping[RunKey, int] = {}
        self.state = CampaignState()
        self.gone = False
        """Whether the directory was deleted, or replaced by another one."""

    def close(self) -> None:
        self.journal.close()
        for run in self.runs.values():
            run.close()

    def read(self) -> bool:
        """Take what is new; whether the journal has new events."""
        self.gone = self.journal.replaced()
        news = self.journal.read()
        if news or not self.runs:
            self.state = self.journal.state
            self._follow(self.state)
        for run in self.runs.values():
            run.read()
        return news

    async def read_history(self) -> bool:
        """Read the sealed hours of the next run that has some, in a process of its own; whether there was one."""
        waiting = next((run for run in self.runs.values() if run.history), None)
        if waiting is None:
            return False
        try:
            waiting.take_history(await call(READ, waiting.job(), niceness=_NICENESS))
        except WorkerError as error:
            waiting.leave_history(str(error))
        return True

    def snapshot(self) -> Snapshot:
        """The campaign as of now, as the terminal shows it."""
        runs = [_progress(key, run) for key, run in self.runs.items()]
        seen = [run.series.seen_until for run in self.runs.values() if run.series.seen_until is not None]
        now = Timeline(self.state.shift).of(time.monotonic())
        return Snapshot(self.state, runs, max(seen, default=None), now, runner_alive(self.layout, self.state))

    def _follow(self, state: CampaignState) -> None:
        layout = replace(self.layout, attempts=state.attempts)
        for key, run in state.runs.items():
            if not _is_folder_name(key[0]):
                continue
            if key in self.runs and state.attempts.get(key) != self._attempts.get(key):
                self.runs.pop(key).close()
            if key not in self.runs:
                self.runs[key] = RunFollower(layout.run(*key))
            self.runs[key].state = run
        self._attempts = state.attempts


def _is_folder_name(name: str) -> bool:
    """Whether a deployment of the journal can be a folder of the directory, and not one elsewhere."""
    return name.isprintable() and "/" not in name and name not in ("", ".", "..")


def _progress(key: RunKey, run: RunFollower) -> RunProgress:
    series = run.series
    return RunProgress(
        deployment=key[0],
        replica=key[1],
        state=run.state,
        requests=dict(series.requests),
        ttft_seconds=series.recent_ttft(0.5)[0],
        memory=series.course.last,
        memory_at_start=series.course.first,
        memory_rate=series.rate(run.state.load_start),
        course=series.course.values,
    )
