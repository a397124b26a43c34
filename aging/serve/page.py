"""The parts of the live page as HTML: every text is escaped, and without control characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template
from typing import Any

from markupsafe import Markup

from aging.core import format
from aging.core.format import readable_duration, utc
from aging.core.metrics import PRIMARY, is_engine_series
from aging.core.plain_text import one_line, shortened
from aging.core.sparkline import sparkline
from aging.report.charts.chart import Chart
from aging.report.html.figure import figure_element
from aging.report.phases import headline, run_phase, run_title
from aging.report.progress import TTFT_BASE, RunProgress, Snapshot
from aging.report.verdict_so_far import Judged, VerdictSoFar
from aging.serve.campaign import About
from aging.serve.logs import LogTail
from aging.store.events import Event

_MOST_DETAILS = 300
_MOST_NAME = 200
_MOST_PROBLEMS = 20
_NOTABLE = frozenset(("aging", "exhausted", "capped"))
_PLACE = Markup('<svg class="place" viewBox="0 0 540 262" role="img" aria-label="{}"></svg>')
_CHOOSE = '<option value="">choose an indicator …</option>'
_MARK = {"bad": "✗", "good": "✓", "warn": "!", "mute": "?"}


def text_of(text: object, most: int = _MOST_DETAILS) -> str:
    """Any text for the page."""
    return escape(shortened(one_line(str(text)), most))


def whole_page(about: About, serves: str) -> str:
    """The page without its changing parts; ``serves`` is what it is of, so that it notices another."""
    template = Template(resources.files("aging.serve").joinpath("static/live.html").read_text("utf-8"))
    lead = f'<p class="lead">{text_of(about.description)}</p>' if about.description else ""
    return template.substitute(name=text_of(about.name, _MOST_NAME), description=lead, serves=escape(serves))


def message_page(title: str, text: str) -> str:
    """A page that says why there is no other."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text_of(title)}</title>'
        f'<link rel="stylesheet" href="report.css"></head><body><header><h1>{text_of(title)}</h1>'
        f'<p class="lead">{text_of(text)}</p></header></body></html>'
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """A line over the page, and its color class."""

    text: str
    tone: str


def banner(notices: Sequence[Notice]) -> str:
    return "".join(f'<p class="banner {one.tone}">{text_of(one.text)}</p>' for one in notices)


def progress(about: About, snapshot: Snapshot) -> str:
    """What the campaign does, and how much of it is done."""
    state = snapshot.state
    line = headline(about.name, snapshot).removeprefix(f"{about.name} · ")
    if state.started is not None and state.ended is None and not snapshot.runner_alive:
        line = "abandoned"  # the banner says what to do
    text = f'<p class="progress">{text_of(line)}</p>'
    if state.started is None or not state.planned_seconds:
        return text
    until = state.ended.mono if state.ended else snapshot.now
    starts = [run.state.load_start for run in snapshot.runs if run.state.load_start is not None]
    if not starts:
        return text
    done = min(max((until - min(starts)) / state.planned_seconds, 0.0), 1.0)
    return (
        f'{text}<progress max="1" value="{done:.3f}" aria-label="Part of the planned load that has passed"></progress>'
    )


def facts(snapshot: Snapshot) -> str:
    """Numbers of the whole campaign."""
    state = snapshot.state
    known: dict[str, str] = {}
    if state.started is not None:
        known["Started"] = f"{utc(state.started.wall):%Y-%m-%d %H:%M:%S} UTC"
    if state.planned_seconds:
        known["Planned load"] = readable_duration(state.planned_seconds)
    known["Newest sample"] = format.NONE if snapshot.seen_until is None else _ago(snapshot)
    requests = sum(sum(run.requests.values()) for run in snapshot.runs)
    errors = sum(run.requests.get("error", 0) for run in snapshot.runs)
    if requests:
        known["Requests"] = f"{requests:,}"
        known["Errors"] = f"{errors:,}"
    return "".join(f"<div><dt>{text_of(name)}</dt><dd>{text_of(value)}</dd></div>" for name, value in known.items())


def _ago(snapshot: Snapshot) -> str:
    if snapshot.state.ended is not None or snapshot.seen_until is None:
        return "the campaign has ended"
    return f"{readable_duration(max(snapshot.now - snapshot.seen_until, 0.0))} ago"


def runs(snapshot: Snapshot, rates: Mapping[tuple[str, int], float | None]) -> str:
    """A row per run: what it does, its requests, its memory and the present rate of that."""
    if not snapshot.runs:
        return '<p class="empty">No server has been started yet.</p>'
    head = ("Deployment", "State", *(f"#{name}" for name in _NUMBERS), "Course")
    rows = (_run_row(run, snapshot.now, rates.get((run.deployment, run.replica))) for run in snapshot.runs)
    return _table("runs stacked", head, rows)


