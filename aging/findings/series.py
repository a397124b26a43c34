"""Aging indicators: aligned series on a time grid, one per generation, ready for the statistics.

Gauges become medians, ``*_total`` counters rates, client latencies medians and 95th percentiles of what
ended in the cell; attainment is the share of requests that met their objectives, goodput
their number, so that a cell without one is 0. Gaps stay gaps. No series crosses a generation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.core.metrics import (
    _ATTAINMENT,
    _GOODPUT,
    _LATENCIES,
    _PROCESS,
    _TAILS,
    ALLOCATOR,
    DEVICE_MEMORY,
    PRIMARY,
    client_indicator,
)
from aging.core.records import HARNESS
from aging.core.targets import ENGINE_METRICS
from aging.findings.engine_series import (
    Described,
    EngineSeries,
    LeftOut,
    constant,
    judged,
    one_bucket,
    request_columns,
    summed,
    token_columns,
)
from aging.findings.latencies import Base, latencies
from aging.findings.load_gaps import load_gaps
from aging.findings.readings import Readings, readings
from aging.findings.slo import Objectives, objectives_met, of_class
from aging.findings.slo import classes as objectives_of
from aging.stats import SeriesError, event_grid, find_warmup, mean_grid, median_grid, quantile_grid, rate_grid
from aging.store.manifest import CampaignSettings
from aging.store.results import Results
from aging.store.state import RunState

_DEVICE_LIMIT = "device_process_memory_limit_bytes"

_BASE: Base = "sent"
"""The base of latencies as indicators: they describe the server, not the client's queue."""

_TAIL = 0.95


_WORK = ("generation", "sent", "finished", "status", "prompt_tokens", "output_tokens")
"""What of a request record counts work."""

_ATTACHED = "attach"
_UPTIME = "process_uptime_seconds"
_FEWEST = 12

_PROCESS_COLUMNS = ("mono", "generation", *_PROCESS)
_REQUEST_COLUMNS = (
    *("generation", "scheduled", "sent", "first_token", "last_token", "finished", "streaming", "status", "held"),
    *("prompt_tokens", "output_tokens_asked", "output_tokens", "stall", "load_class", "options", "fault"),
)
"""What of nine days at 1 Hz is read: with these columns alone, a run's rows are held and need not be read again."""

_READINGS = 3
"""Sources whose rows are kept in order: nine days at 1 Hz of one take 0.2 GB."""

SETTLING_SECONDS = 60.0
"""The first minute of the runner and the clients is their warm-up: caches and allocators fill."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the time before an observation, in seconds before its start.

    ``age`` of the main process; ``possible`` is the earliest start of the growth, ``assumed`` the start of load that
    the series counts from.
    """

    age: float
    possible: float
    assumed: float


@dataclass(frozen=True, slots=True)
class Series:
    """One indicator of one generation.

    ``t`` (shape n) is seconds since this generation's load began, warm-up already
    dropped; ``y`` (shape n) the indicator. ``work`` counts, at each t, the
    ``requests`` sent and the ``tokens`` of prompts and answers that were done; it is
    empty where there is no load. ``phases`` are stretches of different load, in the
    seconds of ``t``.
    """

    owner: str
    replica: int
    generation: int
    indicator: str
    t: Floats
    y: Floats
    work: Mapping[str, Floats]
    phases: Sequence[tuple[float, float]] = ()
    before: Before | None = None
    """Of the first generation of a process that ran before it was observed, without a load of the campaign's own."""

    def per_second(self, driver: str) -> float | None:
        """The mean rate of ``driver``'s work over the window; None where there was none."""
        counts = self.work.get(driver)
        if counts is None or counts.size < 2 or counts[-1] == counts[0]:
            return None
        return float((counts[-1] - counts[0]) / (self.t[-1] - self.t[0]))


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a run that is analyzed, in monotonic seconds, and how its grid is laid."""

    load_start: float
    load_end: float
    warmup: float
    grid: float
    phases: Sequence[tuple[float, float]] = ()
    earlier: float = 0.0
    """Seconds that attached processes had run before: sustained growth is judged against all of their time."""
    age: float | None = None
    """How long an attached process without a load of the campaign's own had run before."""
    start_known: bool = True
    """Whether the start of load was given; else the growth itself may show that it began later than the process."""
    undriven: Sequence[tuple[float, float]] = ()
    """Stretches without a load process; their samples are left out."""


