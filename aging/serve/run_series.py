"""The rows of one run, read once and reduced: an envelope per indicator, counts and latencies of its requests."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard, get_args

import numpy as np

from aging.core.metrics import PRIMARY
from aging.core.records import TREE, Failure, is_process_entity
from aging.findings.latencies import time_to_first_token
from aging.report.charts.chart import Floats
from aging.report.present_rate import PresentRate
from aging.report.progress import TTFT_BASE, Course
from aging.serve.cells import Counts, Envelope, Quantiles

MOST_SECONDS = 1e12
"""Beyond thirty thousand years is no time of a campaign."""

MOST_INDICATORS = 250
"""Of a run, each with 16 KB; further ones are counted and not kept."""

RECENT_SECONDS = 30.0
"""Of the latencies and rates "now"."""

_MOST_RECENT = 5000
_FAILURES = frozenset(get_args(Failure))
_NUMBERS = frozenset((int, float))
_MOST = 1e300
_WHOLE = frozenset((TREE, "engine"))
_NO_METRIC = frozenset(
    ("wall", "mono", "generation", "entity", "late", "missed", "missing", "pids", "parent", "command", "described")
)


def series_name(metric: str, entity: str) -> str | None:
    """``process_fds``; of a part of the deployment ``process_fds tree/prefill``; None of single processes."""
    if entity in _WHOLE:
        return metric
    return None if is_process_entity(entity) else f"{metric} {entity}"


def failure_kind(kind: object) -> str:
    """A kind of error; ``unknown`` for one that an earlier release did not record."""
    return kind if isinstance(kind, str) and kind in _FAILURES else "unknown"


def _is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number, and not a truth."""
    return type(value) in _NUMBERS and -_MOST < value < _MOST  # type: ignore[operator]


def _is_time(value: object) -> TypeGuard[float]:
    """Whether it can be a time of a campaign."""
    return type(value) in _NUMBERS and -MOST_SECONDS < value < MOST_SECONDS  # type: ignore[operator]


