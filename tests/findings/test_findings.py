"""From rows on disk to verdicts, on synthetic campaigns whose truth is known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aging.core.errors import require
from aging.core.metrics import DEVICE_MEMORY, PRIMARY
from aging.core.records import HARNESS
from aging.findings.build import analyze
from aging.findings.findings_file import read_findings, write_findings
from aging.findings.indicator_analysis import analyze_all
from aging.findings.series import Measured, Series, run_window
from aging.findings.types import Finding
from aging.runner.catalogue import Catalogue
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from aging.store.segments import SegmentWriter
from tests.builders import LOAD_START, MIB, RATE, SECONDS, flat, leak, memory_finding, synthetic, write_run
from tests.conftest import ROOT


def one_page(t: np.ndarray) -> np.ndarray:
    return flat(t) + np.where(t > 400, 4096.0, 0.0)


def one_jump(t: np.ndarray) -> np.ndarray:
    return flat(t) + np.where(t > 400, 5.0 * MIB, 0.0)


def saturating(t: np.ndarray) -> np.ndarray:
    return 100 * MIB + 50 * MIB * (1 - np.exp(-t / 100)) + np.random.default_rng(1).normal(0, 20_000, t.size)


TESTS = Catalogue.discovered().tests


def test_leak_flat_and_cache(tmp_path: Path) -> None:
    courses = {"leak": leak(5000.0), "flat": flat, "cache": saturating}
    findings = analyze(synthetic(tmp_path / "r", courses), TESTS)
    leaking = memory_finding(findings, "leak")
    assert leaking.verdict == "aging"
    assert leaking.slope_per_request == pytest.approx(5000, rel=0.01)
    assert leaking.slope_per_hour == pytest.approx(5000 * RATE * 3600, rel=0.01)
    assert leaking.ci_per_hour is not None
    assert leaking.ci_per_hour[0] <= 5000 * RATE * 3600 <= leaking.ci_per_hour[1]
    assert memory_finding(findings, "flat").verdict == "stable"
    assert memory_finding(findings, "cache").verdict == "bounded"
    assert "aging" not in {f.verdict for f in findings.findings if f.indicator != PRIMARY}
    assert findings.problems == []


@pytest.mark.parametrize("owner", ["a", "_harness/client-a"])
@pytest.mark.parametrize(
    ("growth", "verdict"), [(0.2 * MIB, "stable"), (0.9 * MIB, "inconclusive"), (2 * MIB, "aging")]
)
def test_growth_beside_resolution(owner: str, growth: float, verdict: str) -> None:
    t = np.arange(60.0, 260.0, 2.0)
    creep = 100 * MIB + growth * (t - 60) / 198
    (found,) = analyze_all([Series(owner, 1, 1, PRIMARY, t, creep, {})], TESTS)
    assert found.verdict == verdict


@pytest.mark.thorough
def test_jump_and_page(tmp_path: Path) -> None:
    findings = analyze(synthetic(tmp_path / "r", {"page": one_page, "jump": one_jump}), TESTS)
    assert memory_finding(findings, "page").verdict == "stable"
    assert memory_finding(findings, "jump").verdict == "step"


def test_controls(tmp_path: Path) -> None:
    courses = {"leak": leak(5000.0), "wrong": leak(5000.0), "clean": flat, "grows": leak(900.0)}
    known = {"leak": 5000.0, "wrong": 9000.0, "clean": 0.0, "grows": 0.0}
    controls = {c.deployment: c for c in analyze(synthetic(tmp_path / "r", courses, known=known), TESTS).controls}
    assert {name: control.passed for name, control in controls.items()} == {
        "leak": True,
        "wrong": False,
        "clean": True,
        "grows": False,
    }
    assert controls["leak"].expected_per_hour == pytest.approx(5000 * RATE * 3600, rel=0.01)


def test_device_memory(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"grows": flat, "elsewhere": flat})
    for name, course in ("grows", leak(5000.0)), ("elsewhere", np.zeros_like):
        t = np.arange(0.5, SECONDS, 1.0)
        rows = [
            {"mono": LOAD_START + at, "entity": "gpu-total", "generation": 1, DEVICE_MEMORY: float(y)}
            | {"device_process_memory_limit_bytes": 200.0 * MIB if y else None, "missing": None}
            for at, y in zip(t, course(t), strict=True)
        ]
        device = SegmentWriter(results.layout.source(name, "device"))
        device.append(0.0, rows)
        device.close()
    findings = {(f.deployment, f.indicator): f for f in analyze(results, TESTS).findings}
    assert ("elsewhere", DEVICE_MEMORY) not in findings
    grows = findings["grows", DEVICE_MEMORY]
    assert grows.verdict == "aging"
    assert grows.slope_per_request == pytest.approx(5000, rel=0.01)
    assert grows.exhaustion_hours is not None
    left = 100 * MIB - 5000 * RATE * SECONDS
    assert grows.exhaustion_hours[0] == pytest.approx(left / (5000 * RATE * 3600), rel=0.02)


def device_rows(results: Results, owner: str, rows: list[dict[str, Any]]) -> None:
    writer = SegmentWriter(results.layout.source(owner, "device"))
    writer.append(0.0, [{"mono": LOAD_START + 1.0 + at, "generation": 1} | row for at, row in enumerate(rows)])
    writer.close()


def test_device_problems(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"a": flat})
    ecc, xids, code = "device_ecc_uncorrected_total", "device_xid_errors_total", "device_xid_last_code"
    lost = json.dumps({"device": "NVML: GPU is lost"})
    device_rows(
        results,
        HARNESS,
        [
            {"entity": "gpu0", ecc: 3.0, xids: 0.0, code: None, "missing": None},
            {"entity": "gpu1", ecc: 7.0, xids: 0.0, code: None, "missing": None},
            {"entity": "gpu-all", ecc: 10.0, xids: 0.0, code: None, "missing": None},
            {"entity": "gpu0", ecc: 5.0, xids: 2.0, code: 79.0, "missing": None},
            {"entity": "gpu0", ecc: None, xids: 2.0, code: 79.0, "missing": lost},
            {"entity": "gpu1", ecc: 7.0, xids: 0.0, code: None, "missing": None},
        ],
    )
    why = {"entity": "gpu-total", "missing": json.dumps({DEVICE_MEMORY: "NVML does not list processes on WSL2"})}
    device_rows(results, "a", [why | {DEVICE_MEMORY: None}])
    unread, device = analyze(results, TESTS).problems
    assert (unread.deployment, unread.kind) == ("a", "unread")
    for part in ("device_process_memory_bytes", "NVML does not list processes on WSL2"):
        assert part in unread.message
    assert (device.deployment, device.kind) == (None, "device")
    for part in ("gpu0", "(the last 79): 2", "ECC errors: 2", "1 of 3 readings failed: NVML: GPU is lost"):
        assert part in device.message


def test_generations(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"saw": leak(5000.0)}, generations=3)
    memory = [one for one in Measured(results).of("saw", 1) if one.indicator == PRIMARY]
    assert [one.generation for one in memory] == [1, 2, 3]
    for one in memory:
        assert (np.diff(one.y) >= 0).all()
        assert 60 <= one.t[0] <= 70
    assert memory_finding(analyze(results, TESTS), "saw").slope_per_request == pytest.approx(5000, rel=0.02)


def test_automatic_warmup(tmp_path: Path) -> None:
    def settling(t: np.ndarray) -> np.ndarray:
        return np.asarray(leak(5000.0)(t) + 80 * MIB * (1 - np.exp(-t / 20)))

    results = synthetic(tmp_path / "r", {"a": settling}, warmup=None)
    window = run_window(results, "a", 1)
    assert window is not None
    assert 60 < window.warmup < 250
    assert memory_finding(analyze(results, TESTS), "a").slope_per_request == pytest.approx(5000, rel=0.03)


def test_run_without_end(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"a": leak(5000.0)}, known={"a": 5000.0})
    kept = [line for line in results.layout.journal.read_text().splitlines() if "load_finished" not in line]
    text = "\n".join(kept).replace(f'"planned_seconds": {float(SECONDS)}', '"planned_seconds": 86400.0')
    results.layout.journal.write_text(text + "\n")
    (control,) = analyze(open_results(tmp_path / "r"), TESTS).controls
    assert control.expected_per_hour == pytest.approx(5000 * RATE * 3600, rel=0.01)
    assert control.passed


def test_counter_rates(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"a": flat})
    (cpu,) = (one for one in Measured(results).of("a", 1) if one.indicator == "process_cpu_seconds_total")
    assert cpu.y == pytest.approx(np.full(cpu.y.size, 0.01))


def test_too_short_run(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"a": leak(5000.0)}, known={"a": 5000.0})
    lines = results.layout.journal.read_text().replace(
        f'"planned_seconds": {float(SECONDS)}', '"planned_seconds": 70.0'
    )
    results.layout.journal.write_text(lines)
    findings = analyze(open_results(tmp_path / "r"), TESTS)
    finding = memory_finding(findings, "a")
    assert (finding.verdict, finding.slope_per_hour, finding.p) == ("inconclusive", None, None)
    (control,) = findings.controls
    assert (control.expected, control.passed) == ("aging", False)


def test_replicas_pooled(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"leak": leak(5000.0)}, replicas=3, host={"memory_limit_bytes": 2 * 2**30})
    finding = memory_finding(analyze(results, TESTS), "leak")
    assert (finding.verdict, finding.replicas) == ("aging", 3)
    assert finding.slope_per_request == pytest.approx(5000, rel=0.01)
    assert finding.disagreement == pytest.approx(0.0, abs=1.0)
    level = 100 * MIB + 5000 * RATE * SECONDS
    assert finding.exhaustion_hours is not None
    assert finding.exhaustion_hours[0] == pytest.approx((2 * 2**30 - level) / (5000 * RATE * 3600), rel=0.02)
    earliest, latest = finding.exhaustion_hours[1:]
    assert earliest is not None
    assert latest is not None
    assert earliest <= finding.exhaustion_hours[0] <= latest


@pytest.mark.thorough
def test_estimate_of_each_replica(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"leak": leak(5000.0)}, replicas=2)
    finding = memory_finding(analyze(results, TESTS), "leak")
    first, second = finding.by_replica
    assert (first.replica, second.replica, first.verdict, first.n) == (1, 2, "aging", finding.n)
    shares = [require(one.weight, "a weight") for one in finding.by_replica]
    rates = [require(one.slope_per_hour, "a rate") for one in finding.by_replica]
    assert sum(shares) == pytest.approx(1.0)
    assert finding.slope_per_hour == pytest.approx(float(np.dot(shares, rates)))
    low, high = require(finding.current_ci_per_hour, "an interval")
    own_low, own_high = require(first.current_ci_per_hour, "an interval")
    assert high - low > 4 * (own_high - own_low)
    assert "few_replicas" in finding.note_codes


def test_one_replica_is_its_own_estimate(tmp_path: Path) -> None:
    finding = memory_finding(analyze(synthetic(tmp_path / "r", {"leak": leak(5000.0)}), TESTS), "leak")
    (own,) = finding.by_replica
    assert (own.weight, own.slope_per_hour, own.ci_per_hour) == (1.0, finding.slope_per_hour, finding.ci_per_hour)
    assert own.current_ci_per_hour == finding.current_ci_per_hour
    assert "few_replicas" not in finding.note_codes


def test_replicas_disagree(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"odd": leak(5000.0)}, replicas=2)
    for path in results.layout.source("odd", "process", 2).glob("*"):
        path.unlink()
    write_run(results.layout, "odd", 2, flat, 1)
    finding = memory_finding(analyze(open_results(tmp_path / "r"), TESTS), "odd")
    assert finding.verdict == "inconclusive"
    assert finding.note_codes == ("replicas_disagree", "replica_verdict", "replica_verdict", "few_replicas")
    assert [verdict in note for verdict, note in zip(("1: aging", "2: stable"), finding.notes[1:3], strict=True)]
    assert finding.disagreement is not None
    assert finding.disagreement > 50


@pytest.mark.thorough
def test_exponent(tmp_path: Path) -> None:
    findings = analyze(synthetic(tmp_path / "r", {"leak": leak(5000.0), "cache": saturating}), TESTS)
    exponent = memory_finding(findings, "leak").exponent
    assert exponent is not None
    assert exponent[1] <= 1.0 <= exponent[2]
    bounded = memory_finding(findings, "cache")
    assert bounded.exponent is not None
    assert bounded.exponent[2] < 0.9
    assert bounded.late_slope_per_hour is not None
    assert bounded.slope_per_hour is not None
    assert bounded.late_slope_per_hour < bounded.slope_per_hour


ON_ALL_CORES = """
import numpy as np
from aging.findings import indicator_analysis
from aging.runner.catalogue import Catalogue
from aging.findings.series import Series

