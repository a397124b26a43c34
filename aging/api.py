"""The public API: results, trends and campaigns from a notebook, a script or a test; docs/api.md has examples.

What a caller gives and it cannot use is an :class:`~aging.core.errors.InputError`: an AgingError and a ValueError.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd

import aging.stats.trend_tests
from aging.campaign.errors import suggestion
from aging.core import format
from aging.core.errors import AgingError, InconclusiveError, InputError, MistakesError, require
from aging.core.metrics import PRIMARY, indicators
from aging.core.plugins import discover
from aging.core.quantities import parse_duration, parse_size
from aging.core.records import HARNESS
from aging.findings.asked import AskedOfSeries, Falls, Limit
from aging.findings.current_findings import current_findings
from aging.findings.direction import Worse
from aging.findings.frames import events_frame, findings_frame, runs_frame, utc_times
from aging.findings.latencies import Base, latencies
from aging.findings.pandas_series import series_of_arrays, series_of_pandas
from aging.findings.series import Measured, Series, load_classes
from aging.findings.table_analysis import TableAnalysis, analyze_series
from aging.findings.types import Finding, Findings, Outlook
from aging.report import wording
from aging.report.outlook import sentence
from aging.stats.trend_tests.base import TrendTest
from aging.store.manifest import Manifest
from aging.store.results import Results as StoredResults
from aging.store.results import open_results as open_stored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aging.findings.rejuvenation.advice import Advice

__all__ = ["AgingError", "Results", "TrendResult", "analyze", "load_results", "open_results", "run", "trend"]

Span = str | float | timedelta
"""A length of time: text with its unit (``"90s"``), seconds, or a timedelta."""

_HOUR = 3600.0
_SINCE_LOAD, _SINCE_FIRST = "seconds_of_load", "seconds_since_first_row"


def load_results(path: str | os.PathLike[str]) -> Results:
    """Open a result directory, complete or of a campaign that still runs.

    What is read later may be newer, but deployments, runs and events are as they were at this moment: call it again to
    see a running campaign go on. Raises AgingError for a path that is no result directory.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise InputError(f"load_results: {path!r} is not a path; name a result directory")
    return Results(open_stored(Path(path)))


open_results = load_results
"""The former name of :func:`load_results`."""


def analyze(path: str | os.PathLike[str]) -> Results:
    """Rebuild ``findings.json`` and ``report.html`` of a result directory, as ``aging analyze`` does; its results."""
    from aging.app.analyze import derive  # noqa: PLC0415 - the report's libraries take half a second

    derive(open_stored(Path(path)).layout.root)
    return load_results(path)


def run(
    campaign: str | os.PathLike[str],
    *,
    duration: Span | None = None,
    scale: float | None = None,
    results: str | os.PathLike[str] = "results",
    quiet: bool = False,
) -> Results:
    """Run a campaign to its end, as ``aging run`` does, and return its results.

    ``campaign`` is a campaign file, or its text (anything with a line break). ``duration`` (``"3m"``, or seconds) and
    ``scale`` replace those of the file; ``results`` is the folder that the result directory is made in. What
    ``aging run`` prints goes to ``sys.stdout``, unless ``quiet``.

    The campaign runs in a process of its own, so that this works in a notebook, beside a running event loop and in a
    thread; the call returns when it has ended. An interrupt drains and analyzes it, and is raised again then; a second
    one ends it at once. Raises AgingError: CampaignError or PreflightError before anything is started,
    InconclusiveError for a campaign in which nothing could be measured or that a watchdog halted.
    """
    from aging.app.child_run import run_in_child  # noqa: PLC0415
    from aging.campaign.load import CampaignText, read_campaign  # noqa: PLC0415

    if isinstance(campaign, str) and "\n" in campaign:
        written = CampaignText(campaign, "campaign")
    elif isinstance(campaign, str | os.PathLike) and str(campaign):
        written = read_campaign(Path(campaign))
    else:
        raise InputError(f"campaign must be a campaign file or its text, not {campaign!r}")
    overrides = {"duration": duration if duration is None else _written(duration), "scale": scale}
    ran = run_in_child(written, Path(results), overrides, _ignore if quiet else _show)
    found = load_results(ran.root)
    if ran.outcome in ("FAILED", "HALTED"):
        reasons = zip(found.runs["deployment"], found.runs["reasons"], strict=True)
        why = ran.decided or "; ".join(f"{name}: {reason}" for name, reason in reasons if reason)
        raise InconclusiveError(f"{ran.root}: the campaign {ran.outcome.lower()}: {why}")
    return found


