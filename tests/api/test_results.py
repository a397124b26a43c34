"""Results: names, frames, series, findings, reports."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import aging
from aging.core.errors import AgingError, InputError
from aging.core.metrics import PRIMARY
from aging.findings.types import Finding
from tests.builders import SECONDS, flat, leak, synthetic
from tests.conftest import ROOT


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
    with pytest.raises(InputError, match="leaking has no series yet: its load has not begun"):
        results.plot.memory("leaking")
    with pytest.raises(InputError, match="leaking has no latency to draw"):
        results.plot.latency("leaking")


def test_a_report_is_written_where_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    results = aging.load_results(folder)
    assert results.report(tmp_path / "mine.html") == tmp_path / "mine.html"
    assert "<html" in (tmp_path / "mine.html").read_text()
    (tmp_path / "reports").mkdir()
    assert results.report(tmp_path / "reports") == tmp_path / "reports" / "report.html"
    with pytest.raises(AgingError, match="cannot be written: No such file or directory"):
        results.report(tmp_path / "missing" / "mine.html")


def test_copies_of_committed_results_open(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "first-look", tmp_path / "mine")
    assert aging.load_results(str(tmp_path / "mine")).runs["validity"].eq("complete").all()


def test_chosen_findings_and_events(opened: aging.Results) -> None:
    results = opened
    frame = results.findings("leaking")
    assert set(frame["deployment"]) == {"leaking"}
    assert results.findings(indicator=PRIMARY)["deployment"].tolist() == ["leaking", "steady"]
    (one,) = results.findings("leaking", PRIMARY, raw=True).findings
    assert (one.verdict, [own.weight for own in one.by_replica]) == ("aging", [1.0])
    started = results.events("load_started", deployment="steady", replica=1)
    assert (started["event"].tolist(), started["deployment"].tolist()) == (["load_started"], ["steady"])
    assert results.events("interrupt").empty, "a kind of event that did not happen"


def test_what_a_notebook_shows(folder: Path) -> None:
    results = aging.load_results(folder)
    assert "Not analyzed yet" in results._repr_html_(), "nothing is computed to be shown"
    found = results.findings(raw=True)
    shown = results._repr_html_()
    assert "leaking" in shown
    assert PRIMARY in shown
    assert found._repr_html_() in shown
    (one,) = results.findings("leaking", PRIMARY, raw=True).findings
    assert "MiB/h" in one._repr_html_()
    hostile = replace(one, deployment="<script>", notes=("<b>",), note_codes=("x",))
    assert "<script>" not in hostile._repr_html_() + replace(found, findings=[hostile], campaign="<b>")._repr_html_()


def test_replicas_are_shown_beside_what_they_pool_to(tmp_path: Path) -> None:
    synthetic(tmp_path, {"leaking": leak(4096)}, replicas=2)
    (one,) = aging.load_results(tmp_path).findings("leaking", PRIMARY, raw=True).findings
    assert "<td>replica 2</td>" in one._repr_html_()
    assert "weight 0.5" in one._repr_html_()


def test_a_dataset_of_all_series(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    synthetic(tmp_path, {"leaking": leak(4096), "steady": flat}, replicas=2)
    results = aging.load_results(tmp_path)
    data = results.to_xarray()
    assert isinstance(data, xarray.Dataset)
    assert data[PRIMARY].dims == ("deployment", "replica", "time")
    assert data[PRIMARY].attrs["units"] == "byte"
    assert data["process_cpu_seconds_total"].attrs["units"] == "1"
    series = results.series("leaking", PRIMARY, 2)
    own = data[PRIMARY].sel(deployment="leaking", replica=2).dropna("time")
    assert own.to_numpy().tolist() == series.tolist()
    assert own["time"].to_numpy().tolist() == series.index.tolist()
    assert list(results.to_xarray([PRIMARY])) == [PRIMARY]
    with pytest.raises(InputError, match="did you mean 'process_anon_swap_bytes'"):
        results.to_xarray(["process_anon_swap"])


def test_without_xarray_the_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(AgingError, match=r"pip install 'llm-aging\[notebooks\]'"):
        aging.load_results(folder).to_xarray()