@dataclass(frozen=True)
class _Run:
    """The source of series: owner, window, and the requests that were sent in it."""

    owner: str
    replica: int
    window: Window
    requests: pd.DataFrame
    served: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)
    """Requests and tokens by the counters of the engine itself: monotonic times, and how many until then."""
    counted: Literal["sent", "finished"] = "sent"
    """When a request counts as work. While a load runs, those in flight have no record: then when they ended."""

    @cached_property
    def done(self) -> tuple[Floats, Floats, Floats]:
        """When requests counted, when answers ended, and the tokens until each of these ends, from 0; all sorted."""
        requests = self.requests
        counted = np.sort(_array(requests.loc[requests["sent"].notna(), self.counted]))
        answers = requests[requests["status"] == "ok"].sort_values("finished")
        tokens = np.cumsum(_array(answers["prompt_tokens"]) + _array(answers["output_tokens"].fillna(0)))
        return counted, _array(answers["finished"]), np.append(0.0, tokens)


def load_classes(results: Results, deployment: str) -> tuple[str, ...]:
    """Names of the classes of a deployment's load; empty where it has one alone."""
    load = results.manifest.load_of(deployment)
    named = () if load is None else tuple(one.name for one in load.classes)
    return named if len(named) > 1 else ()


def run_window(results: Results, deployment: str, replica: int) -> Window | None:
    """The window of one run; None for a run whose load never started."""
    window = planned_window(results, deployment, replica)
    if window is None or results.manifest.campaign.warmup_seconds is not None:
        return window
    return replace(window, warmup=_automatic_warmup(results.tree(deployment, replica), replace(window, age=None)))


def planned_window(results: Results, deployment: str, replica: int) -> Window | None:
    """As :func:`run_window`, without a warm-up where the campaign names none."""
    run = results.state.runs.get((deployment, replica))
    if run is None or run.load_start is None or run.planned_seconds is None:
        return None
    campaign = results.manifest.campaign
    ends = [run.load_start + run.planned_seconds, run.load_end, run.died]
    if run.load_end is None:  # still running, or killed with its runner: the window ends with the samples
        seen = results.tree(deployment, replica, columns=("mono",))
        ends.append(None if seen.empty else float(seen["mono"].max()))
    end = min(end for end in ends if end is not None)
    warmup, grid = campaign.warmup_seconds or 0.0, _grid(campaign, run, end)
    without = [(gap.gone, gap.back) for gap in load_gaps(results, deployment, replica)]
    age, start_known = _before(results, deployment, replica, run.earlier)
    return Window(
        run.load_start,
        end,
        warmup,
        grid,
        run.phases,
        run.earlier,
        age=age,
        start_known=start_known,
        undriven=without,
    )


def _before(results: Results, deployment: str, replica: int, earlier: float) -> tuple[float | None, bool]:
    """How long an observed process had run before, None of one under the campaign's own load; and if that is known to
    be the time under load.
    """
    made = results.manifest.deployment(deployment)
    if made is None or made.kind != _ATTACHED or results.manifest.campaign.load is not None:
        return None, True
    rows = results.tree(deployment, replica, columns=("mono", _UPTIME))
    known = rows[rows[_UPTIME].notna()] if _UPTIME in rows else rows[:0]
    age = float(known[_UPTIME].iloc[0]) if len(known) else earlier
    return max(age, earlier), made.options.get("load_start", "process") != "process"