def _written(duration: Span) -> str:
    """A duration as a campaign file has it."""
    if isinstance(duration, str):
        return duration  # whose mistakes come with those of the file
    seconds = _seconds("duration", duration)
    return f"{seconds:f}s"


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _ignore(line: str) -> None:
    del line


@overload
def trend(
    series: pd.Series,
    /,
    *,
    load_start: Any = None,
    resample: Span | None = None,
    warmup: Span | None = None,
    limit: float | str | None = None,
    horizon: Span | None = None,
    worse: Worse | None = None,
    falls: Falls | None = None,
) -> TrendResult: ...
@overload
def trend(
    t: Any,
    y: Any,
    /,
    *,
    load_start: Any = None,
    resample: Span | None = None,
    warmup: Span | None = None,
    limit: float | str | None = None,
    horizon: Span | None = None,
    worse: Worse | None = None,
    falls: Falls | None = None,
) -> TrendResult: ...
def trend(  # noqa: PLR0913 - each is an option of `aging trend`
    first: Any,
    y: Any = None,
    /,
    *,
    load_start: Any = None,
    resample: Span | None = None,
    warmup: Span | None = None,
    limit: float | str | None = None,
    horizon: Span | None = None,
    worse: Worse | None = None,
    falls: Falls | None = None,
) -> TrendResult:
    """Judge one series: ``aging.trend(series)`` or ``aging.trend(t, y)``.

    The index of a pandas Series, or ``t``, are its times: dates, of any time zone (without one: UTC), timedeltas, or
    numbers, which are seconds since load began; larger than 1e8, seconds (or ms, µs, ns) since the epoch. Of dates the
    first is taken for the start of load unless ``load_start`` says otherwise: whether growth goes on is judged
    against the time since then, and a note says how much the verdict owes to it.

    ``resample`` (``"60s"``, or seconds) takes medians on a grid; ``warmup`` (``"30s"``, seconds, or ``"auto"``) is left
    out at the start. A series whose name ends with ``_total`` is a counter and analyzed as its rate per second, as
    by ``aging trend``. ``limit``, a number in the unit of the series or a size like ``"64GiB"``, adds the outlook:
    whether the series reaches it within ``horizon`` (default ``"30d"``). Growth is what ages, and a fall of what its
    name calls throughput, free memory, a hit ratio and so on; ``worse`` (``"up"``, ``"down"``) says it for any other.
    ``falls`` says what falls to the level of the start come from (``"restarts"``, ``"collector"``); by default those
    at least 3 h apart are restarts.

    Raises an AgingError that is a ValueError for what cannot be judged: too few values (12 are needed), none that is
    finite, times that are not in order, an index that is no time.
    """
    series = series_of_pandas(first, load_start) if y is None else series_of_arrays(first, y, load_start)
    grid = _seconds("resample", resample)
    start = "auto" if isinstance(warmup, str) and warmup == "auto" else _seconds("warmup", warmup)
    if worse not in (None, "up", "down"):
        raise InputError(f'worse: {worse!r} is no direction; give "up" or "down"')
    if falls not in (None, "restarts", "collector"):
        raise InputError(f'falls: {falls!r} is unknown; give "restarts" or "collector"')
    if limit is None and horizon is not None:
        raise InputError('horizon: without a limit there is no outlook; add one, like limit="64GiB"')
    asked = AskedOfSeries(worse, None if limit is None else _limit(limit), _seconds("horizon", horizon), falls=falls)
    analysis = analyze_series(series, {}, grid, start, asked)
    if analysis.trend is None:
        raise InputError(f"{series.column}: {'; '.join(analysis.result.notes)}")
    return TrendResult(analysis)


