"""The public API: what a notebook, a script or a test calls, and what it says when it is called wrongly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import aging
from aging.core.errors import AgingError, CampaignError, InputError
from aging.core.metrics import PRIMARY
from aging.findings.types import Finding
from tests.builders import SECONDS, flat, leak, synthetic
from tests.conftest import ROOT

HOURS = 12
T = np.arange(0.0, HOURS * 3600.0, 60.0)
LEAK = 1000.0  # a second
Y = 1e9 + LEAK * T + 20 * LEAK * np.random.default_rng(1).standard_normal(T.size)
START = pd.Timestamp("2026-11-21T10:00Z")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A completed campaign of a server that leaks and one that does not."""
    synthetic(tmp_path / "campaign", {"leaking": leak(4096), "steady": flat})
    return tmp_path / "campaign"


@pytest.fixture
def running(folder: Path) -> Path:
    """The same campaign before its journal has an end; a third server has not begun."""
    journal = folder / "journal.jsonl"
    journal.write_text("".join(line for line in journal.read_text().splitlines(True) if "completed" not in line))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["deployments"].append({"name": "later", "known_ageing": None})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(autouse=True)
def no_figures_left() -> Iterator[None]:
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return ran.stdout


# The package


def test_importing_aging_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import aging; print(*sorted(set(sys.modules) - before))"
    assert fresh(code).split() in (["aging"], ["__future__", "aging"]), (
        "an editable installation has __future__ already"
    )


def test_every_public_name_is_there_and_listed() -> None:
    for name in aging.__all__:
        assert getattr(aging, name) is not None
        assert name in dir(aging)
    assert "check_sampler" in aging.testing.__all__
    assert "sen_slope" in aging.stats.__all__
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        aging.no_such_name  # noqa: B018
    assert aging.open_results is aging.load_results
    assert aging.AgingError is AgingError


def test_the_former_name_of_the_statistics_warns_and_works() -> None:
    sys.modules.pop("aging.trends", None)
    with pytest.warns(DeprecationWarning, match="aging.trends is now called aging.stats, and its old name goes in 0.3"):
        import aging.trends
    assert set(aging.trends.__all__) == set(aging.stats.__all__)
    assert aging.trends.sen_slope is aging.stats.sen_slope


# Results


def test_results_have_names_runs_and_events(folder: Path) -> None:
    results = aging.load_results(folder)
    assert results.deployments == ("leaking", "steady")
    assert results.phase == "completed"
    assert results.path == folder
    assert repr(results) == f"<aging.Results of {folder} (completed): leaking, steady>"
    runs = results.runs
    assert list(runs["deployment"]) == ["leaking", "steady"]
    assert set(runs["validity"]) == {"complete"}
    assert (runs["end"] - runs["start"]).dt.total_seconds().tolist() == [pytest.approx(SECONDS, abs=2e-3)] * 2
    events = results.events()
    assert events["event"].iloc[0] == "campaign_started"
    assert events["event"].iloc[-1] == "campaign_completed"
    assert str(events["wall"].dtype) == "datetime64[ns, UTC]"
    assert set(events["replica"].dropna()) == {1}
    assert results.manifest == results.stored.manifest


def test_samples_and_requests_are_indexed_by_seconds_of_load() -> None:
    results = aging.load_results(ROOT / "results" / "first-look")
    samples = results.samples("reference-leak", "process")
    run = results.stored.state.runs["reference-leak", 1]
    assert samples.index.name == "seconds_of_load"
    assert samples.index.to_numpy() == pytest.approx(samples["mono"].to_numpy() - run.load_start)
    assert str(samples["wall"].dtype) == "datetime64[ns, UTC]"
    few = results.samples("reference-leak", "process", columns=[PRIMARY])
    assert list(few) == ["wall", "mono", "generation", "entity", PRIMARY]
    harness = results.samples("_harness", "process")
    assert "runner" in set(harness["entity"])
    requests = results.requests("reference-leak")
    ok = requests[requests["status"] == "ok"]
    assert ok["e2e"].to_numpy() == pytest.approx((ok["last_token"] - ok["sent"]).to_numpy())
    scheduled = results.requests("reference-leak", base="scheduled")
    assert (scheduled["ttft"].dropna() >= requests["ttft"].dropna()).all()
    assert requests.index.is_monotonic_increasing


