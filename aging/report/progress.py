"""Progress of a campaign, followed from its files alone; the live view and ``aging status`` use it."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO, Literal

from aging.core.clock import Timeline
from aging.core.metrics import PRIMARY
from aging.core.processes.ownership import identity
from aging.core.records import TREE
from aging.findings.latencies import time_to_first_token
from aging.report.present_rate import PresentRate, present_rate
from aging.store.journal import JournalFollower
from aging.store.layout import Layout
from aging.store.lock import owner_of, recorded_owner
from aging.store.segments import LIVE, SEALED, parse_line, whole_lines
from aging.store.state import CampaignState, RunState

_RECENT_SECONDS = 30.0
_COURSE_POINTS = 40
_SETTLED_NS = 1_000_000_000
_OF_REQUESTS = ("status", "streaming", "sent", "first_token", "finished")
TTFT_BASE: Literal["sent"] = "sent"
_OF_PROCESSES = ("mono", "entity", "generation", PRIMARY)


class Tail:
    """The rows of a segment folder that are new since the last call; of sealed hours only these ``columns``.

    Hours up to ``done`` are left out. An hour that is followed stays open until the next one has begun: it can be
    read to its end after it was sealed and its live file is gone.
    """

    def __init__(self, folder: Path, columns: Collection[str], done: str = "") -> None:
        self._folder = folder
        self._columns = columns
        self._followed: dict[str, BinaryIO] = {}
        self._done = done
        self._seen: set[str] = set()
        self._stood_since: int | None = None

    def new_rows(self) -> Iterator[dict[str, Any]]:
        """Whole rows not returned before, oldest first."""
        if self._changed():
            hours = [name for name in os.listdir(self._folder) if name.endswith((SEALED, LIVE)) and name[:1].isdigit()]
            self._seen = {name.removesuffix(SEALED).removesuffix(LIVE) for name in hours}
        names = sorted(name for name in {*self._seen, *self._followed} if name > self._done)
        for name in names:
            if name not in self._followed:
                try:
                    self._followed[name] = (self._folder / f"{name}{LIVE}").open("rb")
                except FileNotFoundError:
                    yield from _sealed_rows(self._folder / f"{name}{SEALED}", self._columns)
                    self._done = name
                    continue
            for line in whole_lines(self._followed[name]):
                if (row := parse_line(line)) is not None:
                    yield row
            if name < names[-1]:  # the writer has opened the next hour
                self._followed.pop(name).close()
                self._done = name

    def _changed(self) -> bool:
        """Whether the folder may hold names that it did not at the last call.

        Hundreds of hours need not be listed every second. A change less than a second before a call may have the same
        time stamp as one after it.
        """
        try:
            changed = os.stat(self._folder).st_mtime_ns
        except FileNotFoundError:  # nothing is written there yet
            return False
        now = time.time_ns()
        if changed == self._stood_since:
            return False
        self._stood_since = changed if now - changed > _SETTLED_NS else None
        return True

    def close(self) -> None:
        """Close the followed files."""
        for live in self._followed.values():
            live.close()


def _sealed_rows(sealed: Path, columns: Collection[str]) -> list[dict[str, Any]]:
    import pyarrow as pa  # noqa: PLC0415 - 80 MB that a campaign which is followed from its start never needs

    from aging.store.parquet import parquet  # noqa: PLC0415

    try:
        with parquet(sealed) as hour:
            known = [name for name in hour.schema_arrow.names if name in columns]
            rows: list[dict[str, Any]] = hour.read(known).to_pylist()
    except (pa.ArrowInvalid, OSError):  # gone or damaged: the analysis reports it
        return []
    return rows


@dataclass(frozen=True, slots=True)
class RunProgress:
    """One run as of now. ``memory`` is anonymous plus swap in bytes; ``course`` its thinned history in this generation.

    ``ttft_seconds`` is the median of the last half minute, since requests were sent.

    ``memory_rate`` is the present slope of that history, of what came after the start of the load or the watch.
    """

    deployment: str
    replica: int
    state: RunState
    requests: Mapping[str, int]
    ttft_seconds: float | None
    memory: float | None
    memory_at_start: float | None
    memory_rate: PresentRate | None
    course: Sequence[float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The campaign as of ``now``, on its timeline; ``seen_until`` is the time of the newest sample.

    ``runner_alive``: whether a runner process owns it.
    """

    state: CampaignState
    runs: Sequence[RunProgress]
    seen_until: float | None
    now: float
    runner_alive: bool


