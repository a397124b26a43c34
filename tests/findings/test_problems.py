"""Problems of a measurement, by kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aging.core.records import HARNESS
from aging.findings.problems import problems_of
from aging.findings.series import Measured
from aging.report.charts.latency import latency_chart, latency_summary
from aging.store.results import Results, open_results
from aging.store.sealing import seal_tree
from aging.store.segments import SegmentWriter
from tests.builders import LOAD_START, RATE, SECONDS, flat, synthetic, with_requests


def messages_by_kind(results: Results) -> dict[str, str]:
    return {problem.kind: problem.message for problem in problems_of(results)}


LEFT = {"status": "aborted", "fault": "abort", "last_token": None}
REFUSED = {"status": "refused", "fault": "malformed", "http_status": 400, "first_token": None, "last_token": None}


def test_client_faults_are_no_errors(tmp_path: Path) -> None:
    slow = {"first_token": LOAD_START + 100.0}
    odd = dict.fromkeys(range(0, 200, 2), LEFT | slow) | dict.fromkeys(range(1, 200, 2), REFUSED)
    results = with_requests(tmp_path / "c", odd)
    assert messages_by_kind(results) == {}
    measured = Measured(results)
    chart, summary = latency_chart(measured, "server", 1), latency_summary(measured, "server", 1)
    assert chart is not None
    assert summary is not None
    assert (summary.errors, summary.dropped, sum(mark.kind == "fault" for mark in chart.marks)) == (0, 0, 0)
    assert summary.p95 == pytest.approx(0.01)
    ttft = next(one for one in Measured(results).of("server", 1) if one.indicator == "client_ttft_seconds")
    assert ttft.y.max() == pytest.approx(0.01)


def test_two_releases(tmp_path: Path) -> None:
    synthetic(tmp_path, {"server": flat})
    with (tmp_path / "journal.jsonl").open("a") as journal:
        resumed = {"pid": 1, "boot": "", "shift": 0.0, "gone_since": LOAD_START + 9.0, "version": "9.9"}
        journal.write(
            json.dumps({"event": "campaign_resumed", "wall": 0.0, "mono": LOAD_START + 10.0} | resumed) + "\n"
        )
    messages = [problem.message for problem in problems_of(open_results(tmp_path)) if problem.kind == "resumed"]
    assert any("aging 9.9" in message for message in messages)


def test_errors_by_kind(tmp_path: Path) -> None:
    cut = {"status": "error", "failure": "timeout", "error": "not answered within 5 s"}
    odd = {3: cut, 4: cut, 5: {"status": "error", "failure": "reset", "error": "gone"}}
    message = messages_by_kind(with_requests(tmp_path / "c", odd))["error"]
    for part in ("3 of 3600", "(timeout: 2, reset: 1)", "not answered within 5 s"):
        assert part in message


def test_late_and_saturated_client(tmp_path: Path) -> None:
    late = {k: {"sent": LOAD_START + 0.1 + k / RATE + 0.5} for k in range(100)}
    results = with_requests(tmp_path / "c", late)
    writer = SegmentWriter(results.layout.source(HARNESS, "process", 1))
    busy = np.interp(np.arange(SECONDS), [0, 300, 360, SECONDS], [0, 30, 86, 140])
    for second, cpu in enumerate(busy):
        row = {"mono": LOAD_START + second, "entity": "client-server", "process_cpu_seconds_total": float(cpu)}
        writer.append(0.0, [row])
    writer.close()
    problems = messages_by_kind(open_results(results.layout.root))
    assert "0.500 s" in problems["late"]
    assert "93 %" in problems["saturated"]


def test_sparse_records(tmp_path: Path) -> None:
    results = with_requests(tmp_path / "c", {0: {"itl_p50": 0.01, "counted": True, "load_class": "batch"}})
    frame = results.requests("server")
    assert frame["counted"].dtype == bool
    assert (frame["counted"].sum(), list(frame["load_class"].unique())) == (1, ["batch", ""])
    assert (frame["fault"] == "").all()
    assert frame["failure"].isna().all()
    assert frame["itl_p50"].notna().sum() == 1
    (live,) = results.layout.source("server", "requests", 1).iterdir()
    assert "load_class" not in live.read_text().splitlines()[1]


def test_damaged_sealed_file(tmp_path: Path) -> None:
    layout = synthetic(tmp_path / "c", {"server": flat}).layout
    seal_tree(layout.root)
    (sealed,) = layout.source("server", "process").glob("*.parquet")
    content = bytearray(sealed.read_bytes())
    assert "trimmed" not in messages_by_kind(open_results(layout.root))
    for at in range(200, 600):  # its footer, which tells of columns and rows, is whole
        content[at] ^= 0xFF
    sealed.write_bytes(content)
    results = open_results(layout.root)
    assert results.samples("server", "process").empty
    assert ".parquet" in messages_by_kind(results)["trimmed"]


def test_unwritten_records_and_ignored_lines(tmp_path: Path) -> None:
    results = with_requests(tmp_path, {})
    count = len(results.requests("server", 1))
    lines = [json.loads(line) for line in results.layout.journal.read_text().splitlines()]
    (end,) = (line for line in lines if line["event"] == "load_finished")
    end |= {"requests": count + 3, "unwritten": 3}
    ignored = {"event": "load_output_ignored", "deployment": "server", "replica": 1, "lines": 4, "first": "hello"}
    lines.insert(lines.index(end), {"wall": 0.0, "mono": LOAD_START + 1.0} | ignored)
    results.layout.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    problems = messages_by_kind(open_results(tmp_path))
    assert set(problems) == {"lost", "harness"}
    assert problems["lost"].startswith("3 request records")
    assert problems["harness"].startswith("4 lines")
    assert "'hello'" in problems["harness"]


def test_load_died(tmp_path: Path) -> None:
    results = with_requests(tmp_path, {})
    died = {"event": "load_died", "deployment": "server", "replica": 1, "exit": -15, "reason": "it was not ready"}
    with results.layout.journal.open("a") as journal:
        journal.write(json.dumps({"wall": 0.0, "mono": LOAD_START + 1.0} | died) + "\n")
    assert "-15 (it was not ready)" in messages_by_kind(open_results(tmp_path))["load_died"]