def test_a_series_is_the_one_that_is_judged() -> None:
    results = aging.load_results(ROOT / "results" / "first-look")

    def finding(indicator: str) -> Finding:
        every = results.findings(raw=True).findings
        return next(one for one in every if (one.deployment, one.indicator) == ("llama-cpp-default", indicator))

    series = results.series("llama-cpp-default", "process_rss_bytes")
    assert series.name == "process_rss_bytes"
    found, judged = aging.trend(series), finding("process_rss_bytes")
    assert (found.slope_per_hour, found.ci_per_hour) == (judged.slope_per_hour, judged.ci_per_hour)
    assert (found.verdict, found.n, found.p) == (judged.verdict, judged.n, judged.p)
    row = results.findings().query("deployment == 'llama-cpp-default' and indicator == 'process_rss_bytes'").iloc[0]
    assert (row["ci_per_hour_low"], row["ci_per_hour_high"]) == judged.ci_per_hour
    cpu = results.series("llama-cpp-default", "process_cpu_seconds_total")
    assert cpu.name == "process_cpu_seconds_total per second", "a rate must not be taken for a counter again"
    assert aging.trend(cpu).slope_per_hour == finding("process_cpu_seconds_total").slope_per_hour
    assert results.series("_harness/runner", PRIMARY).size > 12


def test_of_several_generations_the_longest_stands_for_the_run(tmp_path: Path) -> None:
    synthetic(tmp_path, {"server": leak(4096)}, generations=2)
    results = aging.load_results(tmp_path)
    lengths = {number: results.series("server", PRIMARY, generation=number).size for number in (1, 2)}
    assert results.series("server", PRIMARY).size == max(lengths.values())
    with pytest.raises(InputError, match="of generation 3; it has: 1, 2"):
        results.series("server", PRIMARY, generation=3)


def test_findings_are_computed_where_no_file_has_them_and_read_where_one_does(folder: Path) -> None:
    computed = aging.load_results(folder).findings()
    assert not (folder / "findings.json").exists(), "looking must write nothing"
    verdicts = computed.set_index(["deployment", "indicator"])["verdict"]
    assert (verdicts["leaking", PRIMARY], verdicts["steady", PRIMARY]) == ("aging", "stable")
    results = aging.analyze(folder)
    assert (folder / "report.html").is_file()
    written = json.loads((folder / "findings.json").read_text())
    assert [row["verdict"] for row in written["findings"]] == list(results.findings()["verdict"])
    written["findings"][0]["verdict"] = "cyclic"
    (folder / "findings.json").write_text(json.dumps(written))
    assert aging.load_results(folder).findings()["verdict"].iloc[0] == "cyclic"
    raw = aging.load_results(folder).findings(raw=True)
    assert raw.campaign == "synthetic"
    assert {run.validity for run in raw.runs} == {"complete"}


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 99}'], ids=["cut", "other", "newer"])
def test_findings_that_cannot_be_read_are_computed(folder: Path, content: str) -> None:
    (folder / "findings.json").write_text(content)
    assert len(aging.load_results(folder).findings()) > 2


def test_findings_older_than_the_journals_end_are_computed(folder: Path) -> None:
    aging.analyze(folder)
    written = json.loads((folder / "findings.json").read_text())
    written["findings"] = []
    (folder / "findings.json").write_text(json.dumps(written))
    os.utime(folder / "findings.json", (1.0, 1.0))
    assert len(aging.load_results(folder).findings()) > 2


def test_a_running_campaign_can_be_looked_at(running: Path) -> None:
    results = aging.load_results(running)
    assert results.phase == "running"
    assert len(results.samples("leaking", "process")) == SECONDS
    findings = results.findings()
    assert findings.set_index("deployment")["verdict"].loc["leaking"].tolist()
    assert not (running / "findings.json").exists()
    with pytest.raises(InputError, match=r"later has no replica 1; it has not begun yet \(the campaign is running\)"):
        results.samples("later", "process")
    assert results.plot.memory("leaking").get_title(loc="left") == "leaking"


