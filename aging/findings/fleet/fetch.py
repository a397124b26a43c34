"""Everything a scan asks of the server, read-only: which series there are, their values, starts and limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from aging.core.errors import AgingError
from aging.findings.fleet.answers import Kept
from aging.findings.fleet.catalogue import Catalogue, Entry, Limit
from aging.findings.fleet.questions import EVERYTHING, Part, Selector, any_of, parts, promql
from aging.findings.fleet.subjects import Floats, Joined, Labels, Line, lines
from aging.findings.fleet.unmatched import unmatched
from aging.tables.prometheus import Prometheus, PrometheusError, RangeSeries, Refusal, Window

AT_ONCE = 2
"""Queries that run at one time."""

_MOST_FAILURES = 12
"""Failed queries of one metric after which its others are not asked."""

Progress = Callable[[str, int, int], None]
"""What is being done, how many queries are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A query without an answer: the metric, how many series it costs, and why."""

    metric: str
    series: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a server has: a line a subject and metric, the limit of each (its name and value), and what failed.

    ``metrics`` are those that were asked for.
    """

    lines: tuple[Line, ...]
    limits: tuple[tuple[str, float] | None, ...]
    failures: tuple[Failure, ...]
    metrics: tuple[str, ...] = ()

    def reaches_back(self, window: Window) -> float:
        """The epoch second, less a step at most, of the first sample; the window's end where no line has one."""
        firsts = [int(np.argmax(np.isfinite(one.values))) for one in self.lines]
        return window.start + window.step * (min(firsts) - 1) if firsts else window.end


@dataclass(frozen=True, slots=True)
class _Question:
    entry: Entry
    part: Part
    query: str


