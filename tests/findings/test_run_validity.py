"""The validity of a run: from its evidence alone, and from rows on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.campaign.schema import ValidityTable
from aging.check.conditions import Condition
from aging.check.observation import Outcome, judge_observed, overall
from aging.core.metrics import PRIMARY
from aging.findings import run_validity
from aging.findings.build import analyze
from aging.findings.indicator_analysis import analyze_all
from aging.findings.pool_replicas import sound_finding
from aging.findings.run_evidence import Evidence, evidence_of
from aging.findings.run_validity import validities
from aging.findings.series import Measured
from aging.findings.types import Validity
from aging.runner.catalogue import Catalogue
from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from aging.store.segments import SegmentWriter
from tests.builders import (
    LOAD_START,
    RATE,
    SECONDS,
    event,
    flat,
    leak,
    memory_finding,
    synthetic,
    unsealed,
    with_requests,
)

TESTS = Catalogue.discovered().tests
LIMITS = ValidityTable()
HOUR = 3600.0
WHOLE = Evidence(
    began=True,
    ending="whole",
    lasted=36 * HOUR,
    planned=36 * HOUR,
    window=35 * HOUR,
    measured=35 * HOUR,
    samples=126_000,
    due=100_000,
    requests=100_000,
)


def test_complete() -> None:
    assert run_validity.judge(WHOLE, LIMITS) == ("complete", ())


@pytest.mark.parametrize(
    ("changes", "validity", "code", "value"),
    [
        # The published study took a run that died at 34.8 h of 36 h for a whole one.
        (
            {"ending": "early", "lasted": 34.8 * HOUR, "measured": 33.8 * HOUR, "why": "exit 1"},
            "short",
            "ended_early",
            "34h 48m of 36h",
        ),
        (
            {"ending": "early", "lasted": 6 * HOUR, "measured": 5 * HOUR, "why": "exit 1"},
            "broken",
            "too_short",
            "14.29 %",
        ),
        ({"began": False, "samples": 0, "why": "exit 3"}, "broken", "not_ready", "exit 3"),
        ({"samples": 0, "measured": 0.0}, "broken", "no_samples", ""),
        ({"measured": 34 * HOUR}, "short", "gaps", "97.14 %"),
        ({"ending": "on request", "lasted": 2 * HOUR, "measured": HOUR}, "short", "interrupted", "2h 00m"),
        ({"ending": "unknown", "lasted": 2 * HOUR, "window": HOUR, "measured": HOUR}, "short", "no_end", "2h 00m"),
        ({"failed": 10_001}, "broken", "failing", "10 %"),
        ({"failed": 10_000}, "complete", None, ""),
        ({"late": 1.5}, "broken", "late", "1.5 s"),
        ({"restarts": 1}, "short", "restarts", "1 time unexpectedly"),
        ({"restarts": 3, "ordered": 1}, "short", "restarts", "2 times unexpectedly"),
        ({"restarts": 1, "ordered": 1}, "short", "restarts", "at its resume 1 time"),
        ({"suspended": 3.0}, "short", "suspended", "3.0 s"),
        ({"clock_step": 3600.0}, "short", "clock", "3600 s"),
        ({"clock_step": 10.0}, "complete", None, ""),
        ({"requests": 0}, "broken", "no_requests", ""),
        ({"due": 0, "requests": 0}, "complete", None, ""),
        ({"other_schedule": True}, "broken", "schedule", ""),
        ({"ending": "decided", "lasted": HOUR, "window": HOUR, "measured": HOUR}, "complete", None, ""),
    ],
)
def test_defects(changes: dict[str, Any], validity: Validity, code: str | None, value: str) -> None:
    found, reasons = run_validity.judge(replace(WHOLE, **changes), LIMITS)
    assert found == validity, reasons
    assert [reason.code for reason in reasons][:1] == ([] if code is None else [code])
    assert value in "".join(reasons[:1])


def test_thresholds() -> None:
    failing = replace(WHOLE, failed=50_000, restarts=2)
    assert run_validity.judge(failing, LIMITS)[0] == "broken"
    assert run_validity.judge(failing, ValidityTable(failed=0.6, restarts=2))[0] == "complete"


@given(
    st.fixed_dictionaries(
        {
            "failed": st.integers(0, 100_000),
            "late": st.floats(0, 10),
            "restarts": st.integers(0, 3),
            "measured": st.floats(0, 35 * HOUR),
            "suspended": st.floats(0, 10),
        }
    ),
    st.sampled_from(["failed", "late", "restarts", "measured", "suspended"]),
)
def test_monotone_in_defects(changes: dict[str, Any], worse: str) -> None:
    ranks = {"complete": 0, "short": 1, "broken": 2}
    one = replace(WHOLE, ending="early", **changes)
    by = {"measured": changes["measured"] / 2}.get(worse, changes[worse] + 1)
    other = replace(one, **{worse: by})
    assert ranks[run_validity.judge(one, LIMITS)[0]] <= ranks[run_validity.judge(other, LIMITS)[0]]


def died(root: Path, name: str, replica: int, at: float) -> None:
    """Edit a result directory as if the server had died at ``at`` seconds of load."""
    layout = Layout(root)
    rewritten = []
    for line in map(json.loads, layout.journal.read_text().splitlines()):
        mine = line.get("deployment") == name and line.get("replica") == replica
        if mine and line["event"] == "load_finished":
            rewritten.append(line | {"event": "deployment_died", "generation": 1, "why": "exit 1", "log": []})
            rewritten[-1]["mono"] = LOAD_START + at
            rewritten.append(line | {"mono": LOAD_START + at + 0.1})
        else:
            rewritten.append(line)
    layout.journal.write_text("".join(json.dumps(line) + "\n" for line in rewritten))
    for source, key in (("process", "mono"), ("requests", "finished")):
        live = unsealed(layout.source(name, source, replica))
        kept = [text for text in live.read_text().splitlines(keepends=True) if json.loads(text)[key] < LOAD_START + at]
        live.write_text("".join(kept))


def test_complete_campaign(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"a": flat, "b": leak(5000.0)}, replicas=2)
    assert [(run.deployment, run.replica, run.validity) for run in validities(results)] == [
        ("a", 1, "complete"),
        ("a", 2, "complete"),
        ("b", 1, "complete"),
        ("b", 2, "complete"),
    ]
    assert {run.measured_share for run in validities(results)} == {1.0}


def test_died_near_end(tmp_path: Path) -> None:
    synthetic(tmp_path / "r", {"a": leak(5000.0)})
    died(tmp_path / "r", "a", 1, 0.967 * SECONDS)
    findings = analyze(open_results(tmp_path / "r"), TESTS)
    assert findings.runs[0].validity == "short"
    assert findings.runs[0].reason_codes == ("ended_early",)
    assert "14m 30s of 15m 00s: exit 1" in findings.runs[0].reasons[0]
    assert memory_finding(findings, "a").verdict == "aging", "what is there is sound"
    assert memory_finding(findings, "a").note_codes == ("run_short",)
    leaks = [Condition(PRIMARY, "per_request", limit) for limit in (1000.0, 1e6)]
    assert overall(judge_observed(findings, leaks[:1], "a")) is Outcome.FAILED
    assert overall(judge_observed(findings, leaks[1:], "a")) is Outcome.INCONCLUSIVE, "a short run shows no absence"


def test_broken_run(tmp_path: Path) -> None:
    synthetic(tmp_path / "r", {"a": leak(5000.0)})
    died(tmp_path / "r", "a", 1, 0.2 * SECONDS)
    findings = analyze(open_results(tmp_path / "r"), TESTS)
    (run,) = findings.runs
    assert run.validity == "broken"
    for finding in findings.findings:
        assert finding.verdict == "inconclusive"
        assert finding.p is None
        assert finding.note_codes == ("run_broken",)
        assert "14.29 %" in finding.notes[0]
    for limit in (1000.0, 1e9):
        asked = [Condition(PRIMARY, "per_request", limit)]
        assert overall(judge_observed(findings, asked, "a")) is Outcome.INCONCLUSIVE


@pytest.mark.thorough
def test_broken_replica(tmp_path: Path) -> None:
    rates = iter([5000.0, 5000.0, 50_000.0])

    def course(t: np.ndarray) -> np.ndarray:
        return leak(next(rates))(t)

    synthetic(tmp_path / "r", {"a": course}, replicas=3)
    whole = memory_finding(analyze(open_results(tmp_path / "r"), TESTS), "a")
    assert (whole.slope_per_request or 0) > 10_000, "all three would make it much"
    died(tmp_path / "r", "a", 3, 0.2 * SECONDS)
    finding = memory_finding(analyze(open_results(tmp_path / "r"), TESTS), "a")
    assert finding.replicas == 2
    assert finding.slope_per_request == pytest.approx(5000, rel=0.05)
    assert finding.verdict == "aging"
    assert finding.note_codes[0] == "run_broken"
    assert "Replica 3" in finding.notes[0]


def test_all_replicas_broken(tmp_path: Path) -> None:
    synthetic(tmp_path / "r", {"a": leak(5000.0)}, replicas=2)
    for replica in (1, 2):
        died(tmp_path / "r", "a", replica, 0.2 * SECONDS)
    finding = memory_finding(analyze(open_results(tmp_path / "r"), TESTS), "a")
    assert (finding.verdict, finding.slope_per_hour, finding.ci_per_hour) == ("inconclusive", None, None)
    assert finding.note_codes == ("run_broken", "run_broken")


@pytest.mark.thorough
def test_short_replica(tmp_path: Path) -> None:
    synthetic(tmp_path / "r", {"a": leak(5000.0)}, replicas=3)
    died(tmp_path / "r", "a", 2, 0.6 * SECONDS)
    results = open_results(tmp_path / "r")
    assert [run.validity for run in validities(results)] == ["complete", "short", "complete"]
    finding = memory_finding(analyze(results, TESTS), "a")
    assert finding.replicas == 3
    assert finding.slope_per_request == pytest.approx(5000, rel=0.05)
    assert finding.note_codes[0] == "run_short"
    assert "9m 00s of 15m 00s" in finding.notes[0]
    series = [one for replica in (1, 2, 3) for one in Measured(results).of("a", replica)]
    analyzed = [one for one in analyze_all(series, TESTS) if one.series.indicator == PRIMARY]
    assert [one.series.t.size for one in analyzed] == [168, 96, 168]
    assert sound_finding(analyzed, validities(results), "series_har").n == 96


def gap(root: Path, start: float, end: float) -> Results:
    (live,) = Layout(root).source("a", "process").glob("*.live.jsonl")
    lines = live.read_text().splitlines(keepends=True)
    live.write_text("".join(line for line in lines if not start < json.loads(line)["mono"] - LOAD_START < end))
    return open_results(root)


@pytest.mark.parametrize(
    ("seconds", "validity"), [(3.0, "complete"), (10.0, "complete"), (60.0, "short"), (800.0, "short")]
)
def test_sample_gaps(tmp_path: Path, seconds: float, validity: Validity) -> None:
    synthetic(tmp_path / "r", {"a": flat})
    (run,) = validities(gap(tmp_path / "r", 80.0, 80.0 + seconds))
    assert run.validity == validity
    window = SECONDS - 60.0
    lost = seconds if seconds > 5 else 0.0
    assert (run.measured_share or 0) * window == pytest.approx(window - lost, abs=1.5)


def test_sample_gap_at_end(tmp_path: Path) -> None:
    synthetic(tmp_path / "r", {"a": flat})
    gap(tmp_path / "r", 0.0, 100.0)
    (run,) = validities(gap(tmp_path / "r", 700.0, 1000.0))
    assert (run.measured_share or 0) * (SECONDS - 60) == pytest.approx(600.0, abs=2)


@pytest.mark.parametrize(("first", "without"), [(2000, (300.0, 500.0)), (None, (300.0, SECONDS))])
def test_samples_without_load(tmp_path: Path, first: int | None, without: tuple[float, float]) -> None:
    with_requests(tmp_path / "r", {})
    journal = tmp_path / "r" / "journal.jsonl"
    text = journal.read_text().replace('"exit": 0', '"exit": 0, "requests": 3600')
    *before, finished, completed = text.splitlines(keepends=True)
    manifest = tmp_path / "r" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"load": {}', '"load": {"timeout": 60.0}'))
    gone, back = LOAD_START + 300.0, LOAD_START + 500.0
    resumed = {"event": "campaign_resumed", "pid": 1, "boot": "", "shift": 0.0, "gone_since": gone}
    again = {"event": "load_resumed", "deployment": "server", "replica": 1, "first": first}
    # The new runner was there, and sampled, long before its load process could send.
    inserted = [resumed | {"wall": 0.0, "mono": gone + 1.0}, again | {"wall": 0.0, "mono": back}]
    journal.write_text("".join([*before, *(json.dumps(one) + "\n" for one in inserted), finished, completed]))
    results = open_results(tmp_path / "r")
    begin, end = without
    (memory,) = (one for one in Measured(results).of("server", 1) if one.indicator == PRIMARY)
    assert not ((memory.t > begin + 5.0) & (memory.t < end - 5.0)).any()
    assert memory.t.max() > SECONDS - 10.0 if first is not None else memory.t.max() < 305.0
    (run,) = validities(results)
    assert run.validity == "short"
    assert (run.measured_share or 0) * (SECONDS - 60) == pytest.approx(SECONDS - 60 - (end - begin), abs=2)


@pytest.mark.parametrize(("ends", "ordered"), [(["stopped"], 1), (["died", "stopped"], 0), (["gone"], 0), ([], 0)])
def test_restarts_after_an_ordered_stop(tmp_path: Path, ends: Sequence[str], ordered: int) -> None:
    synthetic(tmp_path / "r", {"a": flat}, generations=2)
    journal = Layout(tmp_path / "r").journal
    lines = journal.read_text().splitlines(keepends=True)
    run = {"wall": 0, "mono": LOAD_START + 300, "deployment": "a", "replica": 1, "generation": 1, "why": "it ended"}
    more = [json.dumps(run | {"event": f"deployment_{end}"}) + "\n" for end in ends]
    journal.write_text("".join([*lines[:-2], *more, *lines[-2:]]))
    evidence = evidence_of(open_results(tmp_path / "r"), "a", 1)
    assert (evidence.restarts, evidence.ordered) == (1, ordered)


def test_planned_restarts(tmp_path: Path) -> None:
    synthetic(tmp_path / "r", {"a": flat}, generations=3)
    assert evidence_of(open_results(tmp_path / "r"), "a", 1).restarts == 2
    assert validities(open_results(tmp_path / "r"))[0].validity == "short"
    lines = Layout(tmp_path / "r").journal.read_text().splitlines()
    journal = Layout(tmp_path / "r").journal
    restart = {"wall": 0, "mono": LOAD_START + 300, "deployment": "a", "replica": 1}
    more = [
        restart | {"event": kind, "generation": number - (kind == "rejuvenation_started"), "seconds": 40.0, "pid": 1}
        for number in (2, 3)
        for kind in ("rejuvenation_started", "deployment_started", "rejuvenation_completed")
    ]
    journal.write_text("".join(line + "\n" for line in [*lines[:-2], *map(json.dumps, more), *lines[-2:]]))
    (run,) = validities(gap(tmp_path / "r", 290.0, 330.0))
    assert (run.validity, run.measured_share) == ("complete", 1.0)


def failing(results: Results, count: int) -> Results:
    live = unsealed(results.layout.source("a", "requests"))
    rows = [json.loads(line) for line in live.read_text().splitlines()]
    for row in rows[: count // 2]:
        row["status"] = "error"
    for row in rows[count // 2 : count]:
        row |= {"status": "dropped", "sent": None}
    live.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_results(results.layout.root)


def test_drops_count_as_failures(tmp_path: Path) -> None:
    total = int(SECONDS * RATE)
    results = failing(synthetic(tmp_path / "r", {"a": flat}), total // 5)
    (run,) = validities(results)
    assert run.failed_share == pytest.approx(0.2, abs=0.01)
    assert run.validity == "broken", "neither errors nor drops alone are over a tenth by much; together they are"


def test_repeated_run(tmp_path: Path) -> None:
    synthetic(tmp_path / "r", {"a": leak(5000.0)})
    died(tmp_path / "r", "a", 1, 0.2 * SECONDS)
    root = tmp_path / "r"
    lines = [json.loads(line) for line in Layout(root).journal.read_text().splitlines()]
    at = {"wall": 0, "mono": LOAD_START + SECONDS, "deployment": "a", "replica": 1}
    again = [
        at | {"event": "run_repeated", "attempt": 2, "reasons": ["only 20 %"]},
        at | {"event": "deployment_started", "generation": 1, "pid": 5, "command": []},
        at | {"event": "load_started", "load_start": 2000.0, "planned_seconds": 600.0},
        at | {"event": "load_finished", "mono": 2600.0, "exit": 0, "schedule_hash": None},
    ]
    end = [line for line in lines if line["event"] == "campaign_completed"]
    kept = [line for line in lines if line not in end]
    Layout(root).journal.write_text("".join(json.dumps(line) + "\n" for line in [*kept, *again, *end]))
    second = SegmentWriter(root / "a" / "r01-2" / "process")
    rows = [{"mono": 2000.5 + k, "entity": "tree", "generation": 1, "missed": 0, PRIMARY: 1e8} for k in range(600)]
    second.append(0.0, rows)
    second.close()
    results = open_results(root)
    assert len(results.samples("a", "process")) == 600, "two attempts are never mixed"
    findings = analyze(results, TESTS)
    (run,) = findings.runs
    assert (run.attempt, run.validity) == (2, "complete")
    assert memory_finding(findings, "a").verdict == "stable"
    kinds = {problem.kind for problem in findings.problems}
    assert "repeated" in kinds
    assert "died" not in kinds, "an attempt that is left out is reported once, as repeated"


def test_deployment_without_run(tmp_path: Path) -> None:
    synthetic(tmp_path / "r", {"a": flat})
    manifest = json.loads(Layout(tmp_path / "r").manifest.read_text())
    manifest["deployments"].append({"name": "b", "known_ageing": None})
    Layout(tmp_path / "r").manifest.write_text(json.dumps(manifest))
    runs = {run.deployment: run for run in validities(open_results(tmp_path / "r"))}
    assert runs["b"].validity == "broken"
    assert runs["b"].reason_codes == ("not_started",)


def test_interrupted_twice_before_the_end_was_written(tmp_path: Path) -> None:
    synthetic(tmp_path, {"a": leak(5000.0)})
    path = Layout(tmp_path).journal
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [line for line in kept if line["event"] not in ("load_finished", "campaign_completed")]
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    end = Journal(path)
    end.record(event("campaign_interrupted"))
    end.close()
    assert evidence_of(open_results(tmp_path), "a", 1).ending == "on request"


def test_ended_early_on_purpose(tmp_path: Path) -> None:
    journal: Callable[[Path], Journal] = lambda root: Journal(Layout(root).journal)  # noqa: E731
    for kind, validity in (("campaign_decided", "complete"), ("campaign_interrupted", "short")):
        root = tmp_path / kind
        synthetic(root, {"a": leak(5000.0)})
        lines = [json.loads(line) for line in Layout(root).journal.read_text().splitlines()]
        for line in lines:
            if line["event"] == "load_finished":
                line["mono"] = LOAD_START + 300
        kept = [line for line in lines if line["event"] != "campaign_completed"]
        Layout(root).journal.write_text("".join(json.dumps(line) + "\n" for line in kept))
        end = journal(root)
        end.record(event(kind))
        end.close()
        (run,) = validities(open_results(root))
        assert run.validity == validity, run.reasons