def test_a_run_without_load_yet_counts_from_its_first_row(folder: Path) -> None:
    journal = folder / "journal.jsonl"
    journal.write_text("".join(line for line in journal.read_text().splitlines(True) if '"load_' not in line))
    results = aging.load_results(folder)
    samples = results.samples("leaking", "process")
    assert samples.index.name == "seconds_since_first_row"
    assert samples.index[0] == 0.0
    assert results.runs["start"].isna().all()
    with pytest.raises(InputError, match="leaking has no series yet: its load has not begun"):
        results.series("leaking", PRIMARY)
    with pytest.raises(InputError, match="leaking has no memory to draw"):
        results.plot.memory("leaking")
    with pytest.raises(InputError, match="leaking has no latency to draw"):
        results.plot.latency("leaking")


def test_the_plots_are_the_reports(folder: Path) -> None:
    results = aging.load_results(folder)
    memory = results.plot.memory("leaking")
    assert memory.get_xlabel() == "minutes since the load began"
    t, y = memory.lines[0].get_data()
    assert np.asarray(t)[0] == pytest.approx(0.5)
    assert np.nanmax(np.asarray(y, dtype=float)) > 110 * 2**20
    given = pyplot.figure().add_subplot()
    assert results.plot.latency("leaking", axes=given) is given
    assert aging.trend(results.series("leaking", PRIMARY)).plot().get_title(loc="left") == f"{PRIMARY}: aging"
    with pytest.raises(InputError, match="ndarray is no matplotlib Axes; of an array of them pass one"):
        results.plot.memory("leaking", axes=np.array([given]))  # type: ignore[arg-type]


def test_a_harness_process_can_be_drawn() -> None:
    results = aging.load_results(ROOT / "results" / "first-look")
    assert results.plot.memory("_harness/runner").get_title(loc="left") == "_harness/runner"
    with pytest.raises(InputError, match="no harness process '_harness/runer'; did you mean '_harness/runner'"):
        results.plot.memory("_harness/runer")


def test_a_report_is_written_where_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    results = aging.load_results(folder)
    assert results.report(tmp_path / "mine.html") == tmp_path / "mine.html"
    assert "<html" in (tmp_path / "mine.html").read_text()
    (tmp_path / "reports").mkdir()
    assert results.report(tmp_path / "reports") == tmp_path / "reports" / "report.html"
    with pytest.raises(AgingError, match="cannot be written: No such file or directory"):
        results.report(tmp_path / "missing" / "mine.html")


# Results, called wrongly


def test_a_path_that_is_no_result_directory_says_what_it_is(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(AgingError, match="does not exist"):
        aging.load_results(tmp_path / "none")
    with pytest.raises(AgingError, match=r"is not a result directory .* the latest below it is .*campaign"):
        aging.load_results(tmp_path)
    with pytest.raises(AgingError, match="is not a result directory"):
        aging.analyze(folder / "leaking")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.samples("leakng", "process"), "no deployment 'leakng'; did you mean 'leaking'"),
        (lambda r: r.samples("leaking", "proces"), "left no rows of 'proces'; did you mean 'process'"),
        (lambda r: r.samples("leaking", "device"), "left no rows of 'device'; known: process, requests"),
        (lambda r: r.samples("leaking", "process", 2), "no replica 2; it has: 1"),
        (lambda r: r.samples("leaking", "process", columns=["procss_fds"]), "has no column 'procss_fds'"),
        (lambda r: r.samples("leaking", "process", "1"), "no replica '1'; it has: 1"),
        (lambda r: r.samples("leaking", "process", columns="mono"), "give a list of names, like ['mono']"),
        (lambda r: r.requests("nobody"), "no deployment 'nobody'; known: _harness, leaking, steady"),
        (lambda r: r.requests("leaking", base="due"), "base: 'due' is unknown; known: scheduled, sent, waited"),
        (lambda r: r.series("leaking", "process_anon_swap"), "did you mean 'process_anon_swap_bytes'"),
        (lambda r: r.series("leaking", "process_fds"), "has no series of process_fds; it has: process_anon_swap_bytes"),
        (lambda r: r.series("leakng", PRIMARY), "did you mean 'leaking'"),
        (lambda r: r.plot.memory("leakng"), "did you mean 'leaking'"),
        (lambda r: r.plot.latency("leaking", 4), "no replica 4; it has: 1"),
    ],
)
def test_a_wrong_name_says_which_are_there(folder: Path, call: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        call(aging.load_results(folder))
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, AgingError)