_NUMBERS = (
    *("Requests", "Per second", "Errors", "Dropped", f"TTFT since {TTFT_BASE}"),
    *("Memory", "Now per hour", "95 % interval"),
)


def _table(kind: str, head: Sequence[str], rows: Iterable[str]) -> str:
    """A table whose columns have these names; ``#`` begins the name of a column of numbers."""
    cells = "".join(
        f'<th scope="col"{_NUM if name.startswith("#") else ""}>{text_of(name.removeprefix("#"))}</th>' for name in head
    )
    body = "".join(f"<tr{row}</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>'


_NUM = ' class="num"'


def _run_row(run: RunProgress, now: float, rate: float | None) -> str:
    errors, dropped = run.requests.get("error", 0), run.requests.get("dropped", 0)
    slope = run.memory_rate
    hourly = (None,) * 3 if slope is None else tuple(3600 * one for one in (slope.per_second, slope.low, slope.high))
    shown, bounds = format.bounded(PRIMARY, hourly[0], None if slope is None else hourly[1:], "h")
    numbers = (
        f"{sum(run.requests.values()):,}",
        format.NONE if rate is None else f"{rate:.3g}",
        f"{errors:,}",
        f"{dropped:,}",
        format.level("_seconds", run.ttft_seconds),
        format.byte_size(run.memory),
        shown,
        bounds,
    )
    tone = " bad" if run.state.phase == "died" else ""
    cells = "".join(
        f'<td class="num" data-label="{text_of(name)}">{text_of(one)}</td>'
        for name, one in zip(_NUMBERS, numbers, strict=True)
    )
    course = sparkline(run.course, least_span=2**20)
    return (
        f'><th scope="row">{text_of(run_title(run), _MOST_NAME)}</th>'
        f'<td class="labelled{tone}" data-label="State">{text_of(run_phase(run, now))}</td>{cells}'
        f'<td class="spark" aria-hidden="true">{course}</td>'
    )


def verdict(found: VerdictSoFar | None, due: str) -> str:
    """The verdict with its uncertainty, when it was computed, and what would decide what is open."""
    if found is None:
        return f'<p class="headline mute">No verdict yet</p><p class="verdict-when">{text_of(due)}</p>'
    kind = "Final findings" if found.final else "Preliminary"
    text = f"{found.headline}" if found.final else f"Preliminary: {found.headline}"
    when = (
        f"{kind}, computed {utc(found.computed):%Y-%m-%d %H:%M:%S} UTC from {readable_duration(found.measured_seconds)}"
    )
    caution = "" if found.final else "Looked at again and again, a verdict may change: the one at the end counts. "
    shown = _shown(found.judged)
    rest = [one for one in found.judged if one not in shown]
    return "".join(
        (
            f'<p class="headline {found.tone}">{text_of(text)}</p>',
            f'<p class="verdict-when">{text_of(f"{when} of measurement. {caution}{due}")}</p>',
            _judged_table(shown),
            _rest(rest),
            f'<p class="note">{text_of(found.controls)}</p>' if found.controls else "",
            _problems(found.problems),
        )
    )


def _shown(judged: Sequence[Judged]) -> Sequence[Judged]:
    """Memory of every deployment; further indicators that age where memory does not, or that reach a limit."""
    memory = {one.deployment for one in judged if one.indicator == PRIMARY and _notable(one)}
    return [
        one
        for one in judged
        if one.indicator == PRIMARY or (_notable(one) and (one.deployment not in memory or one.answer == "exhausts"))
    ]


def _notable(one: Judged) -> bool:
    return one.verdict in _NOTABLE or (one.answer == "exhausts" and not is_engine_series(one.indicator))


def _judged_table(judged: Sequence[Judged]) -> str:
    head = (
        "Deployment",
        "Verdict",
        "#Current growth per hour",
        "#Smallest detectable",
        "Outlook and what would decide",
    )
    return _table("verdicts stacked", head, map(_judged_row, judged))


def _judged_row(one: Judged) -> str:
    limits = None if one.low_per_hour is None or one.high_per_hour is None else (one.low_per_hour, one.high_per_hour)
    rate, bounds = format.bounded(one.indicator, one.rate_per_hour, limits, "h")
    least = format.size(one.indicator, one.detectable_per_hour, "h")
    told = "".join(f'<span class="sub">{text_of(line)}</span>' for line in (one.outlook, *one.open) if line)
    return (
        f' class="{one.tone}"><th scope="row">{text_of(one.deployment, _MOST_NAME)}'
        f'<span class="sub">{text_of(one.indicator, _MOST_NAME)}</span></th>'
        '<td data-label="Verdict">'
        f'<span class="chip {one.tone}">{_MARK.get(one.tone, "?")} {text_of(one.verdict)}</span>'
        f'<span class="sub">{text_of(one.said)}</span></td>'
        f'<td class="num" data-label="Current growth per hour"><span class="main">{text_of(rate)}</span>'
        f'<span class="sub">{text_of(bounds)}</span></td>'
        f'<td class="num" data-label="Smallest detectable">{text_of(least)}</td><td>{told}</td>'
    )


def _rest(judged: Sequence[Judged]) -> str:
    if not judged:
        return ""
    counts = Counter(one.verdict for one in judged)
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    table = _table("findings", ("Deployment", "Indicator", "Verdict", "#Per hour"), map(_rest_row, judged))
    return (
        f"<details><summary>{len(judged)} further indicators: {text_of(said)}</summary>"
        f'<div class="wide" tabindex="0" role="region" aria-label="Further indicators">{table}</div></details>'
    )


def _rest_row(one: Judged) -> str:
    rate = format.slope(one.indicator, one.rate_per_hour, "h")
    return (
        f'><th scope="row">{text_of(one.deployment, _MOST_NAME)}</th><td>{text_of(one.indicator, _MOST_NAME)}</td>'
        f'<td>{text_of(one.verdict)}</td><td class="num">{text_of(rate)}</td>'
    )


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    items = "".join(f"<li>{text_of(one)}</li>" for one in problems[:_MOST_PROBLEMS])
    rest = len(problems) - _MOST_PROBLEMS
    more = "" if rest <= 0 else f'<p class="note">and {rest} more</p>'
    title = f"{len(problems)} problems recorded"
    return f'<details><summary>{title}</summary><ul class="problems">{items}</ul>{more}</details>'


def series(titles: Sequence[str], charts: Sequence[Sequence[Chart]]) -> str:
    """A group of figures per run, and the choice of a further indicator."""
    parts = []
    for number, (title, shown) in enumerate(zip(titles, charts, strict=True)):
        figures = "".join(figure(chart) for chart in shown)
        choice = (
            f'<p class="choice"><label for="indicator-{number}">Also show</label>'
            f'<select id="indicator-{number}" data-run="{number}">{_CHOOSE}</select></p><div id="more-{number}"></div>'
        )
        body = f'<div class="plots">{figures}</div>' if figures else '<p class="empty">No samples yet.</p>'
        parts.append(f'<div class="run"><h3>{text_of(title, _MOST_NAME)}</h3>{body}{choice}</div>')
    return "".join(parts) or '<p class="empty">No server has been started yet.</p>'


def figure(chart: Chart) -> str:
    """A chart for the script of the page; without scripts there is none."""
    return str(figure_element(chart, _PLACE.format(chart.label), note=Markup(" ").join(chart.notes) or None))


def indicator_options(names: Sequence[str], left_out: int) -> str:
    options = "".join(f'<option value="{escape(name)}">{text_of(name, _MOST_NAME)}</option>' for name in sorted(names))
    more = f'<option value="" disabled>and {left_out} more, which are stored only</option>' if left_out else ""
    return f"{_CHOOSE}{options}{more}"


def events(latest: Sequence[Event], count: int) -> str:
    """The last events, newest first."""
    if not latest:
        return '<p class="empty">The journal is empty.</p>'
    more = "" if count <= len(latest) else f'<p class="note">The last {len(latest)} of {count:,} events.</p>'
    return more + _table("events", ("UTC", "Event", "Deployment", "Details"), map(_event_row, reversed(latest)))


def _event_row(event: Event) -> str:
    try:
        when = f"{utc(event.stamp.wall):%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):  # a journal that was written by something else
        when = format.NONE
    details = " · ".join(_details(event))
    cells = (when, event.kind, event.deployment or format.NONE, details)
    return ">" + "".join(f"<td>{text_of(one)}</td>" for one in cells)


def _details(event: Event) -> Iterator[str]:
    for name, value in event.details.items():
        if value not in (None, "", [], {}) and not (name == "replica" and value == 1):
            yield f"{name} {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return shortened(" ".join(map(str, value)) if isinstance(value, list) else str(value), 120)


def logs(titles: Sequence[str]) -> str:
    """A place per run for the end of its server's log."""
    return "".join(_log(number, text_of(title, _MOST_NAME)) for number, title in enumerate(titles))


def _log(number: int, title: str) -> str:
    return (
        f'<details><summary>{title} <span class="sub" id="log-of-{number}"></span></summary>'
        f'<pre id="log-{number}" tabindex="0" role="region" aria-label="Log of {title}"></pre></details>'
    )


def links(root: str, version: str, *, report: bool) -> str:
    found = '<a href="report.html">Report of the analysis</a> · ' if report else ""
    made = f" · aging {text_of(version)}" if version else ""
    return f'{found}<a href="metrics">Metrics</a> · {text_of(root)}{made}'


def log_size(found: LogTail | None) -> str:
    return "no log" if found is None else f"{text_of(format.byte_size(found.size))}, its last lines"


def log_text(found: LogTail | None) -> str:
    """The last lines of a log, cleaned where they were read."""
    return "" if found is None else escape("\n".join(found.lines))