def _cost(name: str, given: float) -> float:
    """A cost that a caller gave."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not (0 < given < np.inf):
        raise InputError(f"{name}: {given!r} is no cost; give a number above 0, like 20")
    return float(given)


def _limit(given: float | str) -> Limit:
    """A limit that a caller gave, as a size or as a number."""
    if isinstance(given, bool):
        raise InputError(f"limit: {given!r} is no limit; give a number, or a size like '64GiB'")
    try:
        value = parse_size(given) if isinstance(given, str) else float(given)
    except ValueError as error:
        raise InputError(f"limit: {error}") from None
    except TypeError:
        raise InputError(f"limit: {given!r} is no limit; give a number, or a size like '64GiB'") from None
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"limit: {given!r} is not above 0")
    return Limit(value, in_bytes=isinstance(given, str))


def _seconds(name: str, value: Span | None) -> float | None:
    """A span of time that a caller gave, as text with its unit, as seconds or as a timedelta."""
    if value is None:
        return None
    try:
        seconds = parse_duration(value) if isinstance(value, str) else _plain_seconds(value)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    except TypeError:
        raise InputError(f"{name}: {value!r} is no span of time; give seconds, or text like '90s'") from None
    if not (np.isfinite(seconds) and seconds >= 0) or (name in ("resample", "horizon") and seconds == 0):
        raise InputError(f"{name}: {value!r} is not a positive number of seconds")
    return seconds


def _plain_seconds(value: float | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


@dataclass(frozen=True, repr=False)
class TrendResult:
    """What one series says: its verdict, and how fast it grows, in its own unit per hour."""

    analysis: TableAnalysis

    @property
    def _trend(self) -> Any:
        return self.analysis.trend

    @property
    def name(self) -> str:
        """The series' name."""
        return self.analysis.name

    @property
    def verdict(self) -> str:
        """``aging``, ``bounded``, ``stable`` and so on: docs/methods.md says what each means."""
        return self.analysis.verdict

    @property
    def shape(self) -> str:
        """The form of its course, such as ``linear``."""
        return str(self._trend.shape)

    @property
    def direction(self) -> str:
        """``increasing``, ``decreasing`` or ``none``."""
        return str(self._trend.direction)

    @property
    def p(self) -> float:
        """The two-sided p of "no trend" by the primary test."""
        return float(self._trend.p)

    @property
    def n(self) -> int:
        """How many values were judged."""
        return int(self._trend.n)

    @property
    def n_effective(self) -> float:
        """How many independent values they are worth."""
        return float(self._trend.n_effective)

    @property
    def slope_per_hour(self) -> float:
        """Sen's slope."""
        return float(self._trend.slope) * _HOUR

    @property
    def ci_per_hour(self) -> tuple[float, float]:
        """Its 95 % interval, autocorrelation allowed for."""
        return float(self._trend.low) * _HOUR, float(self._trend.high) * _HOUR

    @property
    def current_per_hour(self) -> float:
        """The rate after the warm-up; where that is not known, the slope."""
        return self._current[0]

    @property
    def current_ci_per_hour(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return self._current[1:]

    @property
    def growth_axis(self) -> str:
        """What the growth follows: ``seconds``, or a count of work such as ``requests``."""
        return str(self._trend.axis)

    @property
    def outlook(self) -> Outlook | None:
        """Whether the limit is reached within the horizon, and when; None without a limit."""
        return self.analysis.outlook

    @property
    def _current(self) -> tuple[float, float, float]:
        rate = require(self.analysis.rate, "the rate of a series with a trend")
        return rate.rate * _HOUR, rate.low * _HOUR, rate.high * _HOUR

    @property
    def minimum_detectable_per_hour(self) -> float | None:
        """The smallest growth that would have been found with 80 % probability; None where that is not known."""
        least = self._trend.minimum_detectable
        return None if least is None else float(least) * _HOUR

    @property
    def exponent(self) -> tuple[float, float, float] | None:
        """The power of growth with its interval (1: a constant leak); None where nothing grew."""
        found = self._trend.exponent
        return None if found is None else (found.b, found.low, found.high)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the verdict must know."""
        return self.analysis.notes

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the series with its slope, on ``axes`` or a new figure."""
        from aging.report.charts.axes import trend_axes  # noqa: PLC0415

        return trend_axes(self.analysis, axes)

    @property
    def _quantity(self) -> str:
        """A name whose ending says the unit: a limit that was given as a size says it as well."""
        sized = self.analysis.asked_in_bytes and not self.name.endswith("_bytes")
        return f"{self.name}_bytes" if sized else self.name

    def _lines(self) -> tuple[tuple[str, str], ...]:
        least = format.size(self.name, self.minimum_detectable_per_hour, "h")
        rate, ci = format.bounded(self.name, self.current_per_hour, self.current_ci_per_hour, "h")
        return (
            *(() if self.outlook is None else (("outlook", sentence(self._quantity, self.outlook)),)),
            ("current rate", rate),
            ("95 % interval", ci),
            ("p", format.probability(self.p)),
            ("values", f"{self.n}, worth {self.n_effective:.0f} independent ones"),
            ("least detectable", least),
        )

    def __repr__(self) -> str:
        rows = "".join(f"\n  {what}: {value}" for what, value in self._lines())
        return f"{self.name}: {self.verdict} ({self.shape}){rows}" + "".join(f"\n  note: {one}" for one in self.notes)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(what)}</th><td>{escape(value)}</td></tr>" for what, value in self._lines())
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        head = f"<b>{escape(self.name)}: {escape(self.verdict)}</b> ({escape(self.shape)})"
        meaning = escape(wording.MEANING.get(self.verdict, ""))
        return f"<p>{head}<br>{meaning}</p><table>{rows}</table>" + (f"<ul>{notes}</ul>" if notes else "")