class Progress:
    """Follows a result directory; every :meth:`snapshot` reads only new rows and events.

    A context manager: it keeps the followed files open.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._journal = JournalFollower(layout.journal)
        self._runs: dict[tuple[str, int], _Follower] = {}
        self._attempts: Mapping[tuple[str, int], int] = {}

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()
        for follower in self._runs.values():
            follower.close()

    def snapshot(self) -> Snapshot:
        state = self._journal.state()
        layout = replace(self._layout, attempts=state.attempts)
        for key in state.runs:
            if key in self._runs and state.attempts.get(key) != self._attempts.get(key):
                self._runs.pop(key).close()
            if key not in self._runs:
                self._runs[key] = _Follower(layout, *key)
        self._attempts = state.attempts
        runs = [self._runs[key].progress(run) for key, run in state.runs.items()]
        seen = [follower.seen_until for follower in self._runs.values() if follower.seen_until is not None]
        now = Timeline(state.shift).of(time.monotonic())
        return Snapshot(state, runs, max(seen, default=None), now, runner_alive(self._layout, state))


def runner_alive(layout: Layout, state: CampaignState) -> bool:
    """Whether a runner process owns the directory."""
    if (owner := owner_of(layout.root)) is not None:
        return owner.role == "runner"
    # A directory of an earlier release has no lock.
    return recorded_owner(layout.root) is None and state.pid is not None and identity(state.pid) is not None


class Course:
    """The memory of one generation of a run, thinned to at most 40 points, and its present rate."""

    def __init__(self) -> None:
        self._memory: list[tuple[float, float]] = []
        self._stride = 1
        self._skipped = 0
        self._known_rate: tuple[object, PresentRate | None] = (None, None)
        self._generation: int | None = None
        self.first: float | None = None
        """The first value since the load began."""
        self.last: float | None = None

    @property
    def values(self) -> Sequence[float]:
        return tuple(memory for _, memory in self._memory)

    def begin(self, generation: int | None) -> None:
        """Forget the memory of an earlier generation: it was that of another process."""
        if generation != self._generation:
            self._generation, self.first, self._memory = generation, None, []
            self._stride, self._skipped = 1, 0

    def add(self, memory: float, mono: float, load_start: float | None) -> None:
        self.last = memory
        if self.first is None and load_start is not None and mono >= load_start:
            self.first = memory
        self._skipped += 1
        if self._skipped >= self._stride:
            self._skipped = 0
            self._memory.append((mono, memory))
        if len(self._memory) > _COURSE_POINTS:  # halve the history, double the stride: bounded for any length
            self._memory = self._memory[::2]
            self._stride *= 2

    def packed(self) -> dict[str, Any]:
        """All of it as JSON."""
        known = {"memory": self._memory, "stride": self._stride, "skipped": self._skipped}
        return {**known, "generation": self._generation, "first": self.first, "last": self.last}

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> Course:
        found = cls()
        found._memory = [(t, memory) for t, memory in packed["memory"]]
        found._stride, found._skipped = packed["stride"], packed["skipped"]
        found._generation, found.first, found.last = packed["generation"], packed["first"], packed["last"]
        return found

    def rate(self, load_start: float | None) -> PresentRate | None:
        """Computed again when there is another point, which is rarer the longer the history is."""
        of = (load_start, self._memory[-1] if self._memory else None, len(self._memory))
        if self._known_rate[0] != of:
            since = [point for point in self._memory if load_start is not None and point[0] >= load_start]
            self._known_rate = (of, present_rate(since))
        return self._known_rate[1]


class _Follower:
    """The rows of one run read so far, reduced."""

    def __init__(self, layout: Layout, deployment: str, replica: int) -> None:
        self._deployment, self._replica = deployment, replica
        self._requests = Tail(layout.source(deployment, "requests", replica), _OF_REQUESTS)
        self._process = Tail(layout.source(deployment, "process", replica), _OF_PROCESSES)
        self._counts: Counter[str] = Counter()
        self._ttft: deque[tuple[float, float]] = deque()
        self._course = Course()
        self.seen_until: float | None = None

    def close(self) -> None:
        for tail in (self._requests, self._process):
            tail.close()

    def progress(self, run: RunState) -> RunProgress:
        for row in self._requests.new_rows():
            self._counts[row.get("status", "error")] += 1
            if (ttft := time_to_first_token(row, TTFT_BASE)) is not None:
                self._ttft.append((row["finished"], ttft))
        for row in self._process.new_rows():
            if row.get("entity", TREE) != TREE:  # a component of it
                continue
            self.seen_until = row.get("mono", self.seen_until)
            self._course.begin(row.get("generation"))
            if row.get(PRIMARY) is not None and self.seen_until is not None:
                self._course.add(row[PRIMARY], self.seen_until, run.load_start)
        while self._ttft and self.seen_until is not None and self._ttft[0][0] < self.seen_until - _RECENT_SECONDS:
            self._ttft.popleft()
        return RunProgress(
            deployment=self._deployment,
            replica=self._replica,
            state=run,
            requests=dict(self._counts),
            ttft_seconds=median(value for _, value in self._ttft) if self._ttft else None,
            memory=self._course.last,
            memory_at_start=self._course.first,
            memory_rate=self._course.rate(run.load_start),
            course=self._course.values,
        )