def _grid(campaign: CampaignSettings, run: RunState, end: float) -> float:
    """The cells of a run: those of the campaign.

    An observation that ended early has as many cells as planned, as far as there are samples for them: minutes of a
    process that died would not fill a dozen cells of hours.
    """
    planned, whole = run.planned_seconds, campaign.analysis.grid_seconds
    if not run.watched or not planned or run.load_start is None:
        return whole
    sampled = campaign.sampling_seconds.get("process", 1.0)
    return min(whole, max(whole * (end - run.load_start) / planned, sampled))


def _automatic_warmup(process: pd.DataFrame, window: Window) -> float:
    """When the memory of the run's first generation has settled, in seconds since the start of load."""
    for series in _sampled(process, _PROCESS, _Run("", 1, window, pd.DataFrame())):
        if series.indicator == PRIMARY:
            try:
                return find_warmup(series.t, series.y)
            except SeriesError:
                break
    return 0.0


@dataclass(frozen=True)
class Measured:
    """The input of the statistics: the window of every run and the series cut from it, each computed once."""

    results: Results

    @cached_property
    def windows(self) -> Mapping[tuple[str, int], Window]:
        """By deployment and replica, in the order that the runs began; those whose load never started are left out."""
        found = {run: run_window(self.results, *run) for run in self.results.state.runs}
        return {run: window for run, window in found.items() if window is not None}

    @cached_property
    def series(self) -> Sequence[Series]:
        """Every analyzed indicator of every deployment, a series a generation, in the campaign's order."""
        return [
            one
            for deployment in self.results.deployments
            for replica in self.results.replicas(deployment)
            for one in self._series_of(deployment, replica)
        ]

    @cached_property
    def harness(self) -> Sequence[Series]:
        """The harness's own processes, each as a separate owner: a control in every campaign."""
        samples = self.results.samples(HARNESS, "process", columns=("mono", "entity", "generation", *_PROCESS))
        if not self.windows or samples.empty:
            return []
        window = self.harness_window
        window = replace(window, warmup=max(window.warmup, SETTLING_SECONDS))
        return [
            series
            for entity, rows in samples.groupby("entity")
            for series in _sampled(rows, _PROCESS, _Run(f"{HARNESS}/{entity}", 1, window, pd.DataFrame()))
        ]

    @property
    def harness_window(self) -> Window:
        """From the first start of load to the last end; there must be a run that has a window."""
        windows = list(self.windows.values())
        first, last = min(one.load_start for one in windows), max(one.load_end for one in windows)
        return Window(first, last, windows[0].warmup, windows[0].grid)

    def of(self, deployment: str, replica: int) -> Sequence[Series]:
        """The series of one run."""
        return self._by_run.get((deployment, replica), [])

    @cached_property
    def _by_run(self) -> Mapping[tuple[str, int], Sequence[Series]]:
        found: dict[tuple[str, int], list[Series]] = {}
        for one in self.series:
            found.setdefault((one.owner, one.replica), []).append(one)
        return found

    def latencies(self, deployment: str, replica: int, load_class: str = "", base: Base = _BASE) -> pd.DataFrame:
        """:func:`~aging.findings.latencies.latencies` of the requests of one run and class, computed once."""
        asked = (deployment, replica, load_class, base)
        if asked not in self._known_latencies:
            self._known_latencies[asked] = latencies(of_class(self._requests(deployment, replica), load_class), base)
        return self._known_latencies[asked]

    def readings(self, deployment: str, replica: int, source: str) -> Readings:
        """The rows of one source under load; of devices those of all together. The latest are kept."""
        asked = (deployment, replica, source)
        if asked not in self._known_readings:
            while len(self._known_readings) >= _READINGS:
                self._known_readings.pop(next(iter(self._known_readings)))
            self._known_readings[asked] = self._read(deployment, replica, source)
        return self._known_readings[asked]

    def _read(self, deployment: str, replica: int, source: str) -> Readings:
        window = self.windows.get((deployment, replica))
        if window is None:
            return readings(pd.DataFrame(), "mono", 0.0, 0.0)
        if source == "device":
            rows = device_samples(self.results, deployment, replica)
        else:
            columns = {"process": ("entity", *_PROCESS_COLUMNS), "requests": _REQUEST_COLUMNS}.get(source)
            rows = self.results.samples(deployment, source, replica, columns)
        time = "finished" if source == "requests" else "mono"
        return readings(rows, time, window.load_start, window.load_end)

    @cached_property
    def _known_readings(self) -> dict[tuple[str, int, str], Readings]:
        return {}

    @cached_property
    def _known_latencies(self) -> dict[tuple[str, int, str, Base], pd.DataFrame]:
        return {}

    def _requests(self, deployment: str, replica: int) -> pd.DataFrame:
        """Those of a run: all columns for an analysis, which reads once; else as few as possible."""
        return self.results.requests(deployment, replica, None if self.results.checked else _REQUEST_COLUMNS)

    def _series_of(self, deployment: str, replica: int) -> Iterator[Series]:
        results, window = self.results, self.windows.get((deployment, replica))
        if window is None:
            return
        engine = results.samples(deployment, "engine", replica)
        requests = self._requests(deployment, replica)
        run = _Run(deployment, replica, window, requests, _served(engine) if requests.empty else {})
        device = device_samples(results, deployment, replica)
        on_device = DEVICE_MEMORY in device and bool(
            (device[DEVICE_MEMORY] > 0).any()
        )  # most servers on a host are not
        yield from _sampled(results.tree(deployment, replica, columns=_PROCESS_COLUMNS), _PROCESS, run)
        yield from _sampled(device, (DEVICE_MEMORY,) if on_device else (), run)
        yield from _sampled(results.tree(deployment, replica, "allocator"), ALLOCATOR, run)
        yield from _sampled(engine, ENGINE_METRICS, run)
        yield from _of_engine(engine, run)
        yield from _client(run, load_classes(results, deployment), objectives_of(results.manifest.load_of(deployment)))


