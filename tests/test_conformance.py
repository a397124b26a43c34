"""Every built-in plug-in passes the conformance kit, and the kit finds what is wrong with a broken one."""

# ruff: noqa: ARG002 - what breaks a contract has its signatures

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from markupsafe import Markup
from pydantic import ConfigDict

import aging.load.traces
import aging.report.sections
from aging import testing
from aging.campaign.schema import DeploymentOptions, RejuvenationOptions
from aging.core.endpoint import Endpoint
from aging.core.plugins import discover
from aging.core.records import Reading
from aging.deployments.base import Deployment
from aging.deployments.lifecycle import Launch
from aging.findings.findings_file import read_findings
from aging.findings.series import Measured
from aging.load.arrivals.poisson import Poisson, PoissonOptions
from aging.load.lengths.fixed import Fixed, FixedOptions
from aging.load.schedule.arrival_times import Times
from aging.load.schedule.rng import Draws
from aging.load.traces.azure import AZURE
from aging.load.traces.base import Row, TraceFormat, Wrong
from aging.rejuvenation.base import Decision, Moment, Policy
from aging.report.html.context import Context
from aging.report.sections.base import Section
from aging.runner.catalogue import Catalogue
from aging.sampling.base import Sampler
from aging.stats.series.prepared import Observed
from aging.stats.trend_tests.base import TestResult, TrendTest
from aging.store.results import open_results
from tests.conftest import ROOT

BUILT_IN = Catalogue.discovered()

DEPLOYMENTS: dict[str, dict[str, Any]] = {
    "command": {"command": ["serve", "{model}", "--port", "{port}"]},
    "container": {"image": "tgi:1"},
    "attach": {"pid": 1},
    "ollama": {"served_model": "tiny"},
    "triton": {"metrics_port": 18090},
}
POLICIES: dict[str, dict[str, Any]] = {
    "never": {},
    "objectives": {"requests_waiting": 5, "ttft_p99": "2s"},
    "cost-optimal": {"limit": "1GB", "cost_restart": 1, "cost_crash": 20},
    "periodic": {"every": "5m"},
    "threshold": {"indicator": "process_rss_bytes", "above": 1e8},
    "trend": {"limit": 1e9, "within": "1h", "watch": "20m", "looks": 4},
    "window": {
        "inner": {"policy": "threshold", "indicator": "process_rss_bytes", "above": 1e8},
        "below": "50%",
        "longest_wait": "10m",
    },
}
ARRIVALS: dict[str, dict[str, Any]] = {
    "closed": {"concurrency": 4},
    "constant": {"rate": 20.0},
    "poisson": {"rate": 20.0},
    "gamma": {"rate": 20.0, "cv": 3.0},
    "on-off": {"on_rate": 60.0, "off_rate": 2.0, "on": "2s", "off": "4s"},
    "diurnal": {"rate": 20.0, "amplitude": 0.8, "period": "50s"},
    "weekly": {"rate": 0.1},
    "overload": {"rate": 10.0, "factor": 5.0, "episode": "10s", "every": "40s"},
    "dose": {"rate": 20.0, "phase": "10s"},
    "ramp": {"start_rate": 10.0, "end_rate": 30.0, "over": "600s"},
}
SECONDS = {"weekly": 7 * 86400.0}
LENGTHS: dict[str, dict[str, Any]] = {
    "fixed": {"tokens": 7},
    "log-normal": {"median": 10, "p95": 30, "min": 1, "max": 100},
    "zipf": {"exponent": 1.5, "max": 1000},
    "trace": {},
}
TRACES = {
    "azure": "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n",
    "burstgpt": "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,230,1317,API log\n",
    "mooncake": '{"timestamp": 0, "input_length": 700, "output_length": 5, "hash_ids": [1, 2]}\n'
    '{"timestamp": 3000, "input_length": 20, "output_length": 9, "hash_ids": [3]}\n',
}


@pytest.fixture(scope="module")
def first_look() -> Context:
    measured = Measured(open_results(ROOT / "results" / "first-look"))
    findings = read_findings(measured.results.layout.findings)
    assert findings is not None
    return Context(measured, findings)


@pytest.mark.parametrize("kind", sorted(BUILT_IN.deployments))
def test_runtimes(kind: str) -> None:
    testing.check_deployment(BUILT_IN.deployments[kind], DEPLOYMENTS.get(kind))


@pytest.mark.parametrize("kind", sorted(BUILT_IN.samplers))
def test_samplers(kind: str) -> None:
    testing.check_sampler(BUILT_IN.samplers[kind])