@dataclass(frozen=True, repr=False)
class Results:
    """A result directory. A name that is not there is an AgingError that says which are."""

    stored: StoredResults

    @property
    def path(self) -> Path:
        """The result directory."""
        return self.stored.layout.root

    @property
    def phase(self) -> str:
        """How far the campaign was: ``running``, ``completed``, …"""
        return self.stored.state.phase

    @property
    def deployments(self) -> tuple[str, ...]:
        """Names of the deployments under test, in the campaign's order."""
        return self.stored.deployments

    @property
    def manifest(self) -> Manifest:
        """What exactly was run: campaign, deployments, host, versions, seed."""
        return self.stored.manifest

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run: ``validity``, ``reasons``, and ``start`` and ``end`` of its load (UTC; NaT: not yet)."""
        return runs_frame(self.stored)

    def samples(
        self, deployment: str, source: str, replica: int = 1, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Rows of one sampler, indexed by seconds of load; ``wall`` is the time (UTC), ``mono`` the host's clock.

        ``deployment`` may be ``"_harness"``: the harness's own processes, the host, the devices. ``columns`` reads no
        others beside ``wall``, ``mono``, ``entity`` and ``generation``. Before the load the index is negative; where no
        load has begun it counts from the first row, and its name says so (``seconds_since_first_row``).
        """
        if source == "requests":
            raise InputError(f"samples: 'requests' is not a sampler; call requests({deployment!r})")
        frame = self._rows(deployment, source, replica)
        if columns is None:
            return self._indexed(frame, deployment, replica, "mono")
        if isinstance(columns, str):
            raise InputError(f"columns: {columns!r} is one name; give a list of names, like [{columns!r}]")
        for column in columns:
            _check(column, frame.columns, f"{source} of {deployment} has no column {column!r}")
        kept = [name for name in frame.columns if name in ("wall", "mono", "entity", "generation", *columns)]
        return self._indexed(frame[kept], deployment, replica, "mono")

    def requests(self, deployment: str, replica: int = 1, base: Base = "sent") -> pd.DataFrame:
        """One row a request, indexed by the seconds of load at which it ended, with latencies in seconds.

        ``ttft`` (time to first token) and ``e2e`` (to the last) count from ``base``: ``"sent"`` is the server's part
        alone, ``"scheduled"`` includes the wait in the client's queue, ``"waited"`` counts from when it was sent, or
        due where a rejuvenation held it back. ``tpot`` is the time per further token, ``stall`` the longest wait for
        one. NaN where a request has none: it failed, or was not streamed. They are those of
        ``aging.findings.latencies``; the indicators of the findings count from ``"sent"``.
        """
        if base not in (known := ("sent", "scheduled", "waited")):
            raise InputError(f"base: {base!r} is unknown; {suggestion(base, known)}")
        frame = self._rows(deployment, "requests", replica)
        seconds = latencies(frame, base)
        return self._indexed(
            frame.assign(**{str(name): seconds[name] for name in seconds}), deployment, replica, "finished"
        )

    def series(self, deployment: str, indicator: str, replica: int = 1, generation: int | None = None) -> pd.Series:
        """The aligned series that is judged, indexed by seconds since its load began, the warm-up left out.

        It is of one generation (one life of the server process): the longest, which stands for the run, unless another
        is named. Counters (``…_total``) are rates per second, and named so.
        """
        found = self._of_run(deployment, replica)
        mine = {one.generation: one for one in found if one.indicator == indicator and one.t.size}
        if not mine:
            self._no_series(deployment, replica, indicator, found)
        if generation is not None and generation not in mine:
            raise InputError(
                f"{deployment} has no series of {indicator} of generation {generation!r}; it has: {_listed(mine)}"
            )
        one = max(mine.values(), key=lambda one: one.t.size) if generation is None else mine[generation]
        name = f"{indicator} per second" if indicator.endswith("_total") else indicator
        return pd.Series(one.y, index=pd.Index(one.t, name=_SINCE_LOAD), name=name)

    def events(self) -> pd.DataFrame:
        """The journal: ``wall`` (UTC), ``seconds`` since the campaign began, ``event``, ``deployment``, ``details``."""
        return events_frame(self.stored)

    @overload
    def findings(self, *, raw: Literal[False] = False) -> pd.DataFrame: ...
    @overload
    def findings(self, *, raw: Literal[True]) -> Findings: ...
    def findings(self, *, raw: bool = False) -> pd.DataFrame | Findings:
        """One row for every indicator of every deployment and of the harness, with the keys of ``findings.json``.

        An interval is in two columns, such as ``ci_per_hour_low`` and ``ci_per_hour_high``. ``raw`` gives the whole of
        ``findings.json`` as dataclasses: findings, controls, problems, runs, objectives, experiments. They are read
        from the file where the campaign has ended since, else computed from what there is; nothing is written.
        """
        return self._findings if raw else findings_frame(self._findings.findings)

    def restart_advice(
        self,
        deployment: str,
        *,
        limit: float | str | None = None,
        cost_restart: float | None = None,
        cost_crash: float | None = None,
        indicator: str | None = None,
    ) -> Advice:
        """How often to restart a deployment, as ``aging rejuvenate`` says it: the age that costs least, and why.

        ``limit`` is where the server fails (``"8GiB"``, or a number in the unit of the ``indicator``), by default what
        the results know. The costs are in any one unit, both or none: by default the requests that wait or are lost.
        """
        from aging.findings.rejuvenation.advice import Question, advise  # noqa: PLC0415 - the replay's policies
        from aging.stats.renewal.optimum import Costs  # noqa: PLC0415

        if (cost_restart is None) != (cost_crash is None):
            raise InputError("cost_restart, cost_crash: give both in one unit, or none of them")
        costs = None
        if cost_restart is not None and cost_crash is not None:
            costs = Costs(_cost("cost_restart", cost_restart), _cost("cost_crash", cost_crash))
        if indicator is not None and not isinstance(indicator, str):
            raise InputError(f"indicator: {indicator!r} is no name; write it as text, like 'process_fds'")
        _check(deployment, self.deployments, f"there is no deployment {deployment!r}")
        question = Question(None if limit is None else _limit(limit), indicator, costs, (deployment,))
        try:
            return advise(
                self._measured, discover(aging.stats.trend_tests, TrendTest), question, self._findings.findings
            )[0]
        except MistakesError as error:
            raise InputError("; ".join(map(str, error.mistakes)).replace("--", "")) from None

    @property
    def plot(self) -> Plots:
        """The report's plots: ``plot.memory(name)`` and ``plot.latency(name)``."""
        return Plots(self)

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the report as one HTML file, to the result directory unless ``path`` names a place; where it is."""
        from aging.report.html.page import write_report  # noqa: PLC0415 - its libraries take half a second

        target = self.stored.layout.report if path is None else Path(path)
        if target.is_dir():
            target = target / self.stored.layout.report.name
        write_report(self._measured, self._findings, target)
        return target

    def __repr__(self) -> str:
        return f"<aging.Results of {self.path} ({self.phase}): {', '.join(self.deployments)}>"

    @cached_property
    def _measured(self) -> Measured:
        return Measured(self.stored)

    @cached_property
    def _findings(self) -> Findings:
        return current_findings(self._measured, discover(aging.stats.trend_tests, TrendTest))

    def _finding(self, deployment: str, indicator: str) -> Finding | None:
        of_it = (one for one in self._findings.findings if (one.deployment, one.indicator) == (deployment, indicator))
        return next(of_it, None)

    def _check_run(self, deployment: str, replica: int, more: Iterable[str] = ()) -> None:
        _check(deployment, (*self.deployments, *more), f"{self.path}: there is no deployment {deployment!r}")
        left = self.stored.replicas(deployment)
        if deployment in self.deployments and replica not in left:
            there = f"it has: {_listed(left)}" if left else f"it has not begun yet (the campaign is {self.phase})"
            raise InputError(f"{deployment} has no replica {replica!r}; {there}")

    def _rows(self, deployment: str, source: str, replica: int) -> pd.DataFrame:
        self._check_run(deployment, replica, (HARNESS,))
        folder = self.stored.layout.run(deployment, replica)
        there = [one.name for one in sorted(folder.glob("*")) if one.is_dir() and one.name != "logs"]
        _check(source, there, f"{deployment} left no rows of {source!r}")
        frame = self.stored.samples(deployment, source, replica)
        if frame.empty:
            raise InputError(f"{deployment} has no rows of {source!r} yet (the campaign is {self.phase})")
        return frame

    def _indexed(self, frame: pd.DataFrame, deployment: str, replica: int, time: str) -> pd.DataFrame:
        runs = self.stored.state.runs
        starts = [
            run.load_start
            for (name, number), run in runs.items()
            if run.load_start is not None and (deployment == HARNESS or (name, number) == (deployment, replica))
        ]
        origin, name = (min(starts), _SINCE_LOAD) if starts else (float(frame[time].iloc[0]), _SINCE_FIRST)
        indexed = frame.set_index(pd.Index(frame[time].to_numpy(dtype=np.float64) - origin, name=name))
        return indexed.assign(wall=utc_times(indexed["wall"])) if "wall" in indexed else indexed

    def _of_run(self, deployment: str, replica: int) -> Sequence[Series]:
        processes = dict.fromkeys(one.owner for one in self._measured.harness)
        if deployment in processes:
            return [one for one in self._measured.harness if one.owner == deployment]
        self._check_run(deployment, replica, processes)
        return self._measured.of(deployment, replica)

    def _no_series(self, deployment: str, replica: int, indicator: str, found: Sequence[Series]) -> None:
        there = dict.fromkeys(one.indicator for one in found if one.t.size)
        if not there:
            raise InputError(
                f"{deployment} has no series yet: its load has not begun, or nothing was sampled after the warm-up "
                f"(the campaign is {self.phase})"
            )
        classes = load_classes(self.stored, deployment) if deployment in self.deployments else ()
        if indicator in indicators(classes):
            raise InputError(f"{deployment}, replica {replica}, has no series of {indicator}; it has: {_listed(there)}")
        _check(indicator, there, f"there is no indicator {indicator!r}")


@dataclass(frozen=True)
class Plots:
    """The report's plots as matplotlib axes."""

    results: Results

    def memory(self, deployment: str, replica: int = 1, axes: Axes | None = None) -> Axes:
        """A run's memory: samples pale, the judged medians over them, the slope with its interval."""
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415
        from aging.report.charts.memory import harness_charts, memory_chart  # noqa: PLC0415

        results, measured = self.results, self.results._measured
        if deployment.startswith(f"{HARNESS}/"):
            own = dict(harness_charts(measured, {}))
            _check(deployment, own, f"there is no harness process {deployment!r}")
            return figure_axes(own[deployment], deployment, axes)
        results._check_run(deployment, replica)
        chart = memory_chart(measured, deployment, replica, results._finding(deployment, PRIMARY))
        if chart is None:
            raise InputError(f"{deployment} has no memory to draw: its load has not begun, or nothing was sampled")
        return figure_axes(chart, _titled(deployment, replica, results), axes)

    def latency(self, deployment: str, replica: int = 1, axes: Axes | None = None) -> Axes:
        """A run's time to first token since a request was sent: median, band to the 95th percentile, failures."""
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415
        from aging.report.charts.latency import latency_chart  # noqa: PLC0415

        results = self.results
        results._check_run(deployment, replica)
        chart = latency_chart(results._measured, deployment, replica)
        if chart is None:
            raise InputError(f"{deployment} has no latency to draw: its load has not begun, or no request has ended")
        return figure_axes(chart, _titled(deployment, replica, results), axes)


def _titled(deployment: str, replica: int, results: Results) -> str:
    several = len(results.stored.replicas(deployment)) > 1
    return f"{deployment}, replica {replica}" if several else deployment


def _check(name: str, known: Iterable[str], wrong: str) -> None:
    options = list(known)
    if name not in options:
        raise InputError(f"{wrong}; {suggestion(name, options) if options else 'there are none yet'}")


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))