if __name__ == "__main__":
    t = np.arange(60.0, 660.0)
    series = [Series("a", 1, 1, f"x{k}", t, k * 100.0 * t + np.sin(t * (k + 1)), {}) for k in range(4)]
    results = []
    for least in (10**9, 1):
        indicator_analysis._WORTH_A_POOL = least
        results.append([one.result for one in indicator_analysis.analyze_all(series, Catalogue.discovered().tests)])
    assert results[0] == results[1]
    print(len(results[1]))
"""


@pytest.mark.thorough
def test_pool_of_processes(tmp_path: Path) -> None:
    # In a process of its own: a pool's server lives as long as the process that asked for it.
    script = tmp_path / "cores.py"
    script.write_text(ON_ALL_CORES)
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert ran.stdout == "4\n", ran.stderr


KILLED = """
import os
import signal

import numpy as np
from aging.findings import indicator_analysis
from aging.runner.catalogue import Catalogue
from aging.findings.series import Series


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


class Fatal(Series):
    def __reduce__(self):
        return killed, ()


if __name__ == "__main__":
    t = np.arange(60.0, 660.0)
    indicator_analysis._WORTH_A_POOL = 1
    series = [Fatal("a", 1, 1, "x", t, 100.0 * t, {}), Series("a", 1, 1, "y", t, 200.0 * t, {})]
    found = indicator_analysis.analyze_all(series, Catalogue.discovered().tests)
    print(*(round(one.result.trend.slope) for one in found))
