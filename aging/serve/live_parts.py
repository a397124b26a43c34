"""Makes the parts of the page from what has been read; only those whose sources have changed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from aging.report.charts.chart import Chart
from aging.report.charts.encoding import encoded
from aging.report.phases import run_title
from aging.report.progress import Snapshot
from aging.serve import page
from aging.serve.campaign import Followed
from aging.serve.charts import run_charts, span_of
from aging.serve.journal_log import RunKey
from aging.serve.logs import LogFollower
from aging.serve.page import Notice
from aging.serve.parts import Parts
from aging.serve.verdicts import Verdicts

_LEAST_SECONDS, _MOST_SECONDS, _STEPS = 4.0, 60.0, 240.0
"""Charts are sent again when their time has grown by a part of it, at least and at most after so many seconds."""

_STALE_SECONDS = 60.0


class LiveParts:
    """The parts of the page of one campaign."""

    def __init__(self, followed: Followed, verdicts: Verdicts, version: str) -> None:
        self._followed, self._verdicts, self._version = followed, verdicts, version
        self._charts: dict[RunKey, Sequence[Chart]] = {}
        self._drawn: dict[RunKey, float] = {}
        self._shown: object = None
        self._events = -1
        self._logs: dict[RunKey, LogFollower] = {}

    def make(self, parts: Parts, snapshot: Snapshot, damage: str) -> None:
        """Put what is to be seen now into ``parts``."""
        followed = self._followed
        parts.put("banner", page.banner([*self._notices(snapshot, damage)]))
        parts.put("progress", page.progress(followed.about, snapshot))
        parts.put("facts", page.facts(snapshot))
        parts.put("verdict", page.verdict(self._verdicts.last, self._verdicts.due(snapshot)))
        live = snapshot.state.ended is None
        rates = {key: run.series.recent_rate() if live else None for key, run in followed.runs.items()}
        parts.put("runs", page.runs(snapshot, rates))
        if followed.journal.count != self._events:
            self._events = followed.journal.count
            parts.put("events", page.events(tuple(followed.journal.events), self._events))
        report = followed.layout.report.is_file()
        parts.put("links", page.links(str(followed.layout.root), self._version, report=report))
        titles = [run_title(run) for run in snapshot.runs]
        self._make_series(parts, titles)
        self._make_logs(parts, titles)

    def draw_anew(self) -> None:
        """Every chart has changed."""
        self._drawn.clear()

    def _notices(self, snapshot: Snapshot, damage: str) -> Iterator[Notice]:
        followed, state = self._followed, snapshot.state
        if followed.gone:
            yield Notice(f"{followed.layout.root} no longer exists. What was read of it stays here.", "bad")
        if damage:
            yield Notice(damage, "bad")
        unended = state.ended is None and state.started is not None
        if unended and not snapshot.runner_alive and not followed.gone:
            yield Notice(
                "No process runs this campaign. To continue: aging resume. To judge it: aging analyze.", "warn"
            )
        age = None if snapshot.seen_until is None else snapshot.now - snapshot.seen_until
        if unended and snapshot.runner_alive and age is not None and age > _STALE_SECONDS and self._loading(snapshot):
            yield Notice(f"No sample for {age:.0f} s, although a server is under load.", "warn")
        reading = [key for key, run in followed.runs.items() if run.history]
        if reading:
            yield Notice(f"Reading the stored hours of {len(reading)} of {len(followed.runs)} runs …", "mute")
        for key, run in followed.runs.items():
            if run.unread:
                yield Notice(f"{key[0]}: its stored hours could not be read: {run.unread}", "warn")
        if followed.journal.unreadable:
            yield Notice(
                f"Lines of the journal that cannot be read and were left out: {followed.journal.unreadable}", "warn"
            )
        if followed.journal.unknown:
            yield Notice(
                f"{followed.journal.unknown} events are of kinds that this release does not know: another release of "
                "aging runs the campaign.",
                "warn",
            )

    @staticmethod
    def _loading(snapshot: Snapshot) -> bool:
        return any(run.state.load_start is not None and run.state.load_end is None for run in snapshot.runs)

    def _make_series(self, parts: Parts, titles: Sequence[str]) -> None:
        followed, now = self._followed, time.monotonic()
        for key in [key for key in self._charts if key not in followed.runs]:
            del self._charts[key]
        due = [key for key, run in followed.runs.items() if self._due(key, span_of(run), now)]
        for key in due:
            self._drawn[key] = now
            self._charts[key] = run_charts(key, followed.runs[key], followed.journal.marks(key))
        charts = [self._charts[key] for key in followed.runs]
        shown = (titles, [[chart.key for chart in of_run] for of_run in charts])
        anew = shown != self._shown
        if anew:
            self._shown = shown
            parts.put("series", page.series(titles, [[*map(_empty, of_run)] for of_run in charts]))
        for key in followed.runs if anew else due:
            for chart in self._charts[key]:
                parts.draw(chart.key, encoded(chart), anew=anew)
        for number, run in enumerate(followed.runs.values()):
            options = page.indicator_options(list(run.series.indicators), run.series.left_out)
            parts.put(f"indicator-{number}", options)

    def _due(self, key: RunKey, span: float, now: float) -> bool:
        pause = min(max(span / _STEPS, _LEAST_SECONDS), _MOST_SECONDS)
        return key not in self._drawn or now - self._drawn[key] >= pause

    def _make_logs(self, parts: Parts, titles: Sequence[str]) -> None:
        followed = self._followed
        layout = replace(followed.layout, attempts=followed.state.attempts)
        parts.put("logs", page.logs(titles))
        for number, (key, run) in enumerate(followed.runs.items()):
            log: Path = layout.log(key[0], max(run.state.generation, 1), key[1])
            found = self._logs.setdefault(key, LogFollower()).tail(log)
            parts.put(f"log-of-{number}", page.log_size(found))
            parts.put(f"log-{number}", page.log_text(found))


def _empty(chart: Chart) -> Chart:
    """A chart without its data, which follow."""
    return replace(chart, lines=(), bands=(), spans=(), marks=(), levels=())