@pytest.mark.parametrize("kind", sorted(BUILT_IN.tests))
def test_trend_tests(kind: str) -> None:
    testing.check_trend_test(BUILT_IN.tests[kind])


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] if kind == "trend" else [])  # 90 analyses
        for kind in sorted(BUILT_IN.policies)
    ],
)
def test_policies(kind: str) -> None:
    testing.check_policy(BUILT_IN.policies[kind], POLICIES[kind], None if kind == "never" else 1500.0)


@pytest.mark.parametrize("kind", sorted(set(BUILT_IN.arrivals) - {"trace"}))
def test_arrivals(kind: str) -> None:
    testing.check_arrivals(BUILT_IN.arrivals[kind], ARRIVALS[kind], SECONDS.get(kind, 600.0))


@pytest.mark.parametrize("kind", sorted(set(BUILT_IN.lengths) - {"empirical"}))
def test_lengths(kind: str) -> None:
    testing.check_lengths(BUILT_IN.lengths[kind], LENGTHS[kind], [3, 1, 2] if kind == "trace" else None)


def test_replayed_arrivals_and_empirical_lengths(tmp_path: Path) -> None:
    trace, lengths = tmp_path / "trace.csv", tmp_path / "lengths.txt"
    rows = [f"2023-11-16 18:{15 + k // 60:02d}:{k % 60:02d}.0000000,10,5" for k in range(600)]
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows) + "\n")
    lengths.write_text("tokens\n3\n7\n9\n")
    testing.check_arrivals(BUILT_IN.arrivals["trace"], {"file": str(trace), "native_rate": 1.0, "loop": True})
    testing.check_lengths(BUILT_IN.lengths["empirical"], {"file": str(lengths), "column": "tokens", "max": 100})


@pytest.mark.parametrize("kind", sorted(TRACES))
def test_trace_formats(kind: str, tmp_path: Path) -> None:
    example = tmp_path / "trace"
    example.write_text(TRACES[kind])
    testing.check_trace_format(discover(aging.load.traces, TraceFormat)[kind], example)


@pytest.mark.parametrize("kind", sorted(discover(aging.report.sections, Section)))
def test_report_sections(kind: str, first_look: Context) -> None:
    testing.check_section(discover(aging.report.sections, Section)[kind], first_look)


# What follows breaks a contract, each in one place.


class _Options(DeploymentOptions):
    kind: Literal["broken"]


class _Server(Deployment[_Options]):
    kind = "broken"
    options_table = _Options
    words = ("serve", "--port")
    host = "127.0.0.1"

    def launch(self) -> Launch:
        endpoint = Endpoint(f"http://{self.host}:{self.options.port}", model="m")
        return Launch((*self.words, str(self.options.port)), {}, endpoint)


class _Elsewhere(_Server):
    host = "0.0.0.0"


class _Deaf(_Server):
    def launch(self) -> Launch:
        return replace(super().launch(), argv=("serve",))


class _Shared(_Server):
    launched: list[str] = []  # noqa: RUF012 - what is wrong with it

    def launch(self) -> Launch:
        self.launched.append(self.options.name)
        launch = super().launch()
        return replace(launch, argv=(*launch.argv, *self.launched))


class _LooseOptions(_Options):
    model_config = ConfigDict(extra="ignore")


class _Loose(_Server):
    options_table = _LooseOptions