def chosen_series(
    results: Results, deployment: str, replica: int, indicators: Collection[str], window: Window
) -> list[Series]:
    """The series of these indicators alone, one a generation, from only the rows and columns that they need.

    Work counts requests when they ended.
    """

    def named(names: Collection[str]) -> list[str]:
        return [name for name in names if name in indicators]

    of_client = [name for name in indicators if name.startswith("client_")]
    columns = None if of_client else _WORK
    requests = results.requests(deployment, replica, columns)
    of_engine = [name for name in indicators if name.startswith("engine_")]
    engine = results.samples(deployment, "engine", replica) if of_engine or requests.empty else pd.DataFrame()
    run = _Run(deployment, replica, window, requests, _served(engine) if requests.empty else {}, "finished")
    found: list[Series] = []
    if process := named(_PROCESS):
        found += _sampled(results.tree(deployment, replica, columns=("mono", "generation", *process)), process, run)
    if device := named((DEVICE_MEMORY,)):
        found += _sampled(device_samples(results, deployment, replica), device, run)
    if allocator := named(ALLOCATOR):
        found += _sampled(results.tree(deployment, replica, "allocator"), allocator, run)
    if of_engine:
        found += (*_sampled(engine, ENGINE_METRICS, run), *_of_engine(engine, run))
    if of_client:
        found += _client(run, load_classes(results, deployment), objectives_of(results.manifest.load_of(deployment)))
    return [one for one in found if one.indicator in indicators]


def device_samples(results: Results, deployment: str, replica: int) -> pd.DataFrame:
    """Memory of a deployment's processes on all devices together."""
    samples = results.samples(deployment, "device", replica)
    return samples if samples.empty else samples[samples["entity"] == "gpu-total"]


def device_limit(results: Results, deployment: str) -> float | None:
    """The most that a deployment could hold of the devices it is on, as last seen; None where that is not known."""
    for replica in reversed(results.replicas(deployment)):
        samples = device_samples(results, deployment, replica)
        seen = _array(samples[_DEVICE_LIMIT].dropna()) if _DEVICE_LIMIT in samples else np.empty(0)
        if seen.size:
            return float(seen[-1])
    return None


