"""One real campaign from its start to its end: what it found, what it left, and what the verbs tell of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aging.store.events import Event
from aging.store.results import Results, open_results
from tests.command_line import run_here
from tests.conftest import result_directory, unused_port, write_campaign


def events(root: Path, kind: str) -> list[Event]:
    return [event for event in open_results(root).events if event.kind == kind]


def opened(tmp_path: Path) -> Results:
    return open_results(result_directory(tmp_path / "results"))


@pytest.fixture(scope="module")
def completed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small campaign, run once for every test that only reads it."""
    folder = tmp_path_factory.mktemp("completed")
    file = write_campaign(folder, unused_port(), unused_port(), duration="14s", warmup="3s", tick="100ms")
    argv = [sys.executable, "-m", "aging", "run", str(file)]
    ran = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (folder / "stdout").write_text(ran.stdout)
    return folder


def test_leak_found_and_clean_server_stable(completed: Path) -> None:
    findings = json.loads(opened(completed).layout.findings.read_text())
    controls = {control["deployment"]: control for control in findings["controls"]}
    assert controls["leak"]["expected"] == "aging"
    assert controls["leak"]["verdict"] == "aging"
    assert controls["leak"]["slope_per_hour"] == pytest.approx(controls["leak"]["expected_per_hour"], rel=0.1)
    assert controls["clean"]["expected"] == "not aging"
    assert controls["clean"]["passed"]


def test_findings_keys(completed: Path) -> None:
    findings = json.loads(opened(completed).layout.findings.read_text())
    assert findings["schema"] == 1
    assert findings["campaign"] == "small"
    assert set(findings) == {
        *("schema", "campaign", "started", "aging_version", "findings", "controls", "problems"),
        *("objectives", "runs", "experiments", "unjudged"),
        *("rejuvenations", "decisions_not_carried_out", "policies", "gate"),
    }
    assert {(run["deployment"], run["validity"]) for run in findings["runs"]} == {
        ("clean", "complete"),
        ("leak", "complete"),
    }
    assert findings["experiments"] == []
    keys = {
        *("deployment", "indicator", "replicas", "n", "verdict", "shape", "slope_per_hour", "ci_per_hour"),
        *("slope_per_request", "p", "q", "minimum_detectable_per_hour", "tests"),
    }
    for finding in findings["findings"]:
        assert keys <= set(finding)
        assert {"mann_kendall", "hamed_rao"} <= set(finding["tests"])
    (leak,) = (
        f for f in findings["findings"] if (f["deployment"], f["indicator"]) == ("leak", "process_anon_swap_bytes")
    )
    assert leak["slope_per_request"] == pytest.approx(16384, rel=0.1)
    busy_host = {"ticks", "late"}
    assert {problem["kind"] for problem in findings["problems"]} <= busy_host


def test_identical_load(completed: Path) -> None:
    results = opened(completed)
    clean, leak = results.requests("clean"), results.requests("leak")
    columns = ["index", "prompt_tokens", "output_tokens_asked", "streaming", "scheduled"]
    assert clean.sort_values("index")[columns].values.tolist() == leak.sort_values("index")[columns].values.tolist()
    assert len(set(results.manifest.schedule_hashes.values())) == 1
    driven = {event.details["schedule_hash"] for event in events(results.layout.root, "load_finished")}
    assert driven == set(results.manifest.schedule_hashes.values())
    assert (clean["output_tokens"] == clean["output_tokens_asked"]).all()


def test_all_sources_sealed(completed: Path) -> None:
    results = opened(completed)
    assert not list(results.layout.root.rglob("*.live.jsonl"))
    process = results.samples("leak", "process")
    loaded = process[process["mono"] >= results.requests("leak")["scheduled"].min()]
    assert len(loaded) + loaded["missed"].sum() == pytest.approx(140, abs=15), "what a busy host misses is counted"
    assert {"process_rss_bytes", "process_fds", "process_threads", "process_cpu_seconds_total"} <= set(process)
    assert len(results.samples("_harness", "host")) >= 10
    assert results.samples("leak", "engine")["engine_reference_requests_total"].notna().sum() >= 10
    assert {"runner", "client-clean", "client-leak"} == set(results.samples("_harness", "process")["entity"])


def test_output_has_paths(completed: Path) -> None:
    text = (completed / "stdout").read_text()
    assert "control passed: clean" in text
    root = opened(completed).layout.root.relative_to(completed)
    assert f"report:   {root}/report.html" in text
    assert (completed / root / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_analyze_rebuilds_files(completed: Path) -> None:
    layout = opened(completed).layout
    before = json.loads(layout.findings.read_text())
    layout.findings.unlink()
    layout.report.unlink()
    ran = run_here(completed, "analyze", layout.root)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(layout.findings.read_text()) == before
    assert run_here(completed, "report", layout.root).stdout.strip() == str(layout.report)
    assert layout.report.exists()


def test_status_of_ended_campaign(completed: Path) -> None:
    ran = run_here(completed, "status", opened(completed).layout.root)
    assert ran.returncode == 0
    assert "small · completed" in ran.stdout
    assert "clean: stopped" in ran.stdout
