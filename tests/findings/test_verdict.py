"""The verdict of a finding: every rule by itself, and those that only a whole campaign shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aging.findings.build import analyze
from aging.findings.types import Verdict
from aging.findings.verdict import of_finding, of_replicas, of_runs, of_series
from aging.runner.catalogue import Catalogue
from aging.store.results import Results, open_results
from tests.builders import leak, memory_finding, synthetic

TESTS = Catalogue.discovered().tests


def with_test(results: Results, test: str) -> Results:
    manifest = json.loads(results.layout.manifest.read_text())
    manifest["campaign"]["analysis"]["test"] = test
    results.layout.manifest.write_text(json.dumps(manifest))
    return open_results(results.layout.root)


@pytest.mark.parametrize(
    ("test", "why"),
    [("seasonal", "the series is not longer than one period"), ("no_such_test", "no such test is installed")],
)
def test_test_not_computed(tmp_path: Path, test: str, why: str) -> None:
    finding = memory_finding(analyze(with_test(synthetic(tmp_path, {"a": leak(5000.0)}), test), TESTS), "a")
    assert (finding.verdict, finding.p, finding.q) == ("inconclusive", None, None)
    assert finding.note_codes == ("test_not_computed",)
    assert test in finding.notes[0]
    assert why in finding.notes[0]


def test_test_not_computed_replicas(tmp_path: Path) -> None:
    results = with_test(synthetic(tmp_path, {"a": leak(5000.0)}, replicas=2), "seasonal")
    finding = memory_finding(analyze(results, TESTS), "a")
    assert (finding.verdict, finding.p) == ("inconclusive", None)
    assert finding.note_codes[:4] == 2 * ("replica_verdict", "test_not_computed")


@pytest.mark.parametrize(
    ("trend", "change", "verdict"),
    [
        (None, 0.0, "inconclusive"),
        ("aging", 99.0, "aging"),
        ("aging", 9.0, "aging"),
        ("step", 9.0, "stable"),
        ("step", 11.0, "step"),
        ("cyclic", 9.0, "stable"),
        ("bounded", 9.0, "stable"),
        ("bounded", 11.0, "bounded"),
        ("inconclusive", 9.0, "inconclusive"),
    ],
)
def test_of_series(trend: Verdict | None, change: float, verdict: Verdict) -> None:
    assert of_series(trend, change, resolution=10.0) == verdict


@pytest.mark.parametrize(
    ("replicas", "verdict", "agree"),
    [
        (["aging"], "aging", True),
        (["aging", "aging", "aging"], "aging", True),
        (["aging", "aging", "stable"], "aging", False),
        (["aging", "stable"], "inconclusive", False),
        (["aging", "stable", "bounded"], "inconclusive", False),
    ],
)
def test_of_replicas(replicas: list[Verdict], verdict: Verdict, agree: bool) -> None:
    decision = of_replicas(replicas)
    assert decision.verdict == verdict
    assert [note.code for note in decision.notes] == ([] if agree else ["replicas_disagree"])


def test_of_runs() -> None:
    assert (of_runs("aging", sound=1), of_runs("aging", sound=0)) == ("aging", "inconclusive")


@pytest.mark.parametrize(
    ("verdict", "q", "decided", "noted"),
    [
        ("aging", 0.05, "aging", False),
        ("aging", 0.2, "inconclusive", True),
        ("aging", None, "inconclusive", False),
        ("bounded", 0.2, "bounded", False),
        ("stable", None, "stable", False),
    ],
)
def test_of_finding(verdict: Verdict, q: float | None, decided: Verdict, noted: bool) -> None:
    decision = of_finding(verdict, q, level=0.1)
    assert (decision.verdict, bool(decision.notes)) == (decided, noted)