def _sampled(samples: pd.DataFrame, indicators: Sequence[str], run: _Run) -> Iterator[Series]:
    window = run.window
    for place, (generation, start, rows) in enumerate(generations(samples, "mono", window)):
        phases = [(begin + window.load_start - start, end + window.load_start - start) for begin, end in window.phases]
        for indicator in indicators:
            if indicator not in rows or rows[indicator].isna().all():
                continue
            seen = rows[rows[indicator].notna()]
            t, y = _array(seen["mono"]) - start, _array(seen[indicator])
            grid = rate_grid if indicator.endswith("_total") else median_grid
            t, y = _on_grid(grid, t, y, window)
            work = _work(run, start + t)
            series = Series(run.owner, run.replica, generation, indicator, t, y, work, phases)
            yield _since_load(series, window) if place == 0 else series


def _since_load(series: Series, window: Window) -> Series:
    """A series of a process that was not loaded by the campaign, counted from the earliest start of its growth.

    A start of load that was given is kept.
    """
    if window.age is None or series.t.size < _FEWEST:
        return series
    from aging.stats.growth.load_start_sensitivity import earliest_start  # noqa: PLC0415 - scipy, for attached ones

    observed = series.t - window.earlier
    possible = min(window.age, earliest_start(observed, series.y) - float(observed[0]))
    possible = max(possible, 0.0)
    assumed = window.earlier if window.start_known else min(window.earlier, possible)
    return replace(series, t=observed + assumed, before=Before(window.age, possible, assumed))


def _of_engine(samples: pd.DataFrame, run: _Run) -> Iterator[Series]:
    """Every series of the endpoint that is judged, under the engine's own names."""
    chosen, _ = engine_series(samples)
    window = run.window
    found = generations(samples, "mono", window) if chosen else iter(())
    for place, (generation, start, rows) in enumerate(found):
        for one in chosen:
            t, y = _engine_grid(one, rows, start, window)
            if t.size:
                work = _work(run, start + t)
                series = Series(run.owner, run.replica, generation, one.indicator, t, y, work)
                yield _since_load(series, window) if place == 0 else series


def engine_series(samples: pd.DataFrame) -> tuple[list[EngineSeries], list[LeftOut]]:
    """The series of an endpoint's rows that are judged, and those that are not, with the reasons."""
    varying, left = [], []
    described = _described(samples)
    for column in (str(name) for name in samples if str(name).startswith("engine_")):
        values = _array(samples[column].dropna())
        if values.size and np.all(values == values[0]):
            left.append(constant(column, float(values[0])))
        elif (coarse := one_bucket(column, values, described)) is not None:
            left.append(coarse)
        elif values.size:
            varying.append(column)
    found, others = judged(varying, described, [one.column for one in left if one.code == "constant"])
    return found, [*left, *others, *summed(described)]


def _described(samples: pd.DataFrame) -> Described:
    return Described.of(samples["described"].dropna() if "described" in samples else ())


def _engine_grid(one: EngineSeries, rows: pd.DataFrame, start: float, window: Window) -> tuple[Floats, Floats]:
    if one.how == "mean":
        seen = rows[rows[one.column].notna() & rows[one.per].notna()]
        t = _array(seen["mono"]) - start
        (at, total), (_, count) = (_on_grid(rate_grid, t, _array(seen[name]), window) for name in (one.column, one.per))
        busy = count > 0
        return at[busy], total[busy] / count[busy]
    seen = rows[rows[one.column].notna()]
    grid = rate_grid if one.how == "rate" else median_grid
    return _on_grid(grid, _array(seen["mono"]) - start, _array(seen[one.column]), window)


def _served(samples: pd.DataFrame) -> Mapping[str, tuple[Floats, Floats]]:
    """How many requests and tokens an engine has counted, from 0 at its first row; nothing where it counts none."""
    columns = [str(name) for name in samples if str(name).startswith("engine_")]
    found = {}
    for name, counters in (
        ("requests", request_columns(columns, _described(samples))),
        ("tokens", token_columns(columns)),
    ):
        rows = samples[["mono", *counters]].dropna(subset=counters, how="all") if counters else samples[:0]
        if len(rows) > 1:
            values = rows[counters].to_numpy(dtype=np.float64)
            rises = np.diff(values, axis=0)
            counted = np.nan_to_num(np.where(rises < 0, values[1:], rises)).sum(axis=1)
            found[name] = _array(rows["mono"]), np.append(0.0, np.cumsum(counted))
    return found