def test_a_sound_runtime_passes() -> None:
    testing.check_deployment(_Server)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (_Elsewhere, "endpoint.base_url is 'http://0.0.0.0:18081'; it must be 'http://127.0.0.1:18081'"),
        (_Deaf, "names its port 18081"),
        (_Shared, "changed when another was made"),
        (_Loose, "misspellings would pass"),
    ],
)
def test_a_broken_runtime_is_found(broken: type[Deployment[Any]], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_deployment(broken)


class _Sampler(Sampler):
    kind = "mine"
    default_interval = 1.0

    def read(self) -> Iterable[Reading]:
        for target in self.targets():
            yield Reading(target.owner, target.entity, target.generation, self.values())

    def values(self) -> dict[str, float]:
        return {"mine_bytes": 1.0}


class _NotANumber(_Sampler):
    def values(self) -> dict[str, float]:
        return {"mine_bytes": float("nan")}


class _Taken(_Sampler):
    def values(self) -> dict[str, float]:
        return {"mono": 1.0}


class _Twice(_Sampler):
    def read(self) -> Iterable[Reading]:
        return [*super().read(), *super().read()]


class _Always(_Sampler):
    def read(self) -> Iterable[Reading]:
        return [Reading("somewhere", "tree", 1, {})]


def test_a_sound_sampler_passes() -> None:
    testing.check_sampler(_Sampler)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (_NotANumber, "mine_bytes is nan; what could not be had belongs in missing"),
        (_Taken, "'mono' is a column of every row already"),
        (_Twice, "two readings of one tick"),
        (_Always, "'somewhere', which is not watched; watched: conformance"),
    ],
)
def test_a_broken_sampler_is_found(broken: type[Sampler], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_sampler(broken)


def _result(p: float, s: float = 1.0) -> TestResult:
    return TestResult(s, 1.0, 0.0, p)


def _by_level(series: Observed) -> TestResult:
    sound = BUILT_IN.tests["mann_kendall"].on(series)
    return replace(sound, p=min(1.0, sound.p + (0.1 if series.y.mean() > 500 else 0.0)))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (TrendTest("always", lambda _: _result(0.01)), "100% of 200 series of white noise"),
        (TrendTest("never", lambda _: _result(0.9)), "a line of 12 standard deviations in noise has p = 0.9"),
        (TrendTest("outside", lambda _: _result(1.5)), "p is 1.5"),
        (TrendTest("by_level", _by_level), "when 1000 is added to every value"),
        (TrendTest("unsigned", lambda series: replace(BUILT_IN.tests["mann_kendall"].on(series), s=1.0)), "negative"),
    ],
    ids=lambda value: value.kind if isinstance(value, TrendTest) else "",
)
def test_a_broken_trend_test_is_found(test: TrendTest, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_trend_test(test)


class _PolicyOptions(RejuvenationOptions):
    policy: Literal["mine"]


class _Eager(Policy[_PolicyOptions]):
    kind = "mine"
    options_table = _PolicyOptions

    def decide(self, now: Moment) -> Decision | None:
        return Decision("now")


class _Blind(_Eager):
    indicators = ("process_rss_bytes",)

    def decide(self, now: Moment) -> Decision | None:
        return Decision("old") if now.age > 5 else None


class _Patient(_Eager):
    def decide(self, now: Moment) -> Decision | None:
        return None


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (_Eager, "fires at age 0"),
        (_Blind, "fires without a reading of process_rss_bytes"),
        (_Patient, "has not fired within 60 s"),
    ],
)
def test_a_broken_policy_is_found(broken: type[Policy[Any]], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_policy(broken, {}, fires_within=60.0)


class _Halved(Poisson):
    def mean_rate(self) -> float:
        return self.options.rate / 2


class _Falling(Poisson):
    def times(self, draws: Draws) -> Iterator[Times]:
        return (chunk[::-1] for chunk in super().times(draws))


class _Random(Poisson):
    def times(self, draws: Draws) -> Iterator[Times]:
        yield np.sort(np.random.default_rng().integers(0, 600 * 10**9, 12_000))
        yield np.array([10**13])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (_Halved, "mean_rate\\(\\) is 10 requests per second, but"),
        (_Falling, "must not fall"),
        (_Random, "two draws of one name"),
    ],
)
def test_a_broken_arrival_process_is_found(broken: type[Poisson], message: str) -> None:
    assert broken.options_table is PoissonOptions
    with pytest.raises(AssertionError, match=message):
        testing.check_arrivals(broken, {"rate": 20.0})


class _Nothing(Fixed):
    def tokens(self, draws: Draws, count: int, traced: Any) -> Any:
        return np.zeros(count, dtype=np.int64)


class _Long(Fixed):
    def tokens(self, draws: Draws, count: int, traced: Any) -> Any:
        return super().tokens(draws, count, traced) + 1


@pytest.mark.parametrize(("broken", "message"), [(_Nothing, "at least 1"), (_Long, "above the table's longest, 7")])
def test_broken_lengths_are_found(broken: type[Fixed], message: str) -> None:
    assert broken.options_table is FixedOptions
    with pytest.raises(AssertionError, match=message):
        testing.check_lengths(broken, {"tokens": 7})


def _forgiving(path: Path) -> Iterator[Row | Wrong]:
    return (row for row in AZURE.rows(path) if isinstance(row, Row))


def test_a_trace_format_that_passes_over_errors_is_found(tmp_path: Path) -> None:
    example = tmp_path / "trace"
    example.write_text(TRACES["azure"])
    with pytest.raises(AssertionError, match="passes over a line"):
        testing.check_trace_format(replace(AZURE, rows=_forgiving), example)


class _Open(Section):
    kind, title, order = "open", "Open", 1

    def render(self, context: Context) -> Markup:
        return Markup("<p><b>never closed</p>")


class _Online(_Open):
    def render(self, context: Context) -> Markup:
        return Markup('<img src="https://example.org/a.png">')


@pytest.mark.parametrize(("broken", "message"), [(_Open, "</p> closes what is not open"), (_Online, "loads something")])
def test_a_broken_section_is_found(broken: type[Section], message: str, first_look: Context) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_section(broken, first_look)