"""


@pytest.mark.thorough
def test_a_killed_process_of_the_pool(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert ran.stdout == "100 200\n", ran.stderr


def test_damaged_files(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"a": leak(5000.0), "b": leak(5000.0)})
    (live,) = results.layout.source("a", "process").glob("*.live.jsonl")
    live.with_name("19700101T05.parquet").write_bytes(b"not parquet")
    with results.layout.journal.open("a") as journal:
        journal.write("{half\n")
    findings = analyze(open_results(tmp_path / "r"), TESTS)
    assert memory_finding(findings, "b").verdict == "aging"
    damaged, cut = (problem.message for problem in findings.problems if problem.kind == "trimmed")
    assert "a/r01/process/19700101T05.parquet" in damaged
    assert "journal.jsonl: 1 incomplete line " in cut


def test_write_findings(tmp_path: Path) -> None:
    findings = analyze(synthetic(tmp_path / "r", {"a": flat}), TESTS)
    write_findings(findings, tmp_path / "findings.json")
    written = json.loads((tmp_path / "findings.json").read_text())
    assert [f["indicator"] for f in written["findings"]] == [f.indicator for f in findings.findings]
    assert all(set(f) == set(Finding.__slots__) for f in written["findings"])
    again = read_findings(tmp_path / "findings.json")
    assert again is not None
    write_findings(again, tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == written
    assert list(tmp_path.glob("*.tmp")) == []


def test_engine_metric_never_read(tmp_path: Path) -> None:
    synthetic(tmp_path / "c", {"a": flat})
    engine = SegmentWriter(Layout(tmp_path / "c").source("a", "engine", 1))
    why = json.dumps({"engine_requests_waiting": "the engine has no x:waiting", "engine_requests_running": "once"})
    rows = [
        {
            "mono": LOAD_START + at,
            "entity": "engine",
            "generation": 1,
            "engine_requests_running": at,
            "missing": missing,
        }
        for at, missing in ((1.0, None), (11.0, why))
    ]
    engine.append(0.0, rows)
    engine.close()
    (problem,) = analyze(open_results(tmp_path / "c"), TESTS).problems
    assert problem.kind == "engine"
    assert problem.message.startswith("engine_requests_waiting ")
    assert "no x:waiting" in problem.message


@pytest.mark.slow
@pytest.mark.parametrize("name", ["first-look", "real-runtimes"])
def test_results_of_older_release(name: str) -> None:
    """Their manifests know of neither validity nor attempts nor experiments."""
    results = open_results(ROOT / "results" / name)
    assert "validity" not in results.manifest.as_json()["campaign"]
    before = json.loads(results.layout.findings.read_text())
    assert "runs" not in before
    findings = analyze(results, TESTS)
    assert [run.deployment for run in findings.runs] == list(results.deployments)
    assert {run.validity for run in findings.runs} == {"complete"}
    assert findings.experiments == []
    known = {(one["deployment"], one["indicator"]): one for one in before["findings"]}
    for finding in findings.findings:
        if finding.indicator == PRIMARY and not finding.deployment.startswith(HARNESS):
            assert finding.slope_per_hour == pytest.approx(
                known[finding.deployment, PRIMARY]["slope_per_hour"], rel=0.2
            )
