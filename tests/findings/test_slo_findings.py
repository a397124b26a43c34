"""Attainment and goodput over time: series, findings, summary and report, from request records whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from aging.check.conditions import parse_conditions
from aging.check.observation import Outcome, judge_observed
from aging.cli.console import console
from aging.core.metrics import ages_downwards
from aging.findings.build import analyze
from aging.findings.indicator_analysis import analyze_all
from aging.findings.pool_replicas import finding_of
from aging.findings.series import Measured, Series
from aging.findings.types import Findings
from aging.report.html.page import write_report
from aging.report.terminal import show
from aging.runner.catalogue import Catalogue
from aging.store.results import open_results
from aging.store.segments import SegmentWriter
from tests.builders import LOAD_START, SECONDS, synthetic

TESTS = Catalogue.discovered().tests
OBJECTIVES = {"ttft": "0.5s", "e2e": "4s"}


def with_requests(root: Path, *, load: Mapping[str, object]) -> Path:
    """Ten requests a second of each class: those of chat miss ever more often, at last four in five; batch never."""
    synthetic(root, {"server": lambda t: 1e8 + 0 * t})
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["campaign"]["load"] = load
    (root / "manifest.json").write_text(json.dumps(manifest))
    for old in (root / "server" / "r01" / "requests").iterdir():
        old.unlink()
    rows = []
    for index, at in enumerate(np.arange(0.025, SECONDS, 0.05)):
        chat = index % 2 == 0
        good = not chat or (index // 2 * 0.618034) % 1 > at / SECONDS * 0.8
        sent = LOAD_START + float(at)
        rows.append(
            {
                "generation": 1,
                "scheduled": sent,
                "sent": sent,
                "first_token": sent + (0.1 if good else 0.9),
                "last_token": sent + 1.0,
                "finished": sent + 1.0,
                "streaming": True,
                "prompt_tokens": 8,
                "output_tokens_asked": 10,
                "output_tokens": 10,
                "http_status": 200,
                "status": "ok",
                "error": None,
                "held": False,
                "stall": 0.2,
                "load_class": "chat" if chat else "batch-work",
                "options": "",
                "fault": "",
            }
        )
    writer = SegmentWriter(root / "server" / "r01" / "requests")
    writer.append(0.0, rows)
    writer.close()
    return root


CLASSES = {"class": [{"name": "chat", "objectives": OBJECTIVES}, {"name": "batch-work", "objectives": {"e2e": "4s"}}]}


@pytest.mark.thorough
def test_series_by_class(tmp_path: Path) -> None:
    results = open_results(with_requests(tmp_path / "r", load=CLASSES))
    series = {one.indicator: one for one in Measured(results).of("server", 1)}
    tails = ("ttft_p95_seconds", "tpot_p95_seconds", "e2e_p95_seconds")
    for metric in ("ttft_seconds", "tpot_seconds", "e2e_seconds", "stall_seconds", *tails):
        assert {f"client_{metric}", f"client_chat_{metric}", f"client_batch_work_{metric}"} <= set(series)
    kept = series["client_chat_slo_attainment_ratio"]
    assert kept.y[:10].mean() > 0.75
    assert kept.y[-10:].mean() < 0.5
    assert np.all(series["client_batch_work_slo_attainment_ratio"].y == 1.0)
    assert series["client_batch_work_goodput_requests_per_second"].y.mean() == pytest.approx(10.0, rel=0.02)
    assert "client_slo_attainment_ratio" not in series, "the load as a whole has no objectives"


@pytest.mark.thorough
def test_goodput_zero(tmp_path: Path) -> None:
    root = with_requests(tmp_path / "r", load={"objectives": OBJECTIVES})
    (live,) = (root / "server" / "r01" / "requests").iterdir()
    rows = [json.loads(line) for line in live.read_text().splitlines()]
    spell = (LOAD_START + 300, LOAD_START + 400)
    live.write_text("".join(json.dumps(row) + "\n" for row in rows if not spell[0] < row["finished"] < spell[1]))
    series = {one.indicator: one for one in Measured(open_results(root)).of("server", 1)}
    goodput = series["client_goodput_requests_per_second"]
    during = goodput.y[(goodput.t > 305) & (goodput.t < 395)]
    assert during.size == 18
    assert np.all(during == 0.0)
    attained = series["client_slo_attainment_ratio"]
    assert not np.any((attained.t > 305) & (attained.t < 395)), "a share of nothing is not known"


def test_sustained_fall() -> None:
    t = np.arange(300.0) * 10
    rng = np.random.default_rng(1)
    falling = 10 - 0.002 * t + rng.normal(0, 0.1, t.size)

    def found(indicator: str, y: np.ndarray) -> tuple[str, float]:
        finding = finding_of(analyze_all([Series("s", 1, 1, indicator, t, y, {})], TESTS), "series_har")
        assert finding.slope_per_hour is not None
        assert finding.ci_per_hour is not None
        assert finding.ci_per_hour[0] <= finding.slope_per_hour <= finding.ci_per_hour[1]
        return finding.verdict, finding.slope_per_hour

    goodput = "client_goodput_requests_per_second"
    verdict, slope = found(goodput, falling)
    assert verdict == "aging"
    assert slope == pytest.approx(-7.2, rel=0.1)
    verdict, slope = found(goodput, falling[::-1].copy())
    assert verdict != "aging"
    assert slope == pytest.approx(7.2, rel=0.1)
    assert found("client_ttft_seconds", falling)[0] != "aging"
    assert found("client_ttft_seconds", falling[::-1].copy())[0] == "aging"


def test_aging_direction() -> None:
    assert ages_downwards("client_slo_attainment_ratio")
    assert ages_downwards("client_chat_goodput_requests_per_second")
    assert not ages_downwards("client_ttft_seconds")
    assert not ages_downwards("engine_kv_cache_usage_ratio")


def test_objectives_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = open_results(with_requests(tmp_path / "r", load=CLASSES))
    findings = analyze(results, TESTS)
    chat, batch = findings.objectives
    assert (chat.load_class, batch.load_class) == ("chat", "batch-work")
    assert chat.attainment == pytest.approx(0.57, abs=0.05)
    assert chat.first_attainment is not None
    assert chat.last_attainment is not None
    assert chat.first_attainment > 0.7
    assert chat.last_attainment < 0.5
    assert batch.attainment == 1.0
    assert batch.goodput == pytest.approx(10.0, rel=0.01)

    found = {one.indicator: one for one in findings.findings if one.deployment == "server"}
    fall = found["client_chat_slo_attainment_ratio"]
    assert fall.verdict == "aging"
    assert fall.slope_per_hour == pytest.approx(-0.8 * 3600 / SECONDS, rel=0.25)

    show(findings, console())
    printed = capsys.readouterr().out
    assert "synthetic: objectives" in printed
    assert "TTFT ≤ 500ms, E2E ≤ 4s" in printed

    write_report(Measured(results), findings, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert 'id="objectives"' in page
    assert "TTFT ≤ 500ms" in page

    assert _gate(findings, "client_chat_slo_attainment_ratio:per_hour > 1") is Outcome.FAILED
    assert _gate(findings, "client_chat_slo_attainment_ratio:per_hour > 10") is Outcome.PASSED


def _gate(findings: Findings, condition: str) -> Outcome:
    (judgement,) = judge_observed(findings, parse_conditions([condition]), "server")
    return judgement.outcome
