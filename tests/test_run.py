"""Whole campaigns on real servers: completed, killed, interrupted, rejuvenated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from aging import open_results
from aging.model import Event
from aging.process import MARKER
from aging.store.results import Results
from tests.conftest import Aging, result_directory, unused_port, wait_for, write_campaign

Start = Callable[..., subprocess.Popen[str]]
Write = Callable[..., Path]


def events(root: Path, kind: str) -> list[Event]:
    return [event for event in open_results(root).events if event.kind == kind]


def opened(tmp_path: Path) -> Results:
    return open_results(result_directory(tmp_path / "results"))


def when_loading(tmp_path: Path, seconds: float = 1.0) -> Path:
    """Wait until a campaign's load has run for ``seconds``; returns its result directory."""
    results = tmp_path / "results"
    wait_for(lambda: any(results.glob("*/*/journal.jsonl")), "no journal")
    root = result_directory(results)
    wait_for(lambda: b"load_started" in (root / "journal.jsonl").read_bytes(), "no load")
    time.sleep(seconds)
    return root


def campaign_processes(root: Path) -> list[psutil.Process]:
    """Every process of the machine that carries the campaign's marker."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARKER, "").endswith(root.name):
                found.append(process)
        except psutil.Error:
            continue
    return found


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


def test_the_leak_is_found_at_its_rate_and_the_clean_server_is_not_flagged(completed: Path) -> None:
    findings = json.loads(opened(completed).layout.findings.read_text())
    controls = {control["deployment"]: control for control in findings["controls"]}
    assert controls["leak"]["expected"] == "aging"
    assert controls["leak"]["verdict"] == "aging"
    assert controls["leak"]["slope_per_hour"] == pytest.approx(controls["leak"]["expected_per_hour"], rel=0.1)
    assert controls["clean"]["expected"] == "not aging"
    assert controls["clean"]["passed"]


def test_findings_have_every_key_of_the_contract(completed: Path) -> None:
    findings = json.loads(opened(completed).layout.findings.read_text())
    assert findings["schema"] == 1
    assert findings["campaign"] == "small"
    assert set(findings) == {
        *("schema", "campaign", "started", "findings", "controls", "problems"),
        *("objectives", "runs", "experiments"),
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


def test_every_deployment_got_the_identical_load(completed: Path) -> None:
    results = opened(completed)
    clean, leak = results.requests("clean"), results.requests("leak")
    columns = ["index", "prompt_tokens", "output_tokens_asked", "streaming", "scheduled"]
    assert clean.sort_values("index")[columns].values.tolist() == leak.sort_values("index")[columns].values.tolist()
    assert len(set(results.manifest["schedule_hashes"].values())) == 1
    driven = {event.details["schedule_hash"] for event in events(results.layout.root, "load_finished")}
    assert driven == set(results.manifest["schedule_hashes"].values())
    assert (clean["output_tokens"] == clean["output_tokens_asked"]).all()


def test_every_source_left_its_samples_and_everything_is_sealed(completed: Path) -> None:
    results = opened(completed)
    assert not list(results.layout.root.rglob("*.live.jsonl"))
    process = results.samples("leak", "process")
    loaded = process[process["mono"] >= results.requests("leak")["scheduled"].min()]
    assert len(loaded) == pytest.approx(140, abs=15)
    assert process["mono"].diff().median() == pytest.approx(0.1, abs=0.01)
    assert {"process_rss_bytes", "process_fds", "process_threads", "process_cpu_seconds_total"} <= set(process)
    assert len(results.samples("_harness", "host")) >= 10
    assert results.samples("leak", "engine")["engine_reference_requests_total"].notna().sum() >= 10
    assert {"runner", "client-clean", "client-leak"} == set(results.samples("_harness", "process")["entity"])


def test_the_output_names_the_findings_and_the_report(completed: Path) -> None:
    text = (completed / "stdout").read_text()
    assert "control passed: clean" in text
    root = opened(completed).layout.root.relative_to(completed)
    assert f"report:   {root}/report.html" in text
    assert (completed / root / "report.html").stat().st_size > 10_000


def test_the_derived_files_are_rebuilt(completed: Path, aging: Aging) -> None:
    layout = opened(completed).layout
    before = json.loads(layout.findings.read_text())
    layout.findings.unlink()
    layout.report.unlink()
    ran = aging("analyze", layout.root)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(layout.findings.read_text()) == before
    assert aging("report", layout.root).stdout.strip() == str(layout.report)
    assert layout.report.exists()


def test_status_tells_how_a_campaign_ended(completed: Path, aging: Aging) -> None:
    ran = aging("status", opened(completed).layout.root)
    assert ran.returncode == 0
    assert "small · completed" in ran.stdout
    assert "clean: stopped" in ran.stdout


def test_a_deployment_that_is_killed_takes_only_itself(
    tmp_path: Path, campaign_file: Write, start_aging: Start
) -> None:
    runner = start_aging("run", campaign_file(duration="8s"))
    root = when_loading(tmp_path, 3.0)
    (started,) = (event for event in events(root, "deployment_started") if event.deployment == "leak")
    killed_at = time.monotonic()
    os.kill(started.details["pid"], signal.SIGKILL)
    output, _ = runner.communicate(timeout=60)
    assert runner.returncode == 0, output
    (died,) = events(root, "deployment_died")
    assert died.deployment == "leak"
    assert died.details["why"] == "killed by SIGKILL"
    assert abs(died.stamp.mono - killed_at) < 1.0
    results = open_results(root)
    assert len(results.requests("clean")) > 1.5 * len(results.requests("leak"))
    assert (results.requests("clean")["status"] == "ok").all()
    problems = json.loads(results.layout.findings.read_text())["problems"]
    assert any(problem["kind"] == "died" and "SIGKILL" in problem["message"] for problem in problems)
    assert "killed by SIGKILL" in results.layout.report.read_text()


def test_a_runner_that_is_killed_leaves_no_process_and_loses_at_most_the_last_second(
    tmp_path: Path, campaign_file: Write, start_aging: Start, aging: Aging
) -> None:
    file = campaign_file(duration="60s")
    file.write_text(file.read_text().replace("seed = 7", 'seed = 7\norphan_grace = "0s"'))
    runner = start_aging("run", file)
    root = when_loading(tmp_path, 4.0)
    killed_at = time.monotonic()
    runner.kill()
    runner.wait()
    wait_for(lambda: not campaign_processes(root), f"left behind: {campaign_processes(root)}")
    assert list(root.rglob("*.live.jsonl"))
    ran = aging("analyze", root)
    assert ran.returncode == 0, ran.stderr
    results = open_results(root)
    for deployment in ("clean", "leak"):
        assert results.samples(deployment, "process")["mono"].iloc[-1] > killed_at - 1.0
        assert results.requests(deployment)["finished"].max() > killed_at - 1.0
    assert "the campaign still runs, or its runner was killed" in ran.stdout
    assert f"its runner (pid {runner.pid}) is gone" in aging("status", root).stdout


def test_ctrl_c_once_drains_seals_and_stays_analysable(
    tmp_path: Path, campaign_file: Write, start_aging: Start
) -> None:
    runner = start_aging("run", campaign_file(duration="60s"))
    root = when_loading(tmp_path, 3.0)
    runner.send_signal(signal.SIGINT)
    output, _ = runner.communicate(timeout=30)
    assert runner.returncode == 130, output
    results = open_results(root)
    assert results.state.phase == "interrupted"
    assert (results.requests("clean")["status"] == "ok").all()
    assert not list(root.rglob("*.live.jsonl"))
    assert results.layout.report.exists()
    assert not campaign_processes(root)


def test_ctrl_c_twice_stops_at_once(tmp_path: Path, campaign_file: Write, start_aging: Start) -> None:
    slow = campaign_file(duration="60s")
    slow.write_text(slow.read_text().replace('leak_per_request = "16KiB"', 'ttft = "4s"'))
    runner = start_aging("run", slow)
    root = when_loading(tmp_path, 1.0)
    runner.send_signal(signal.SIGINT)
    wait_for(lambda: b'"interrupt"' in (root / "journal.jsonl").read_bytes(), "not noticed")
    began = time.monotonic()
    runner.send_signal(signal.SIGINT)
    output, _ = runner.communicate(timeout=30)
    assert runner.returncode == 130, output
    (stopped,) = events(root, "campaign_interrupted")
    assert stopped.stamp.mono - began < 8.0
    assert not campaign_processes(root)


@pytest.mark.parametrize(
    "policy",
    ['policy = "periodic"\nevery = "3s"', 'policy = "threshold"\nindicator = "process_fds"\nabove = 1\nwindow = "1s"'],
)
def test_rejuvenation_restarts_and_loses_no_request(
    tmp_path: Path, campaign_file: Write, aging: Aging, policy: str
) -> None:
    extra = f'[rejuvenation]\n{policy}\ndeployments = ["leak"]'
    ran = aging("run", campaign_file(duration="8s", extra=extra))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = opened(tmp_path)
    completed_restarts = events(results.layout.root, "rejuvenation_completed")
    assert completed_restarts
    assert {event.deployment for event in completed_restarts} == {"leak"}
    clean, leak = results.requests("clean"), results.requests("leak")
    assert len(leak) == len(clean)
    assert (leak["status"] == "ok").all()
    assert leak["held"].any()
    assert leak["generation"].nunique() >= 2
    assert results.samples("leak", "process")["generation"].nunique() >= 2


def test_replicas_and_slots_take_turns_with_the_same_load(tmp_path: Path, campaign_file: Write, aging: Aging) -> None:
    file = campaign_file(duration="2s", warmup="0s", extra="")
    text = file.read_text().replace("seed = 7", "seed = 7\nreplicas = 2")
    file.write_text(text.replace('kind = "reference"', 'kind = "reference"\nslot = "one"'))
    ran = aging("run", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = opened(tmp_path)
    order = [(event.deployment, event.details["replica"]) for event in events(results.layout.root, "load_started")]
    assert order == [("clean", 1), ("leak", 1), ("clean", 2), ("leak", 2)]
    hashes: dict[str, Any] = dict(results.manifest["schedule_hashes"])
    assert hashes["clean/r01"] == hashes["leak/r01"] != hashes["clean/r02"] == hashes["leak/r02"]
    for deployment, replica in order:
        assert len(results.requests(str(deployment), replica)) > 20
        assert len(results.samples(str(deployment), "process", replica)) > 5


def test_a_deployment_that_never_becomes_ready_is_told_with_its_log_and_the_others_go_on(
    tmp_path: Path, campaign_file: Write, aging: Aging, free_port: Callable[[], int]
) -> None:
    file = campaign_file(duration="2s", warmup="0s")
    with file.open("a") as text:
        text.write(
            f'[[deployment]]\nname = "broken"\nkind = "command"\nport = {free_port()}\n'
            'command = ["sh", "-c", "echo out of luck; exit 3"]\n'
        )
    ran = aging("run", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = opened(tmp_path)
    (died,) = events(results.layout.root, "deployment_died")
    assert died.deployment == "broken"
    assert "exit 3" in died.details["why"]
    assert died.details["log"] == ["out of luck"]
    assert len(results.requests("clean")) > 20
    assert "out of luck" in ran.stdout


def test_when_nothing_becomes_ready_the_run_is_inconclusive(tmp_path: Path, campaign_file: Write, aging: Aging) -> None:
    file = campaign_file(duration="2s", warmup="0s")
    text = file.read_text().replace('kind = "reference"', 'kind = "command"\ncommand = ["false"]')
    file.write_text(text.replace('leak_per_request = "16KiB"', ""))
    ran = aging("run", file)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert opened(tmp_path).state.phase == "failed"