# Trends


def dates(zone: str | None) -> pd.DatetimeIndex:
    index = pd.DatetimeIndex(START + pd.to_timedelta(T, unit="s"))
    return index.tz_localize(None) if zone is None else index.tz_convert(zone)


FORMS: dict[str, tuple[Any, ...]] = {
    "seconds": (pd.Series(Y, index=T),),
    "whole seconds": (pd.Series(Y, index=T.astype(int)),),
    "timedeltas": (pd.Series(Y, index=pd.to_timedelta(T, unit="s")),),
    "dates in UTC": (pd.Series(Y, index=dates("UTC")),),
    "dates in Berlin": (pd.Series(Y, index=dates("Europe/Berlin")),),
    "dates without a zone": (pd.Series(Y, index=dates(None)),),
    "dates by the microsecond": (pd.Series(Y, index=dates("UTC").as_unit("us")),),
    "epoch seconds": (pd.Series(Y, index=T + START.timestamp()),),
    "epoch milliseconds": (pd.Series(Y, index=((T + START.timestamp()) * 1000).astype(int)),),
    "nullable values": (pd.Series(Y, index=T, dtype="Float64"),),
    "arrays": (T, Y),
    "lists": (T.tolist(), Y.tolist()),
    "a range": (range(0, HOURS * 3600, 60), Y),
    "datetimes": ([START.to_pydatetime() + timedelta(seconds=float(t)) for t in T], Y),
    "a column of dates": (pd.Series(dates("Asia/Tokyo")), pd.Series(Y)),
    "datetime64": (dates(None).to_numpy(), Y),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_series_gives_the_same_slope(form: str) -> None:
    found = aging.trend(*FORMS[form])
    assert found.verdict == "aging"
    assert found.slope_per_hour == pytest.approx(3600 * LEAK, rel=0.01)
    low, high = found.ci_per_hour
    assert low < found.slope_per_hour < high
    assert found.n == T.size


def test_a_day_that_is_set_back_by_an_hour_is_not_out_of_order() -> None:
    t = pd.date_range("2026-10-25T00:00", periods=60, freq="5min", tz="UTC").tz_convert("Europe/Berlin")
    found = aging.trend(pd.Series(1e6 * np.arange(60.0) + np.sin(np.arange(60.0)), index=t))
    assert found.slope_per_hour == pytest.approx(12e6, rel=1e-3)
    with pytest.raises(InputError, match=r"not in order .* local times go back when summer time ends: localize"):
        aging.trend(pd.Series(np.arange(60.0), index=t.tz_localize(None)))


def test_a_zone_of_its_own_for_each_time() -> None:
    stamps = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=k) for k in range(30)]
    mixed = [one.astimezone(tz=None) if k % 2 else one for k, one in enumerate(stamps)]
    assert aging.trend(mixed, 1e6 * np.arange(30.0)).slope_per_hour == pytest.approx(60e6)


def test_what_a_trend_tells() -> None:
    found = aging.trend(pd.Series(Y, index=dates("UTC"), name="rss_bytes"))
    assert found.name == "rss_bytes"
    assert any("first sample" in note for note in found.notes), "dates say nothing of when load began"
    assert not aging.trend(T, Y).notes
    assert found.p < 0.001
    assert (found.shape, found.direction) == ("linear", "increasing")
    assert found.minimum_detectable_per_hour is not None
    assert found.exponent is not None
    assert found.n_effective > 100
    shown = repr(found)
    assert shown.startswith("rss_bytes: aging (linear)\n  current rate: +3.4")
    assert "MiB/h" in shown
    html = aging.trend(pd.Series(Y, index=T, name="<b>&"))._repr_html_()
    assert "<b>&lt;b&gt;&amp;: aging</b>" in html
    steady = aging.trend(T, np.ones(T.size))
    assert (steady.verdict, steady.slope_per_hour, steady.minimum_detectable_per_hour) == ("stable", 0.0, None)
    assert "least detectable: –" in repr(steady)