def _client(run: _Run, names: Sequence[str], objectives: Mapping[str, Objectives]) -> Iterator[Series]:
    window = run.window
    found = list(generations(run.requests, "finished", window))
    for place, (generation, start, rows) in enumerate(found):
        following = found[place + 1 : place + 2]
        end = following[0][1] if following else window.load_end
        for name in ("", *names):
            of = of_class(rows, name)
            seen = _latencies(of, start, window)
            bounds = objectives.get(name)
            if bounds is not None:
                seen |= _objectives(of, bounds, start, end, window)
            for metric, (t, y) in seen.items():
                work = _work(run, start + t)
                yield Series(run.owner, run.replica, generation, client_indicator(metric, name), t, y, work)


def _latencies(requests: pd.DataFrame, start: float, window: Window) -> dict[str, tuple[Floats, Floats]]:
    seen = {}
    for column, seconds in latencies(requests, _BASE).items():
        name, known = str(column), seconds.notna()
        t, y = _array(requests["finished"][known]) - start, _array(seconds[known])
        if name != "stall" or known.any():  # results of releases before 0.1 have no stalls
            seen[_LATENCIES[name]] = _on_grid(median_grid, t, y, window)
        if name in _TAILS:
            seen[_TAILS[name]] = _on_grid(partial(quantile_grid, q=_TAIL), t, y, window)
    return seen


def _objectives(
    requests: pd.DataFrame, bounds: Objectives, start: float, end: float, window: Window
) -> dict[str, tuple[Floats, Floats]]:
    met = objectives_met(requests, bounds)
    t = _array(requests.loc[met.index, "finished"]) - start
    good = t[met.to_numpy(dtype=bool)]
    return {
        _ATTAINMENT: _on_grid(mean_grid, t, met.to_numpy(dtype=np.float64), window),
        _GOODPUT: event_grid(good, window.grid, window.warmup, end - start),
    }


def generations(rows: pd.DataFrame, time: str, window: Window) -> Iterator[tuple[int, float, pd.DataFrame]]:
    """Each generation's number, the monotonic time that its series count from, and its rows in time order."""
    if rows.empty:
        return
    inside = rows[(rows[time] >= window.load_start) & (rows[time] <= window.load_end)]
    for gone, back in window.undriven:
        inside = inside[(inside[time] <= gone) | (inside[time] >= back)]
    for number, generation in enumerate(sorted(inside["generation"].unique())):
        part = inside[inside["generation"] == generation].sort_values(time)
        start = window.load_start - window.earlier if number == 0 else float(part[time].iloc[0])
        yield int(generation), start, part


def _on_grid(grid: object, t: Floats, y: Floats, window: Window) -> tuple[Floats, Floats]:
    keep = t >= window.warmup
    if keep.sum() < 2:
        return t[:0], y[:0]
    assert callable(grid)
    gridded: tuple[Floats, Floats] = grid(t[keep], y[keep], window.grid)
    return gridded


def _work(run: _Run, at: Floats) -> dict[str, Floats]:
    """Requests sent, or ended, and tokens of those that were done, until each of the monotonic times ``at``.

    Without a load of the campaign's own: what the engine itself has counted.
    """
    if run.requests.empty:
        return {name: np.interp(at, *counted) for name, counted in run.served.items()}
    counted, finished, tokens = run.done
    return {
        "requests": np.searchsorted(counted, at, side="right").astype(np.float64),
        "tokens": tokens[np.searchsorted(finished, at, side="right")],
    }


def _array(values: pd.Series) -> Floats:
    return values.to_numpy(dtype=np.float64)
