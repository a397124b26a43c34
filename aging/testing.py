"""A conformance kit: a plug-in of another distribution checks itself against the contract of its kind.

Every ``check_*`` is a plain function that returns nothing, and raises AssertionError with what is wrong and what would
be right. They need no campaign, no network and no pytest, and take seconds at most. In a test of yours::

    import aging.testing
    from mine import MySampler

    def test_my_sampler_conforms():
        aging.testing.check_sampler(MySampler)

The built-in plug-ins are held to the same checks. What a check cannot know, such as whether the numbers are right, is
left to tests of yours.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from html.parser import HTMLParser
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from aging.campaign.schema import ArrivalsOptions, LengthsOptions, RejuvenationOptions, SubjectOptions
from aging.core.endpoint import Endpoint
from aging.core.plugins import discover
from aging.core.records import Reading
from aging.core.row_columns import SAMPLE_COLUMNS
from aging.core.targets import ENGINE_METRICS, Target
from aging.deployments.base import Deployment, DeploymentBase
from aging.findings.build import analyze
from aging.findings.findings_file import read_findings
from aging.findings.series import Measured
from aging.load.arrivals.base import Arrivals
from aging.load.lengths.base import Lengths
from aging.load.schedule.rng import Draws
from aging.load.traces.base import Row, TraceFormat, Wrong
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.report.html.context import Context
from aging.report.sections.base import Section
from aging.sampling.base import Sampler
from aging.stats import SeriesError
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results, open_results

__all__ = [
    "check_arrivals",
    "check_deployment",
    "check_lengths",
    "check_policy",
    "check_sampler",
    "check_section",
    "check_trace_format",
    "check_trend_test",
]

_KIND = re.compile(r"[a-z0-9][a-z0-9_-]*")
_METRIC = re.compile(r"[a-z][a-z0-9_]*")
_ROW_KEYS = frozenset(SAMPLE_COLUMNS)
_UNSUPPORTED = frozenset(("chat", "n", "logprobs", "stop", "structured", "priority"))
_PORTS = (18_081, 18_082)


def check_deployment(
    cls: type[DeploymentBase[Any]], options: Mapping[str, Any] | None = None, model: str | None = "model"
) -> None:
    """Check a runtime: its options table, its command line and endpoint, and that no two deployments share a state.

    ``options`` are the keys that its table requires, beside ``name`` and ``kind``. Nothing is started.
    """
    assert isinstance(cls, type) and issubclass(cls, DeploymentBase), f"{cls!r} must derive from Deployment"  # noqa: PT018
    _check_kind(cls)
    first = _parsed(cls, SubjectOptions, {"name": "one", "kind": cls.kind, **(options or {})})
    unknown = set(cls.engine_metrics) - set(ENGINE_METRICS)
    assert not unknown, f"{cls.kind}: engine_metrics names {sorted(unknown)}; common names are: {_list(ENGINE_METRICS)}"
    assert isinstance(cls(first, model).missing(), str | None), f"{cls.kind}: missing() must be None or a message"
    if not issubclass(cls, Deployment):
        described = dict(cls(first, model).origin().described())
        _json(described, f"{cls.kind}: origin().described()")
        return
    one, other = (
        cls(first.model_copy(update={"name": name, "port": port}), model)
        for name, port in zip(("one", "other"), _PORTS, strict=True)
    )
    before = one.launch()
    for deployment, port in ((one, _PORTS[0]), (other, _PORTS[1])):
        launch = deployment.launch()
        _check_command(f"{cls.kind}: launch().argv", launch.argv)
        for name, argv in launch.components.items():
            _check_command(f"{cls.kind}: the command of component {name!r}", argv)
        strings = all(isinstance(item, str) for pair in launch.env.items() for item in pair)
        assert strings, f"{cls.kind}: launch().env must map strings to strings: {dict(launch.env)!r}"
        _check_endpoint(cls.kind, launch.endpoint, port)
        words = " ".join((*launch.argv, *launch.env.values()))
        assert str(port) in words, f"{cls.kind}: nothing of the command line or env names its port {port}: {words}"
    assert one.launch() == before, f"{cls.kind}: launch() of one deployment changed when another was made or launched"
    _json(dict(one.origin().described()), f"{cls.kind}: origin().described()")


def _check_command(what: str, argv: Sequence[str]) -> None:
    fine = isinstance(argv, tuple) and bool(argv) and all(isinstance(word, str) for word in argv)
    assert fine, f"{what} must be a tuple of strings with a program first, not {argv!r}"


def _check_endpoint(kind: str, endpoint: Endpoint, port: int) -> None:
    assert isinstance(endpoint, Endpoint), f"{kind}: launch().endpoint must be an Endpoint, not {endpoint!r}"
    right = f"http://127.0.0.1:{port}"
    assert endpoint.base_url == right, f"{kind}: endpoint.base_url is {endpoint.base_url!r}; it must be {right!r}"
    assert endpoint.path.startswith("/"), f"{kind}: endpoint.path {endpoint.path!r} must begin with a slash"
    metrics = endpoint.metrics_path
    assert metrics is None or metrics.startswith("/"), f"{kind}: metrics_path {metrics!r} must begin with a slash"
    unknown = set(endpoint.unsupported) - _UNSUPPORTED
    assert not unknown, f"{kind}: unsupported names {sorted(unknown)}; a load's options are: {_list(_UNSUPPORTED)}"
    _json(dict(endpoint.body), f"{kind}: endpoint.body")


def check_sampler(cls: type[Sampler], targets: Sequence[Target] | None = None) -> None:
    """Check a sampler: what it says of itself, its readings of a live process, and what it makes of one that has ended.

    ``targets`` stand in for this process, where that has nothing to sample. One that is unavailable on this machine is
    only asked why.
    """
    assert isinstance(cls, type) and issubclass(cls, Sampler), f"{cls!r} must derive from Sampler"  # noqa: PT018
    _check_kind(cls)
    interval = cls.default_interval
    assert interval > 0, f"{cls.kind}: default_interval is {interval!r}; it must be a number of seconds above 0"
    for name in ("unavailable", "reduced"):
        reason = getattr(cls, name)()
        assert reason is None or (isinstance(reason, str) and reason), f"{cls.kind}: {name}() must be None or a reason"
    if cls.unavailable() is not None:
        return
    live = [Target("conformance", "tree", 1, (os.getpid(),))] if targets is None else list(targets)
    watched = live
    with TemporaryDirectory(prefix="aging-testing-") as folder:
        sampler = cls(lambda: watched, Path(folder))
        for _ in range(2):
            _check_readings(cls.kind, list(sampler.read()), {target.owner for target in live})
        watched = [Target("conformance", "tree", 2, (_ended_pid(),))]
        _check_readings(cls.kind, list(sampler.read()), {"conformance"})
        watched = []
        _check_readings(cls.kind, list(sampler.read()), set())


def _check_readings(kind: str, readings: Sequence[Reading], owners: Collection[str]) -> None:
    seen = set()
    for reading in readings:
        assert isinstance(reading, Reading), f"{kind}: read() must give Readings, not {reading!r}"
        known = reading.owner in owners or reading.owner.startswith("_")
        assert known, f"{kind}: a reading is of {reading.owner!r}, which is not watched; watched: {_list(owners)}"
        place = (reading.owner, reading.entity, reading.generation)
        assert place not in seen, f"{kind}: two readings of one tick are of {place}; tell them apart by their entity"
        seen.add(place)
        for name, value in reading.values.items():
            assert _METRIC.fullmatch(name), f"{kind}: {name!r} is no name of a metric, like process_rss_bytes"
            assert name not in _ROW_KEYS, f"{kind}: {name!r} is a column of every row already; rename it"
            number = isinstance(value, int | float) and math.isfinite(value)
            assert number, f"{kind}: {name} is {value!r}; what could not be had belongs in missing, with its reason"
        for name, reason in reading.missing.items():
            assert reason and isinstance(reason, str), f"{kind}: missing[{name!r}] must say why"  # noqa: PT018
            assert name not in reading.values, f"{kind}: {name} is both a value and missing"


def _ended_pid() -> int:
    """The pid of a process that has just ended and was waited for."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def check_trend_test(test: TrendTest, size: float = 0.15) -> None:
    """Check a trend test: p in [0, 1], invariances, a trend that is found, and its size on white noise.

    Of 200 series of white noise (240 hourly values) at most the share ``size`` may have p < 0.05; the default lets
    chance and an approximate distribution pass. Of dependent noise it asks nothing: see docs/methods.md.
    """
    assert isinstance(test, TrendTest), f"{test!r} must be an aging.stats.trend_tests.base.TrendTest"
    assert _KIND.fullmatch(test.kind), f"kind {test.kind!r} must consist of lower-case letters, digits and _"
    rng = np.random.default_rng(1)
    t: NDArray[np.float64] = np.arange(240.0) * 3600.0
    noise: NDArray[np.float64] = rng.standard_normal((200, t.size))
    ps = np.array([_p(test, t, y, "white noise") for y in noise])
    share, unknown = float(np.mean(ps < 0.05)), float(np.mean(np.isnan(ps)))
    assert unknown <= size, f"{test.kind}: {unknown:.0%} of 200 series of white noise have no p; at most {size:.0%} may"
    assert share <= size, f"{test.kind}: {share:.0%} of 200 series of white noise have p < 0.05; at most {size:.0%} may"
    rising: NDArray[np.float64] = noise[0] + 0.05 * np.arange(t.size)
    found = test.run(t, rising)
    assert found.p < 0.05, f"{test.kind}: a line of 12 standard deviations in noise has p = {found.p:.3g}"
    assert found.s > 0, f"{test.kind}: s is {found.s:.3g} for a rising series; it must be positive"
    assert test.run(t, -rising).s < 0, f"{test.kind}: s must be negative for a falling series"
    _check_invariance(test, t, noise[1])
    for y in (np.zeros(t.size), np.arange(t.size, dtype=np.float64)):
        _p(test, t, y, "a series without noise")
    try:
        result = test.run(t[:2], rising[:2])
    except SeriesError:
        return
    assert math.isnan(result.p) and result.note, f"{test.kind}: two values must be a SeriesError, or NaN with a note"  # noqa: PT018