def test_outlook_of_a_series() -> None:
    assert aging.trend(T, Y).outlook is None
    assert aging.trend(pd.Series(Y, index=T, name="rss_kb"), limit="64GiB").outlook is None
    found = aging.trend(pd.Series(Y, index=T, name="rss_bytes"), limit="64GiB", horizon="10d")
    assert found.outlook is not None
    assert (found.outlook.answer, found.outlook.limit, found.outlook.horizon_hours) == ("safe", 64 * 2**30, 240.0)
    assert found.current_ci_per_hour[0] <= found.current_per_hour <= found.current_ci_per_hour[1]
    assert "outlook: Safe for 10 days" in repr(found)
    assert found.growth_axis == "seconds"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"horizon": "3d"}, "limit="),
        ({"limit": "64"}, "limit"),
        ({"limit": -3.0}, "above 0"),
        ({"limit": [1]}, "64GiB"),
        ({"limit": "64GiB", "horizon": 0}, "horizon"),
    ],
)
def test_wrong_limits_and_horizons(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        aging.trend(T, Y, **options)


def test_the_start_of_load_the_grid_and_the_warm_up() -> None:
    series = pd.Series(Y, index=dates("Europe/Berlin"), name="rss")
    found = aging.trend(series, load_start="2026-11-21T11:00Z", resample="5m", warmup="30m")
    assert found.n == 126  # eleven hours less thirty minutes, by five minutes
    assert "60 rows before the start of load are left out." in found.notes
    assert aging.trend(series, load_start=START + pd.Timedelta("1h")).n == 660
    assert aging.trend(T, Y, load_start=3600).n == 660
    assert aging.trend(T, Y, resample=300).n == aging.trend(T, Y, resample=timedelta(minutes=5)).n == 144
    assert aging.trend(series, warmup="auto").n <= series.size


def test_a_counter_is_judged_by_its_rate() -> None:
    counter = pd.Series(5.0 * T, index=T, name="requests_total")
    found = aging.trend(counter)
    assert found.verdict == "stable"
    assert "counter" in [note.code for note in found.analysis.notes]


def test_missing_values_are_left_out_with_a_note() -> None:
    y = Y.copy()
    y[::10] = np.nan
    y[5] = np.inf
    found = aging.trend(T, y)
    assert found.n == T.size - 73
    assert found.notes[0].startswith("73 of 720 rows")
    times = [None if k == 3 else time for k, time in enumerate(dates("UTC"))]
    assert aging.trend(times, Y).n == T.size - 1


BAD: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "unsorted": ((T[::-1], Y), {}, "y: its times are not in order (43080.0 comes after 43140.0, and 719 times go back"),
    "unsorted dates": (
        (pd.Series(Y, index=dates("UTC")[::-1], name="rss"),),
        {},
        "sort them, like series.sort_index()",
    ),
    "only NaN": ((T, np.full(T.size, np.nan)), {}, "y: none of its 720 rows has both a time and a finite value"),
    "empty": ((pd.Series([], dtype=float, index=pd.DatetimeIndex([])),), {}, "y is empty"),
    "empty lists": (([], []), {}, "y is empty"),
    "too few": ((T[:5], Y[:5]), {}, "the series has 5 distinct times; at least 12 are needed"),
    "lengths": ((T[:5], Y), {}, "t has 5 values and y has 720: they must be equally many"),
    "row numbers": ((pd.Series(Y, name="rss"),), {}, "rss: its index is the row number (0, 1, 2, …), which is no time"),
    "text": (
        (pd.Series(Y, index=[f"row {k}" for k in range(T.size)]),),
        {},
        "its times are str, which is no time: give",
    ),
    "periods": (
        (pd.Series(Y, index=pd.period_range("2026", periods=T.size, freq="min")),),
        {},
        "series.to_timestamp()",
    ),
    "categories": ((pd.Series(Y[:3], index=pd.CategoricalIndex(list("abc"))),), {}, "its times are str"),
    "booleans": ((pd.Series(Y[:2], index=[True, False]),), {}, "its times are"),
    "levels": (
        (pd.Series(Y, index=pd.MultiIndex.from_arrays([T, T])),),
        {},
        "its index has 2 levels: leave one, the time (series.droplevel)",
    ),
    "a frame": ((pd.DataFrame({"rss": Y}, index=T),), {}, "a DataFrame is no series: name one of its columns ('rss')"),
    "an array alone": ((Y,), {}, "ndarray has no times: pass a pandas Series whose index is its times, or aging.trend"),
    "two dimensions": ((T, Y.reshape(2, -1)), {}, "y must have one dimension"),
    "text values": ((T[:2], ["1 MB", "2 MB"]), {}, "are no real numbers: convert them, like pd.to_numeric(s, errors="),
    "complex values": ((T, Y * 1j), {}, "are no real numbers"),
    "grid": (
        (T, Y),
        {"resample": "5 parsecs"},
        "resample: '5 parsecs' is not a duration; write a number with its unit",
    ),
    "no grid": ((T, Y), {"resample": 0}, "resample: 0 is not a positive number of seconds"),
    "warm-up": ((T, Y), {"warmup": "-3s"}, "warmup: '-3s' is not a duration"),
    "a list of warm-ups": ((T, Y), {"warmup": [1]}, "warmup: [1] is no span of time; give seconds, or text like '90s'"),
    "all warm-up": ((T, Y), {"warmup": "2d"}, "y: "),
    "later start": ((T, Y), {"load_start": 1e6}, "all of its rows lie before the start of load (1000000.0)"),
    "a date for seconds": ((T, Y), {"load_start": "2026-11-21"}, "give seconds, as its times are"),
    "no date": ((pd.Series(Y, index=dates("UTC")),), {"load_start": "noon"}, "give a time like '2026-11-21T10:00Z'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_judged_says_what_would_be_right(case: str) -> None:
    arguments, options, message = BAD[case]
    with pytest.raises(InputError) as caught:
        aging.trend(*arguments, **options)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


# Campaigns


def test_a_campaign_that_cannot_run_is_refused_with_its_mistakes(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match=r"none.toml.*\n.*cannot be read: No such file"):
        aging.run(tmp_path / "none.toml")
    with pytest.raises(InputError, match="must be a campaign file or its text, not 7"):
        aging.run(7)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"duration: -3\.0 is not a positive number of seconds"):
        aging.run("\n", duration=-3.0)


def test_mistakes_come_back_from_the_process_that_found_them(tmp_path: Path) -> None:
    with pytest.raises(CampaignError) as caught:
        aging.run('schema = 1\nname = "x"\nsed = 1\n', duration="3 parsecs", results=tmp_path, quiet=True)
    assert caught.value.subject == "campaign"
    assert {"sed", "duration"} <= {mistake.where for mistake in caught.value.mistakes}
    assert not list(tmp_path.iterdir())


def test_copies_of_committed_results_open(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "first-look", tmp_path / "mine")
    assert aging.load_results(str(tmp_path / "mine")).runs["validity"].eq("complete").all()


def test_samples_of_requests_points_to_requests() -> None:
    with pytest.raises(InputError, match=r"call requests\('reference-leak'\)"):
        aging.load_results(ROOT / "results" / "first-look").samples("reference-leak", "requests")


@pytest.mark.parametrize("path", [None, 5, b"results", ""])
def test_load_results_wants_a_path(path: Any) -> None:
    with pytest.raises(InputError, match="is not a path"):
        aging.load_results(path)


def test_what_falls_come_from() -> None:
    teeth = 1e9 + 1e6 * (T % 4320.0) / 4320.0 + 1e4 * np.random.default_rng(2).standard_normal(T.size)
    assert aging.trend(T, teeth).analysis.restarts == ()
    restarted = aging.trend(T, teeth, falls="restarts")
    assert (restarted.verdict, len(restarted.analysis.restarts)) == ("aging", 9)
    with pytest.raises(InputError, match="falls"):
        aging.trend(T, teeth, falls="resets")  # type: ignore[call-overload]