class Fetch:
    """One scan of a server. Raises :class:`PrometheusError` where no other query can succeed either."""

    def __init__(self, server: Prometheus, kept: Kept, selectors: Sequence[Selector], progress: Progress) -> None:
        self._server, self._kept, self._progress = server, kept, progress
        self._selectors = tuple(selectors) or (EVERYTHING,)
        self._failures: list[Failure] = []
        self._every: dict[str, float | None] = {}

    def fleet(self, known: Catalogue) -> Fleet:
        """Ask for everything that the catalogue knows."""
        window = self._kept.window
        self._progress("metrics", 0, 0)
        names = self._names()
        everything = names | frozenset(self._other_names())
        entries = [one for one in known.of(sorted(everything)) if one.stored in names]
        starts = [
            Entry(metric, "start", start="") for metric in sorted({one.start for one in entries} & everything - {""})
        ]
        answers = self._answers([*starts, *entries])
        shown = {
            one.metric: Joined([(series.labels, series.values) for series in answers.get(one, ())]) for one in starts
        }
        nothing: Joined[Floats] = Joined()
        found = [
            line
            for entry in entries
            for line in lines(entry, answers.get(entry, ()), window, shown.get(entry.start, nothing))
        ]
        limits, metrics = self._limits(found, everything), tuple(one.stored for one in entries)
        return Fleet(tuple(found), limits, tuple(self._failures), metrics)

    def _names(self) -> frozenset[str]:
        """The metrics that are selected. Raises :class:`AgingError` where no series is."""
        window = self._kept.window.until_now
        chosen = [one for one in self._selectors if one != EVERYTHING]
        found = {one: self._server.names([str(one)], window) for one in chosen}
        if chosen and not any(found.values()):
            raise AgingError(unmatched(self._server, chosen, self._kept.window))
        self._failures += [Failure(str(one), 0, "matches no series") for one, names in found.items() if not names]
        return frozenset(name for names in found.values() for name in names) or frozenset(
            self._server.names([], window)
        )

    def _other_names(self) -> Sequence[str]:
        """Start times and limits may carry other labels than a selector asks for."""
        return [] if EVERYTHING in self._selectors else self._server.names([], self._kept.window.until_now)

    def _answers(self, entries: Sequence[Entry]) -> dict[Entry, list[RangeSeries]]:
        questions = [question for entry in entries for question in self._questions(entry)]
        answers: dict[Entry, list[RangeSeries]] = {entry: [] for entry in entries}
        done = 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            # A metric at a time: the failures of one do not cost another.
            for entry, asked in groupby(questions, key=lambda one: one.entry):
                batch = list(asked)
                for answer in pool.map(self._ask, batch):
                    answers[entry] += answer
                    done += 1
                    self._progress(entry.metric, done, len(questions))
        return {entry: _distinct(found) for entry, found in answers.items()}

    def _questions(self, entry: Entry) -> list[_Question]:
        window = self._kept.window
        selectors = self._selectors if entry.resource != "start" else (EVERYTHING,)
        found = []
        for matchers in any_of(selectors, entry):
            selector = Part(matchers).selector(entry.stored)
            try:
                labels = self._server.series(selector, window.until_now)
            except PrometheusError as error:
                self._failed(entry, Part(), error)
                continue
            if entry.kind == "quantile":
                labels = [one for one in labels if one.get("le") == "+Inf"]
            for part in parts(matchers, labels, window.points):
                found.append(_Question(entry, part, self._promql(entry, part, selector)))
        return found

    def _promql(self, entry: Entry, part: Part, selector: str) -> str:
        if entry.kind != "gauge" and entry.stored not in self._every:
            self._every[entry.stored] = self._server.scraped_every(selector, self._kept.window.end)
        return promql(entry, part, self._kept.window.step, self._every.get(entry.stored))

    def _ask(self, question: _Question) -> list[RangeSeries]:
        """The answer of one question; of a part that fails, those of its halves."""
        held = self._kept.get(question.query)
        if held is not None:
            return held
        if sum(one.metric == question.entry.metric for one in self._failures) >= _MOST_FAILURES:
            self._failures.append(Failure(question.entry.metric, question.part.series, "not asked after others failed"))
            return []
        try:
            answer = self._server.range(question.query, self._kept.window)
        except PrometheusError as error:
            halves = () if error.final or error.refusal is Refusal.BAD_QUERY else question.part.halves()
            if not halves:
                self._failed(question.entry, question.part, error)
                return []
            selector = question.part.selector(question.entry.stored)
            return [
                one
                for half in halves
                for one in self._ask(_Question(question.entry, half, self._promql(question.entry, half, selector)))
            ]
        self._kept.put(question.query, answer)
        return answer

    def _failed(self, entry: Entry, part: Part, error: PrometheusError) -> None:
        if error.final:
            raise error
        self._failures.append(Failure(entry.metric, part.series, str(error)))

    def _limits(self, found: Sequence[Line], names: frozenset[str]) -> tuple[tuple[str, float] | None, ...]:
        tables: dict[Limit, Joined[float]] = {}
        return tuple(self._limit(line, names, tables) for line in found)

    def _limit(self, line: Line, names: frozenset[str], tables: dict[Limit, Joined[float]]) -> tuple[str, float] | None:
        for limit in line.entry.limits:
            if limit.value is not None:
                return limit.name, limit.value
            if not names.issuperset(limit.metrics):
                continue
            if limit not in tables:
                tables[limit] = self._table(limit)
            value = tables[limit].of(line.labels)
            if value is not None:
                return limit.name, value
        return None

    def _table(self, limit: Limit) -> Joined[float]:
        """The limit's values by their labels; one of 0, or beyond what memory can hold, is none."""
        sums: dict[str, tuple[Labels, float]] = {}
        for metric in limit.metrics:
            self._progress(metric, 0, 0)
            query = f"{metric}{{{limit.where}}}" if limit.where else metric
            try:
                answer = self._server.instant(query, self._kept.window.end)
            except PrometheusError as error:
                if error.final:
                    raise
                self._failures.append(Failure(metric, 0, str(error)))
                return Joined()
            for one in answer:
                labels = {name: value for name, value in one.labels.items() if name != "__name__"}
                key = json.dumps(sorted(labels.items()))
                sums[key] = labels, sums.get(key, (labels, 0.0))[1] + one.value * limit.factor
        usable = [(labels, value) for labels, value in sums.values() if 0 < value < _UNLIMITED]
        return Joined(usable, limit.on)


_UNLIMITED = 2.0**60


def _distinct(answers: Iterable[RangeSeries]) -> list[RangeSeries]:
    """Each series once, though several selectors name it."""
    found: dict[tuple[tuple[str, str], ...], RangeSeries] = {}
    for one in answers:
        found.setdefault(tuple(sorted(one.labels.items())), one)
    return list(found.values())