def _check_invariance(test: TrendTest, t: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    plain, given = _p(test, t, y, "white noise"), (t.copy(), y.copy())
    assert np.array_equal(t, given[0]) and np.array_equal(y, given[1]), f"{test.kind}: writes to its input"  # noqa: PT018
    cases: Mapping[str, Callable[[], float]] = {
        "asked twice": lambda: _p(test, t, y, "white noise"),
        "1000 is added to every value": lambda: _p(test, t, y + 1000.0, "shifted noise"),
        "every value is multiplied by 1024": lambda: _p(test, t, y * 1024.0, "scaled noise"),
        "every value is negated": lambda: _p(test, t, -y, "negated noise"),
    }
    for what, p in cases.items():
        found = p()
        assert np.isclose(found, plain, rtol=1e-6, atol=1e-9, equal_nan=True), (
            f"{test.kind}: p changes from {plain:.6g} to {found:.6g} when {what}"
        )


def _p(test: TrendTest, t: NDArray[np.float64], y: NDArray[np.float64], what: str) -> float:
    """The p of a series that has noise; NaN where the test says why it has none."""
    result = test.run(t, y)
    p = float(result.p)
    told = math.isnan(p) and bool(result.note)
    assert told or 0 <= p <= 1, f"{test.kind}: p is {p} for {what}; it must be from 0 to 1, or NaN with a note"
    return p


def check_policy(cls: type[Policy[Any]], options: Mapping[str, Any], fires_within: float | None = None) -> None:
    """Check a rejuvenation policy, with ``options`` of its table beside ``policy``.

    It is asked once a second. It must not fire before it has observed anything it decides by, must give the same
    answers to the same observations, must share nothing with another policy, must say what it is missing where nothing
    is read, and must be renewed as a policy of its kind. ``fires_within`` are seconds in which it must fire, where its
    indicators rise from 0 by 1e6 a second.
    """
    assert isinstance(cls, type) and issubclass(cls, Policy), f"{cls!r} must derive from Policy"  # noqa: PT018
    _check_kind(cls)
    table = _parsed(cls, RejuvenationOptions, {"policy": cls.kind, **options})
    one, other, idle = cls(table), cls(table), cls(table)
    names = tuple(one.indicators)
    assert all(_METRIC.fullmatch(name) for name in names), f"{cls.kind}: indicators are {names!r}: no names of metrics"
    assert one.decide(Moment(0.0)) is None, f"{cls.kind}: fires at age 0: a generation would end before it serves"
    fired = None
    for age in np.arange(1.0, 1.0 + (fires_within or 600.0)):
        values = {name: 1e6 * float(age) for name in names} | {"an_indicator_of_others": math.nan}
        for policy in (one, other):
            policy.observe(float(age), values)
            policy.observe(float(age), {})
        now = Moment(float(age), 1_780_000_000.0 + float(age))
        decisions = one.decide(now), other.decide(now)
        assert decisions[0] == decisions[1], (
            f"{cls.kind}: two policies with equal options and readings differ at {age} s"
        )
        fired = decisions[0]
        told = fired is None or (isinstance(fired, Decision) and bool(fired.reason))
        assert told, f"{cls.kind}: decide() must be None or a Decision with a reason"
        if names:
            blind = idle.decide(now)
            assert blind is None, f"{cls.kind}: fires without a reading of {_list(names)}: {blind}"
        if fired is not None:
            break
    lacking = idle.missing(())
    assert lacking is None or (isinstance(lacking, str) and lacking), f"{cls.kind}: missing() is {lacking!r}: no text"
    assert bool(names) <= bool(lacking), f"{cls.kind}: missing() is silent where none of {_list(names)} is read"
    renewed = one.renewed(Subject(generation=2))
    fresh = type(renewed) is cls and renewed is not one and renewed.options == table
    assert fresh, f"{cls.kind}: renewed() gives {renewed!r}; it must be another policy with the same options"
    if fires_within is not None:
        assert fired is not None, f"{cls.kind}: has not fired within {fires_within:g} s of readings that rise"


def check_arrivals(cls: type[Arrivals[Any]], options: Mapping[str, Any], seconds: float = 600.0) -> None:
    """Check an arrival process: times in order, the same for the same draws, its mean rate at 10 % over ``seconds``.

    ``options`` are those of its table beside ``kind``; ``seconds`` must hold whole periods of one that has periods. Of
    a closed loop only the times are looked at.
    """
    assert isinstance(cls, type) and issubclass(cls, Arrivals), f"{cls!r} must derive from Arrivals"  # noqa: PT018
    _check_kind(cls)
    process = cls(_parsed(cls, ArrivalsOptions, {"kind": cls.kind, **options}))
    draws = [_arrivals(cls.kind, process, name, seconds) for name in ("1", "1", "2", "3")]
    assert np.array_equal(draws[0], draws[1]), f"{cls.kind}: two draws of one name give different times"
    if process.places() is not None:
        return
    rate, drawn = process.mean_rate(), float(np.mean([one.size for one in draws[1:]])) / seconds
    assert rate > 0, f"{cls.kind}: mean_rate() is {rate}; it must be requests per second, above 0"
    close = abs(drawn - rate) <= 0.1 * rate + 3 * math.sqrt(rate / (3 * seconds))
    assert close, (
        f"{cls.kind}: mean_rate() is {rate:.4g} requests per second, but {drawn:.4g} arrive over {seconds:g} s"
    )
    twice = process.at_rate(2 * rate)
    assert math.isclose(twice.mean_rate(), 2 * rate, rel_tol=1e-6), (
        f"{cls.kind}: at_rate({2 * rate:g}) has mean_rate() {twice.mean_rate():g}"
    )
    assert process.mean_rate() == rate, f"{cls.kind}: at_rate() changes the process that it is asked of"
    phases = process.phases(Draws("1"), seconds)
    inside = all(0 <= phase.start < phase.end for phase in phases)
    order = all(a.end <= b.start + 1e-9 for a, b in pairwise(phases))
    assert inside and order, f"{cls.kind}: phases must follow each other: {phases}"  # noqa: PT018


def _arrivals(kind: str, process: Arrivals[Any], name: str, seconds: float) -> NDArray[np.int64]:
    chunks: list[NDArray[np.int64]] = []
    for chunk in islice(process.times(Draws(name)), 100_000):
        assert chunk.dtype == np.int64, f"{kind}: times() gives {chunk.dtype}; it must be whole nanoseconds, int64"
        chunks.append(chunk)
        done = process.places() is not None or (chunk.size and chunk[-1] >= seconds * 1e9)
        if done:
            break
    times = np.concatenate([*chunks, np.empty(0, dtype=np.int64)])
    ordered = bool(np.all(np.diff(times) >= 0)) and not (times.size and times[0] < 0)
    assert ordered, f"{kind}: times() must not fall, and must not begin before 0"
    return times[times < seconds * 1e9]


def check_lengths(cls: type[Lengths[Any]], options: Mapping[str, Any], traced: Sequence[int] | None = None) -> None:
    """Check a distribution of lengths, with ``options`` of its table beside ``kind``.

    ``traced`` are lengths from a trace that is replayed, for a distribution that needs them.
    """
    assert isinstance(cls, type) and issubclass(cls, Lengths), f"{cls!r} must derive from Lengths"  # noqa: PT018
    _check_kind(cls)
    table = _parsed(cls, LengthsOptions, {"kind": cls.kind, **options})
    known = None if traced is None else np.asarray(traced, dtype=np.int64)
    for count in (0, 1, 1000) if known is None else (known.size,):
        first, again = (cls(table).tokens(Draws("1"), count, known) for _ in range(2))
        assert first.dtype == np.int64, f"{cls.kind}: tokens() gives {first.dtype}; it must be int64"
        assert first.shape == (count,), f"{cls.kind}: tokens() of {count} requests has the shape {first.shape}"
        assert np.array_equal(first, again), f"{cls.kind}: two draws of one name give different lengths"
        assert not count or first.min() >= 1, f"{cls.kind}: a length of {first.min()}; every one must be at least 1"
        longest = getattr(table, "longest", None)
        within = longest is None or not count or first.max() <= longest
        assert within, f"{cls.kind}: a length of {first.max()} is above the table's longest, {longest}"


def check_trace_format(form: TraceFormat, example: Path) -> None:
    """Check a format of traces against a small ``example`` file of it, and against what is none.

    Whatever a file holds, ``rows`` gives Wrong for what it cannot read, and raises nothing.
    """
    assert isinstance(form, TraceFormat), f"{form!r} must be an aging.load.traces.base.TraceFormat"
    assert _KIND.fullmatch(form.kind), f"kind {form.kind!r} must consist of lower-case letters, digits, - and _"
    assert form.bin >= 0, f"{form.kind}: bin is {form.bin}; it must be seconds, 0 where stamps are exact"
    assert form.recognises(example), f"{form.kind}: does not recognise {example}"
    rows = list(form.rows(example))
    assert rows, f"{form.kind}: {example} has no rows"
    for row in rows:
        assert isinstance(row, Row), f"{form.kind}: {example} is an example, but a row of it is {row!r}"
        assert isinstance(row.at, int), f"{form.kind}: at is {row.at!r}; it must be whole nanoseconds"
        fine = row.prompt_tokens >= 0 and row.output_tokens >= 0
        assert fine, f"{form.kind}: line {row.line} has a negative number of tokens"
    assert list(form.rows(example)) == rows, f"{form.kind}: reads {example} otherwise the second time"
    with TemporaryDirectory(prefix="aging-testing-") as folder:
        nothing, empty, damaged = (Path(folder) / name for name in ("nothing", "empty", "damaged"))
        empty.touch()
        for path in (nothing, empty):
            assert not form.recognises(path), f"{form.kind}: recognises {path.name}, a file that has nothing"
        if example.is_file():
            content = example.read_bytes()
            damaged.write_bytes(content + b'\n\x00\xff{"what": is this?\n')
            read = list(form.rows(damaged))
            told = any(isinstance(row, Wrong) for row in read) and all(isinstance(row, Row | Wrong) for row in read)
            assert told, f"{form.kind}: passes over a line that is no row of it; it must give a Wrong"


def check_section(cls: type[Section], results: Context | Results | str | os.PathLike[str]) -> None:
    """Check a section of the report on a result directory: markup that is closed and that loads nothing.

    Several sections may share a ``Context`` of it, whose series are then computed once.
    """
    assert isinstance(cls, type) and issubclass(cls, Section), f"{cls!r} must derive from Section"  # noqa: PT018
    _check_kind(cls)
    assert cls.title and isinstance(cls.title, str), f"{cls.kind}: title must be its heading"  # noqa: PT018
    assert isinstance(cls.order, int), f"{cls.kind}: order is {cls.order!r}; it must be a whole number"
    context = results if isinstance(results, Context) else _context(results)
    content = cls().render(context)
    assert isinstance(content, Markup), f"{cls.kind}: render() must give Markup, whose text is escaped, not a str"
    assert cls().render(context) == content, f"{cls.kind}: renders the same results otherwise the second time"
    parser = _Markup()
    parser.feed(content)
    assert not parser.wrong, f"{cls.kind}: {parser.wrong[0]}"
    assert not parser.open, f"{cls.kind}: <{parser.open[-1]}> is not closed"


def _context(results: Results | str | os.PathLike[str]) -> Context:
    import aging.stats.trend_tests  # noqa: PLC0415

    measured = Measured(results if isinstance(results, Results) else open_results(Path(results)))
    written = read_findings(measured.results.layout.findings)
    return Context(
        measured, written or analyze(measured.results, discover(aging.stats.trend_tests, TrendTest), measured)
    )


class _Markup(HTMLParser):
    """Notes what is left open and what would be loaded from elsewhere."""

    _VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
    _LOADS = frozenset(("src", "srcset", "data", "poster", "action"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._VOID:
            self.open.append(tag)
        data = tag == "script" and dict(attrs) == {"type": "application/json"}
        if tag in ("script", "iframe", "link", "object", "embed") and not data:
            self.wrong.append(f"<{tag}>: the report runs no scripts and loads nothing")
        self.wrong += [
            f'<{tag} {name}="{value}"> loads something; the report must open offline'
            for name, value in attrs
            if name in self._LOADS and not (value or "").startswith("data:")
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self._VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes what is not open")


def _check_kind(cls: type[Any]) -> None:
    kind = getattr(cls, "kind", None)
    fine = isinstance(kind, str) and _KIND.fullmatch(kind)
    assert fine, f"{cls.__name__}.kind is {kind!r}; it must be a name of lower-case letters, digits, - and _"


def _parsed(cls: Any, base: type[BaseModel], options: Mapping[str, Any]) -> Any:
    """The options as the campaign file's checker reads them."""
    table = getattr(cls, "options_table", None)
    fine = isinstance(table, type) and issubclass(table, base)
    assert fine, f"{cls.kind}: options_table is {table!r}; it must derive from {base.__name__}"
    assert isinstance(table, type) and issubclass(table, BaseModel)  # noqa: PT018
    try:
        parsed = table.model_validate(options)
    except ValidationError as error:
        raise AssertionError(f"{cls.kind}: its options_table refuses {dict(options)!r}: {error}") from None
    try:
        table.model_validate({**options, "no_such_key": 1})
    except ValidationError:
        return parsed
    raise AssertionError(f"{cls.kind}: its options_table takes keys that it does not know; misspellings would pass")


def _json(value: Any, what: str) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} must be JSON, since it is written to the manifest: {error}") from None


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