class RunSeries:
    """Everything that is kept of one run; times are those of the campaign. ``start`` is its first row's."""

    def __init__(self) -> None:
        self.start: float | None = None
        self.seen_until: float | None = None
        self.indicators: dict[str, Envelope] = {}
        self.left_out = 0
        """Indicators beyond the most that are kept."""
        self.ttft: Quantiles | None = None
        self.outcomes: Counts | None = None
        self.requests: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.course = Course()
        self._recent: deque[tuple[float, float | None]] = deque(maxlen=_MOST_RECENT)
        self._before: dict[str, tuple[float, float, int | None]] = {}
        self._refused: set[str] = set()

    def add_samples(self, rows: Iterable[Mapping[str, Any]], load_start: float | None) -> None:
        """Rows of a sampler, in order of time."""
        for row in rows:
            t, entity, generation = row.get("mono"), row.get("entity", TREE), row.get("generation")
            if not _is_time(t) or not isinstance(entity, str):
                continue
            if entity == TREE and _is_number(row.get(PRIMARY)):
                self.course.begin(generation)
                self.course.add(row[PRIMARY], t, load_start)
            self._seen(t, sampled=entity == TREE)
            for metric, value in row.items():
                if metric not in _NO_METRIC and _is_number(value):
                    self._add(metric, entity, t, value, generation)

    def add_requests(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Request records, in the order of their ends."""
        times, latencies = [], []
        for row in rows:
            finished, status = row.get("finished"), row.get("status", "error")
            if not _is_time(finished) or status not in Counts.KINDS:
                continue
            timed = _is_time(row.get(TTFT_BASE)) and _is_time(row.get("first_token"))
            ttft = time_to_first_token(row, TTFT_BASE) if timed else None
            self._seen(finished, sampled=False)
            self.requests[status] += 1
            if status == "error":
                self.failures[failure_kind(row.get("failure"))] += 1
            self._outcomes(finished).add(finished, status)
            self._recent.append((finished, ttft))
            if ttft is not None:
                times.append(float(finished))
                latencies.append(ttft)
        self._latencies(np.asarray(times), np.asarray(latencies))

    def add_columns(self, t: Floats, entity: str, generations: Floats, columns: Mapping[str, Floats]) -> None:
        """An hour of samples of one entity, NaN where a value is missing; a counter becomes its rate, as row by row."""
        self._seen(float(t[0]), sampled=False)
        self._seen(float(t[-1]), sampled=entity == TREE)
        for metric, values in columns.items():
            name = series_name(metric, entity)
            known = np.abs(values) < _MOST
            if name is None or not known.any() or (envelope := self._envelope(name)) is None:
                continue
            times, kept, of = t[known], values[known], generations[known]
            last = (float(times[-1]), float(kept[-1]), int(of[-1]))
            if metric.endswith("_total"):
                if (before := self._before.get(name)) is not None:
                    times, kept = np.append(before[0], times), np.append(before[1], kept)
                    of = np.append(before[2] or 0, of)
                rising = (np.diff(times) > 0) & (np.diff(kept) >= 0) & (np.diff(of) == 0)
                self._before[name] = last
                times, kept = times[1:][rising], (np.diff(kept)[rising] / np.diff(times)[rising])
            envelope.add_many(times, kept)

    def add_outcomes(self, finished: Floats, status: str, failures: Mapping[str, int]) -> None:
        """An hour of requests that ended alike."""
        self._seen(float(finished.min()), sampled=False)
        self.requests[status] += int(finished.size)
        self.failures.update(failures)
        self._outcomes(float(finished.min())).add_many(finished, status)

    def add_latencies(self, finished: Floats, ttft: Floats) -> None:
        """Times to first token of an hour of requests."""
        self._latencies(finished, ttft)

    def recent_ttft(self, *shares: float) -> tuple[float | None, ...]:
        """Quantiles of the time to first token of the last half minute."""
        self._forget()
        found = sorted(ttft for _, ttft in self._recent if ttft is not None)
        if not found:
            return tuple(None for _ in shares)
        return tuple(found[min(int(share * len(found)), len(found) - 1)] for share in shares)

    def recent_rate(self) -> float | None:
        """Requests per second of the last half minute; None before any."""
        self._forget()
        return len(self._recent) / RECENT_SECONDS if self._recent else None

    def rate(self, load_start: float | None) -> PresentRate | None:
        """The present rate of memory, per second."""
        return self.course.rate(load_start)

    def packed(self) -> dict[str, Any]:
        """All of it but the last half minute, as JSON."""
        return {
            "start": self.start,
            "seen_until": self.seen_until,
            "left_out": self.left_out,
            "indicators": {name: one.packed() | {"last": one.last} for name, one in self.indicators.items()},
            "ttft": None if self.ttft is None else self.ttft.packed(),
            "outcomes": None if self.outcomes is None else self.outcomes.packed(),
            "requests": dict(self.requests),
            "failures": dict(self.failures),
            "course": self.course.packed(),
            "before": self._before,
        }

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> RunSeries:
        found = cls()
        found.start, found.seen_until, found.left_out = packed["start"], packed["seen_until"], packed["left_out"]
        for name, one in packed["indicators"].items():
            found.indicators[name] = Envelope.unpacked(one)
            found.indicators[name].last = one["last"]
        found.ttft = None if packed["ttft"] is None else Quantiles.unpacked(packed["ttft"])
        found.outcomes = None if packed["outcomes"] is None else Counts.unpacked(packed["outcomes"])
        found.requests.update(packed["requests"])
        found.failures.update(packed["failures"])
        found.course = Course.unpacked(packed["course"])
        found._before = {name: (one[0], one[1], one[2]) for name, one in packed["before"].items()}
        return found

    def _add(self, metric: str, entity: str, t: float, value: float, generation: int | None) -> None:
        name = metric if entity in _WHOLE else series_name(metric, entity)
        if name is None or (envelope := self._envelope(name)) is None:
            return
        if not metric.endswith("_total"):
            envelope.add(t, value)
            return
        before, self._before[name] = self._before.get(name), (t, value, generation)
        if before is not None and before[2] == generation and t > before[0] and value >= before[1]:
            envelope.add(t, (value - before[1]) / (t - before[0]))

    def _envelope(self, name: str) -> Envelope | None:
        found = self.indicators.get(name)
        if found is None:
            if name in self._refused:
                return None
            if len(self.indicators) >= MOST_INDICATORS:
                self.left_out += 1
                if len(self._refused) < MOST_INDICATORS:
                    self._refused.add(name)
                return None
            found = self.indicators[name] = Envelope(self.start or 0.0)
        return found

    def _outcomes(self, t: float) -> Counts:
        if self.outcomes is None:
            self.outcomes = Counts(t if self.start is None else self.start)
        return self.outcomes

    def _latencies(self, t: Floats, seconds: Floats) -> None:
        if t.size:
            if self.ttft is None:
                self.ttft = Quantiles(float(t.min()) if self.start is None else self.start)
            self.ttft.add_many(t, seconds)

    def _seen(self, t: float, *, sampled: bool) -> None:
        if self.start is None:
            self.start = t
        if sampled:
            self.seen_until = t

    def _forget(self) -> None:
        newest = max(self.seen_until or 0.0, self._recent[-1][0] if self._recent else 0.0)
        while self._recent and self._recent[0][0] < newest - RECENT_SECONDS:
            self._recent.popleft()
