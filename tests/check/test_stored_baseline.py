"""A stored baseline is subtracted with its own error, and refused where it was measured otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aging.app.baselines.comparison import BaselineOptions
from aging.app.baselines.stored import save_directory, stored_for_directory
from aging.app.check import GateRequest, check_directory
from aging.check.stored_baseline import StoredBaseline, Wanted, read_baseline
from aging.check.stored_difference import against, margin
from aging.check.stored_rate import StoredRate
from aging.core.errors import AgingError, MistakesError, ResultsError
from aging.core.metrics import PRIMARY
from aging.findings.comparability import differences
from aging.findings.findings_file import write_findings
from aging.findings.types import Finding, Findings
from aging.stats.rate_test import Design, RateDecision
from tests.builders import SECONDS, leak, synthetic

RATE_OF = StoredRate("a", PRIMARY, "per_request", rate=100.0, low=90.0, high=110.0, alpha=0.01, beta=0.05)
DESIGN = Design(256.0, 0.01, 0.05, (600.0,))
WANTED: list[Wanted] = [(PRIMARY, "per_request")]


FINDING = Finding(
    deployment="a",
    indicator=PRIMARY,
    replicas=1,
    n=100,
    verdict="aging",
    shape=None,
    slope_per_hour=4e6,
    ci_per_hour=(3e6, 5e6),
    slope_per_request=400.0,
    ci_per_request=(300.0, 500.0),
    p=1e-6,
    q=1e-5,
    minimum_detectable_per_hour=1e5,
    tests={},
)


def decision(outcome: str, rate: float, half: float, detectable: float = 0.0) -> RateDecision:
    return RateDecision(outcome, rate, rate - half, rate + half, detectable)  # type: ignore[arg-type]


class TestAgainst:
    def test_limit_is_raised(self) -> None:
        limits = []

        def decide(design: Design) -> RateDecision:
            limits.append(design.limit)
            return decision("below", 120.0, 10.0)

        found = against(decide, RATE_OF, DESIGN, 1)
        assert limits == [356.0]
        assert found.outcome == "below"
        assert found.rate == 20.0

    def test_margins_add_up_in_squares(self) -> None:
        found = against(lambda _: decision("undecided", 400.0, 30.0), RATE_OF, DESIGN, 1)
        assert found.low == pytest.approx(300.0 - np.hypot(30.0, margin(RATE_OF, 0.01)))
        assert found.high == pytest.approx(300.0 + np.hypot(30.0, margin(RATE_OF, 0.05)))

    @pytest.mark.parametrize(("outcome", "rate"), [("above", 390.0), ("below", 330.0)])
    def test_uncertain_baseline_decides_nothing(self, outcome: str, rate: float) -> None:
        vague = replace(RATE_OF, low=40.0, high=160.0)
        found = against(lambda _: decision(outcome, rate, 10.0), vague, DESIGN, 1)
        assert found.outcome == "undecided"
        assert [note.code for note in found.notes] == ["baseline_uncertain"]
        exact = against(lambda _: decision(outcome, rate, 10.0), replace(RATE_OF, low=99.0, high=101.0), DESIGN, 1)
        assert exact.outcome == outcome

    def test_falling_baseline_counts_as_none(self) -> None:
        falling = replace(RATE_OF, rate=-500.0, low=-501.0, high=-499.0)
        found = against(lambda design: decision("below", design.limit - 250, 1.0), falling, DESIGN, 1)
        assert found.rate == 6.0

    def test_no_narrower_than_what_shows(self) -> None:
        found = against(lambda _: decision("below", 100.0, 1.0, detectable=80.0), RATE_OF, DESIGN, 1)
        assert found.high == 80.0

    def test_wider_at_smaller_levels(self) -> None:
        assert margin(RATE_OF, 0.01) >= 10.0
        assert margin(RATE_OF, 0.001) > margin(RATE_OF, 0.01)
        per_hour = replace(RATE_OF, quantity="per_hour", rate=3600.0, low=0.0, high=7200.0).on_axis
        assert (per_hour.rate, per_hour.low, per_hour.high) == (1.0, 0.0, 2.0)


FACTS: dict[str, Any] = {
    "host.cpu": "EPYC",
    "host.kernel": "6.8.0-a",
    "host.memory_bytes": 16_000_000_000,
    "python": "3.11.7",
    "seed": 1,
    "load.arrivals.rate": 4.0,
    "deployment[a].kind": "command",
}


class TestComparability:
    @pytest.mark.parametrize(
        ("key", "here"),
        [("host.kernel", "6.11.0-b"), ("host.memory_bytes", 15_500_000_000), ("python", "3.11.9")],
    )
    def test_alike(self, key: str, here: Any) -> None:
        assert differences(FACTS, FACTS | {key: here}) == []

    def test_all_differences(self) -> None:
        here = FACTS | {
            "host.cpu": "Xeon",
            "host.kernel": "5.15",
            "host.memory_bytes": 32_000_000_000,
            "python": "3.12.1",
            "seed": 2,
            "load.arrivals.rate": 8.0,
            "load.prompts": "x",
            "deployment[a].kind": "vllm",
        }
        found = differences(FACTS, here)
        assert sorted(one.where for one in found) == sorted(here)
        assert "EPYC there, Xeon here" in str(found[0])

    def test_earlier_release(self) -> None:
        """It did not record the processor: nothing shows that it is the same."""
        found = differences({key: value for key, value in FACTS.items() if key != "host.cpu"}, FACTS)
        assert [one.where for one in found] == ["host.cpu"]

    def test_missing_rates(self) -> None:
        stored = StoredBaseline("base.json", FACTS, [RATE_OF])
        with pytest.raises(MistakesError) as caught:
            stored.require(["a", "b"], [*WANTED, ("process_fds", "per_hour")], FACTS)
        assert [one.where for one in caught.value.mistakes] == ["deployment[b]", "deployment[a]"]


def directory(root: Path, per_request: float) -> Path:
    synthetic(root, {"a": leak(per_request)}, warmup=0.0)
    content = json.loads((root / "manifest.json").read_text())
    content["campaign"]["duration_seconds"] = float(SECONDS)
    (root / "manifest.json").write_text(json.dumps(content))
    return root


def asked(baseline: Path) -> BaselineOptions:
    return BaselineOptions(str(baseline), wanted=WANTED)


class TestFiles:
    @pytest.mark.parametrize("form", [pytest.param("directory", marks=pytest.mark.thorough), "saved"])
    def test_subtracted(self, tmp_path: Path, form: str) -> None:
        before, after = directory(tmp_path / "before", 1024.0), directory(tmp_path / "after", 2048.0)
        path = before
        if form == "saved":
            path = tmp_path / "base.json"
            save_directory(path, before, asked(path), GateRequest([]))
            assert path.stat().st_size < 4096
        stored = stored_for_directory(after, asked(path), GateRequest([]))
        request = GateRequest([f"{PRIMARY}:per_request > 512B"], stored=stored, compared_with=stored.what)
        found = check_directory(after, request)
        assert found.outcome == "failed"
        assert found.conditions[0].estimate == pytest.approx(1024, rel=0.05)
        assert found.baseline is not None
        assert found.baseline.kind == "stored"
        assert found.baseline.estimate == pytest.approx(1024, rel=0.05)
        same = replace(request, stored=stored_for_directory(before, asked(path), GateRequest([])))
        assert check_directory(before, same).outcome == "passed"

    def test_other_host(self, tmp_path: Path) -> None:
        before, after = directory(tmp_path / "before", 0.0), directory(tmp_path / "after", 0.0)
        content = json.loads((after / "manifest.json").read_text())
        content["host"] = {"cpu": "Xeon", "libc": "glibc 2.36"}
        (after / "manifest.json").write_text(json.dumps(content))
        with pytest.raises(MistakesError) as caught:
            stored_for_directory(after, asked(before), GateRequest([]))
        assert {"host.cpu", "host.libc"} <= {one.where for one in caught.value.mistakes}
        assert caught.value.exit_code == 2

    def test_findings(self, tmp_path: Path) -> None:
        """An artefact that has no samples: the rates of the findings, whose intervals are of 95 %."""
        after = directory(tmp_path / "after", 1024.0)
        path = tmp_path / "artefact" / "findings.json"
        path.parent.mkdir()
        write_findings(Findings(1, "synthetic", "", [FINDING], [], []), path)
        with pytest.raises(ResultsError, match=r"manifest\.json"):
            read_baseline(path, ["a"], WANTED, 0.01, 0.05)
        (path.parent / "manifest.json").write_bytes((after / "manifest.json").read_bytes())
        stored = stored_for_directory(after, asked(path), GateRequest([]))
        assert [(one.rate, one.low, one.high, one.alpha) for one in stored.rates] == [(400.0, 300.0, 500.0, 0.025)]

    @pytest.mark.parametrize(
        "content",
        ["", "[]", "{}", '{"kind": "aging-baseline", "schema": 9}', '{"kind": "aging-baseline", "schema": 1}'],
    )
    def test_no_baseline(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "base.json"
        path.write_text(content)
        with pytest.raises(ResultsError, match=r"base\.json"):
            read_baseline(path, ["a"], WANTED, 0.01, 0.05)

    def test_growth_total(self, tmp_path: Path) -> None:
        with pytest.raises(AgingError, match="growth_total"):
            read_baseline(tmp_path, ["a"], [(PRIMARY, "growth_total")], 0.01, 0.05)
