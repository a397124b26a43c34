"""The findings of a study: cells over hosts, hosts that differ, cells that are missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import aging
from aging.core.errors import AgingError
from aging.core.metrics import PRIMARY
from aging.findings.findings_file import write_findings
from aging.findings.study.file import read_study_findings, write_study_findings
from aging.findings.study.pooled import over_cells
from aging.findings.study.types import StudyFinding, StudyFindings
from aging.findings.types import Finding, Problem, ReplicaEstimate, Verdict
from aging.runner.catalogue import Catalogue
from aging.stats.host_effects import Observation, mean_over_hosts
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger
from aging.study.load import study_of_campaign
from aging.study.plan_file import write_plan
from tests.findings.study_cells import ERROR, Made, finding, findings, with_work, write_attempt

CAMPAIGN_FILE = """
name = "one"
seed = 1
duration = "1h"
[analysis]
q = 0.07
[[deployment]]
name = "server"
kind = "reference"
[load]
arrivals = { kind = "constant", rate = 1.0 }
prompt_tokens = { kind = "fixed", tokens = 16 }
output_tokens = { kind = "fixed", tokens = 16 }
"""
RATES = (98.0, 104.0, 91.0, 107.0, 100.0, 103.0, 95.0, 102.0)


def one_variant(rates: Sequence[float] = RATES, missing: int = 0, verdict: Verdict = "aging") -> Made:
    made = Made(replicates=len(rates) + missing)
    for number, rate in enumerate(rates, 1):
        made.host(f"h{number}")
        made.counted(f"v1-r{number:02d}", f"h{number}", findings(finding(rate, verdict)))
    return made


def only(found: StudyFindings) -> StudyFinding:
    (one,) = found.findings
    return one


class TestPooled:
    def test_mean_over_hosts(self) -> None:
        one = only(one_variant().analyzed())
        expected = mean_over_hosts([Observation("v1", f"h{n}", rate, ERROR) for n, rate in enumerate(RATES)])
        assert one.per_hour == pytest.approx(expected.rate)
        assert one.ci_per_hour == pytest.approx((expected.low, expected.high))
        assert expected.spread is not None
        assert one.host_sd == pytest.approx(expected.spread.host_sd)
        assert (one.verdict, one.planned, one.used, one.hosts) == ("aging", 8, 8, 8)
        assert "hosts_differ" in one.note_codes
        assert sum(cell.weight or 0 for cell in one.by_cell) == pytest.approx(1)
        assert [cell.host for cell in one.by_cell] == [f"h{n}" for n in range(1, 9)]

    def test_one_host_says_so(self) -> None:
        one = only(one_variant((50.0,)).analyzed())
        assert one.per_hour == 50
        assert one.ci_per_hour == pytest.approx((50 - 1.96 * ERROR, 50 + 1.96 * ERROR), rel=1e-4)
        assert (one.host_sd, one.new_host_per_hour, one.hosts_alike_p) == (None, None, None)
        assert "one_host" in one.note_codes

    def test_cells_of_pooled_replicas_have_their_own_error(self) -> None:
        """The interval of two pooled replicas has Student's t with 1 degree of freedom, which is no standard error."""
        made = one_variant(RATES[:3])
        half = 12.706 * ERROR
        replicas = [ReplicaEstimate(n, 500, "aging", 98.0, None, None, None, 0.5) for n in (1, 2)]
        pooled = replace(finding(98.0), ci_per_hour=(98 - half, 98 + half), by_replica=replicas)
        made.found["v1-r01"] = findings(pooled)
        weights = [cell.weight for cell in only(made.analyzed()).by_cell]
        assert weights == pytest.approx([1 / 3] * 3, rel=1e-3)

    def test_broken_cell_is_left_out_and_missing(self) -> None:
        made = one_variant(RATES[:4])
        made.found["v1-r04"] = findings(finding(1e6), validity="broken")
        one = only(made.analyzed())
        assert (one.used, one.planned, one.verdict) == (3, 4, "aging")
        assert {"cell_broken", "cells_missing"} <= set(one.note_codes)
        assert one.per_hour is not None
        assert one.per_hour < 110
        assert [cell.reason for cell in one.by_cell] == [None, None, None, "cell_broken"]

    def test_constant_series(self) -> None:
        made = Made(replicates=3)
        for number in (1, 2, 3):
            made.counted(f"v1-r0{number}", f"h{number}", findings(finding(0.0, "stable", p=None, error=0.0)))
        found = made.analyzed()
        one = only(found)
        assert (one.verdict, one.per_hour, one.ci_per_hour, one.used) == ("stable", 0.0, (0.0, 0.0), 3)
        assert not found.hosts

    def test_growth_that_is_not_significant(self) -> None:
        made = Made(replicates=2)
        for number in (1, 2):
            made.counted(f"v1-r0{number}", f"h{number}", findings(finding(1.0, "aging", p=0.5)))
        one = only(made.analyzed())
        assert one.verdict == "inconclusive"
        assert "not_significant_fdr" in one.note_codes

    def test_harness_is_a_family_of_its_own(self) -> None:
        """Many series of the harness without a trend do not raise the threshold for the deployments."""
        made, more = one_variant(RATES[:3]), one_variant(RATES[:3])
        for name, own in made.found.items():
            harness = [replace(finding(0.0, "stable", p=0.9), deployment=f"_harness/{n}") for n in range(40)]
            more.found[name] = replace(own, findings=(*own.findings, *harness))
        (alone,) = made.analyzed().findings
        beside = next(one for one in more.analyzed().findings if one.deployment == "server")
        assert beside.q == alone.q


class TestOtherRates:
    """Rates per request and after the warm-up are pooled as the slope per hour is."""

    def made(self, axes: Sequence[str] = ("requests",) * 4, *, per_hour: float = 50.0) -> StudyFinding:
        made = Made(replicates=len(axes))
        for number, (rate, axis) in enumerate(zip(RATES, axes, strict=False), 1):
            cell = with_work(finding(rate), per_hour, axis)
            made.counted(f"v1-r{number:02d}", f"h{number}", findings(cell))
        return only(made.analyzed())

    def test_each_is_the_mean_over_hosts(self) -> None:
        one = self.made()
        assert {rate.rate for rate in one.rates} == {"per_request", "current_per_hour", "current_per_request"}
        by_work, now = one.rate("per_request"), one.rate("current_per_hour")
        assert by_work is not None
        assert now is not None
        assert one.per_hour is not None
        assert one.host_sd is not None
        assert (by_work.estimate, now.estimate) == pytest.approx((one.per_hour / 50, one.per_hour))
        assert by_work.host_sd == pytest.approx(one.host_sd / 50)
        assert now.ci == pytest.approx(one.ci_per_hour)
        assert by_work.heterogeneity == pytest.approx(one.heterogeneity)
        assert [cell.host for cell in by_work.by_cell] == ["h1", "h2", "h3", "h4"]
        assert sum(cell.weight for cell in by_work.by_cell) == pytest.approx(1)
        assert one.minimum_detectable_per_hour == pytest.approx(np.median(RATES[:4]) / 10)

    def test_growth_that_follows_another_axis_in_one_cell_has_no_common_rate(self) -> None:
        one = self.made(("requests", "requests", "seconds", "requests"))
        assert {rate.rate for rate in one.rates} == {"per_request", "current_per_hour"}

    def test_cell_whose_replicas_follow_different_axes_has_no_common_rate(self) -> None:
        made = Made(replicates=4)
        for number, rate in enumerate(RATES[:4], 1):
            cell = with_work(finding(rate), 50.0)
            if number == 3:
                cell = replace(cell, growth_axis=None, current_per_unit=None, current_ci_per_unit=None)
            made.counted(f"v1-r{number:02d}", f"h{number}", findings(cell))
        assert {rate.rate for rate in only(made.analyzed()).rates} == {"per_request", "current_per_hour"}

    def test_cell_without_a_current_rate_does_not_hide_the_others(self) -> None:
        made = Made(replicates=4)
        for number, rate in enumerate(RATES[:4], 1):
            cell = finding(rate) if number == 3 else with_work(finding(rate), 50.0)
            made.counted(f"v1-r{number:02d}", f"h{number}", findings(cell))
        by_work = only(made.analyzed()).rate("current_per_request")
        assert by_work is not None
        assert by_work.used == 3

    def left_of_a_warm_up(self, rate: float, axis: str = "requests") -> Finding:
        """The growth after the warm-up is ``rate`` an hour, with limits that hold 0 by an allowance on one side."""
        now, ci = rate, (0.0, rate * 1.1)
        cell = with_work(finding(rate, error=0.01 * rate), 50.0, axis)
        by_work = now / 50, (ci[0] / 50, ci[1] / 50)
        return replace(cell, current_ci_per_hour=ci, current_per_unit=by_work[0], current_ci_per_unit=by_work[1])

    def test_what_is_left_of_a_warm_up_is_not_averaged_away(self) -> None:
        made = Made(replicates=8)
        for number in range(1, 9):
            made.counted(f"v1-r{number:02d}", f"h{number}", findings(self.left_of_a_warm_up(1.0)))
        one = only(made.analyzed())
        for name, times in (("current_per_hour", 1.0), ("current_per_request", 1 / 50)):
            now = next(rate for rate in one.rates if rate.rate == name)
            assert now.estimate == pytest.approx(times)
            assert now.ci[0] == pytest.approx(0, abs=1e-9)
            assert now.ci[1] >= 1.1 * times - 1e-9
            assert now.new_host is not None
            assert now.new_host[0] <= now.ci[0] < now.ci[1] <= now.new_host[1]
        by_work = one.rate("per_request")
        assert by_work is not None
        assert by_work.ci[0] > 0.9 / 50

    @pytest.mark.parametrize("hosts", ["the same", "others"])
    def test_rates_after_the_warm_up_are_not_tested_against_each_other(self, hosts: str) -> None:
        made = Made(replicates=8, levels=({"load.arrivals.rate": 1.0}, {"load.arrivals.rate": 3.0}))
        for number in range(1, 9):
            for variant, rate in ((1, 1.0), (2, 1.5)):
                host = f"h{number}" if hosts == "the same" else f"h{variant}{number}"
                made.counted(f"v{variant}-r{number:02d}", host, findings(self.left_of_a_warm_up(rate)))
        (one,) = made.analyzed().differences
        rates = {rate.rate: rate for rate in one.rates}
        now = rates["current_per_hour"]
        assert (now.p, now.q, rates["current_per_request"].p, rates["current_per_request"].q) == (None,) * 4
        assert now.ci is not None
        low, high = now.ci
        assert low is not None
        assert high is not None
        assert now.estimate == pytest.approx(0.5)
        assert low <= -1.1
        assert high >= 1.65
        assert rates["per_request"].q is not None
        assert rates["per_request"].q < 0.01

    def test_cells_without_requests(self) -> None:
        assert not only(one_variant().analyzed()).rates

    def test_broken_cell_is_in_none(self) -> None:
        made = Made(replicates=3)
        for number, rate in enumerate(RATES[:3], 1):
            cell = findings(with_work(finding(rate), 50.0), validity="broken" if number == 2 else "complete")
            made.counted(f"v1-r{number:02d}", f"h{number}", cell)
        by_work = only(made.analyzed()).rate("per_request")
        assert by_work is not None
        assert (by_work.used, by_work.hosts) == (2, 2)

    def test_a_leak_per_request_does_not_differ_between_loads(self) -> None:
        """Three times the requests: three times the leak an hour, and the same per request."""
        made = Made(replicates=4, levels=({"load.arrivals.rate": 1.0}, {"load.arrivals.rate": 3.0}))
        for number, rate in enumerate(RATES[:4], 1):
            for variant, times in ((1, 1.0), (2, 3.0)):
                cell = with_work(finding(rate * times), 50.0 * times)
                made.counted(f"v{variant}-r{number:02d}", f"h{number}", findings(cell))
        (one,) = made.analyzed().differences
        by_work = next(rate for rate in one.rates if rate.rate == "per_request")
        assert one.per_hour == pytest.approx(2 * np.mean(RATES[:4]), rel=0.02)
        assert one.q is not None
        assert one.q < 0.01
        assert by_work.estimate == pytest.approx(0, abs=1e-6)
        assert by_work.p is not None
        assert by_work.p > 0.9
        assert by_work.paired_hosts == 4


class TestMissingCells:
    def test_verdict_that_they_cannot_change(self) -> None:
        found = one_variant(RATES[:5], missing=3).analyzed()
        one = only(found)
        assert (one.verdict, one.used, one.planned) == ("aging", 5, 8)
        assert "cells_missing" in one.note_codes
        assert not found.complete
        assert [cell.cell for cell in found.missing] == ["v1-r06", "v1-r07", "v1-r08"]
        assert [one.cell for one in found.problems if one.kind == "cell_missing"] == ["v1-r06", "v1-r07", "v1-r08"]

    def test_verdict_that_they_could_change(self) -> None:
        one = only(one_variant(RATES[:4], missing=4).analyzed())
        assert one.verdict == "inconclusive"
        assert "cells_missing_decide" in one.note_codes
        assert one.per_hour is not None

    @pytest.mark.parametrize(
        ("verdicts", "planned", "expected"),
        [
            (["stable"] * 3, 3, "stable"),
            (["stable"] * 3, 5, "stable"),
            (["stable"] * 3, 6, "inconclusive"),
            (["stable", "stable", "aging"], 4, "inconclusive"),
            (["stable", "stable", "aging"], 3, "stable"),
            ([], 3, "inconclusive"),
        ],
    )
    def test_rule(self, verdicts: list[Verdict], planned: int, expected: Verdict) -> None:
        assert over_cells(verdicts, planned).verdict == expected

    def test_lost_attempt_is_evidence_and_in_no_rate(self) -> None:
        made = one_variant(RATES[:3], missing=1)
        made.placed("v1-r04", "h9")
        made.lost("v1-r04", files=4)
        made.counted("v1-r04", "h4", findings(finding(99.0)), number=2)
        made.completed("v1-r04", None, number=1)  # it turns up after its successor completed
        found = made.analyzed()
        (left,) = found.not_counted
        assert (left.cell, left.number, left.host, left.lost, left.evidence) == (
            "v1-r04",
            1,
            "h9",
            True,
            "cells/v1-r04/a01",
        )
        assert found.complete
        last = only(found).by_cell[-1]
        assert (last.attempt, last.host, last.per_hour) == (2, "h4", 99.0)

    def test_completed_cell_without_findings(self) -> None:
        made = one_variant(RATES[:3], missing=1)
        made.placed("v1-r04", "h4")
        made.completed("v1-r04", None)
        (missing,) = made.analyzed().missing
        assert (missing.status, missing.host, missing.why) == ("no_findings", "h4", "cells/v1-r04 is not to be read")

    def test_status_of_every_cell(self) -> None:
        made = one_variant(RATES[:1], missing=3)
        made.placed("v1-r02", "h2")
        made.placed("v1-r03", "h3")
        made.lost("v1-r03")
        statuses = [cell.status for cell in made.analyzed().cells]
        assert statuses == ["counted", "running", "unfinished", "waiting"]

    def test_variant_without_a_result(self) -> None:
        made = Made(replicates=1, levels=({"server.x": 1}, {"server.x": 2}))
        made.counted("v1-r01", "h1", findings(finding(10.0)))
        found = {one.variant: one for one in made.analyzed().findings}
        assert (found["v2"].verdict, found["v2"].used, found["v2"].note_codes) == ("inconclusive", 0, ("no_cells",))

    def test_nothing_measured(self) -> None:
        found = Made(replicates=2).analyzed()
        assert (found.complete, list(found.findings), len(found.missing)) == (False, [], 2)


class TestHosts:
    def test_outlier_is_named_with_its_lone_facts(self) -> None:
        made = one_variant((*RATES[:7], 205.0))
        made.host("h8", driver="535.10", gpus=(), packages={"torch": "2.4.0", "vllm": "0.6.3"})
        found = made.analyzed()
        (outlier,) = found.outliers
        assert (outlier.host, outlier.indicator, outlier.cells) == ("h8", PRIMARY, 1)
        assert outlier.deviation_per_hour == pytest.approx(205 - np.mean(RATES[:7]), rel=0.01)
        assert {"driver", "gpu", "package torch"} <= set(found.lone_facts("h8"))
        facts = {one.fact: one for one in found.differing}
        assert [(value.value, len(value.hosts)) for value in facts["driver"].values] == [("550.54", 7), ("535.10", 1)]
        assert facts["gpu"].values[1].value is None
        assert "package vllm" not in facts

    def test_two_hosts_have_no_outlier(self) -> None:
        found = one_variant((10.0, 1000.0)).analyzed()
        assert [one.residual for one in found.hosts] == [None, None]
        assert not found.outliers
        assert "two_hosts" in only(found).note_codes

    def test_alike_hosts_do_not_differ_in_facts(self) -> None:
        assert not one_variant().analyzed().differing

    def test_clock_and_unknown_facts_are_problems(self) -> None:
        made = one_variant(RATES[:2], missing=1)
        made.host("h2", clock_offset=-7.0)
        made.counted("v1-r03", "h3", findings(finding(99.0)))
        kinds = {(one.kind, one.host) for one in made.analyzed().problems}
        assert {("host_clock_off", "h2"), ("host_facts_unknown", "h3")} <= kinds

    def test_problems_of_cells_are_kept(self) -> None:
        made = one_variant(RATES[:2])
        made.found["v1-r01"] = findings(finding(98.0), problems=[Problem("server", "unsent", "Requests were unsent.")])
        (problem,) = made.analyzed().problems
        assert (problem.kind, problem.cell, problem.host) == ("unsent", "v1-r01", "h1")


class TestDifferences:
    def two(self, hosts: Sequence[tuple[str, str]], changed: float = 10.0) -> StudyFindings:
        made = Made(replicates=len(hosts), levels=({"server.x": 1}, {"server.x": 2}))
        rng = np.random.default_rng(4)
        effects = {f"h{n}": 40.0 * rng.standard_normal() for n in range(1, 20)}
        for number, pair in enumerate(hosts, 1):
            for variant, host in enumerate(pair, 1):
                rate = 100 + (variant - 1) * changed + effects[host] + 0.3 * rng.standard_normal()
                made.counted(f"v{variant}-r{number:02d}", host, findings(finding(rate)))
        return made.analyzed()

    def test_hosts_that_ran_both_are_paired(self) -> None:
        paired = self.two([(f"h{n}", f"h{n}") for n in range(1, 7)])
        apart = self.two([(f"h{n}", f"h{n + 8}") for n in range(1, 7)])
        (one,), (other,) = paired.differences, apart.differences
        assert (one.paired_hosts, other.paired_hosts) == (6, 0)
        assert (one.baseline, one.other, one.key, one.baseline_level, one.other_level) == ("v1", "v2", "server.x", 1, 2)
        assert one.per_hour == pytest.approx(10, abs=1)
        assert one.q is not None
        assert one.q < 0.01
        assert other.p is not None
        assert other.p > 0.05

    def test_a_variant_on_one_host_alone_is_confounded(self) -> None:
        (one,) = self.two([("h1", "h2")]).differences
        assert (one.p, one.q, one.ci_per_hour, one.note_codes) == (None, None, None, ("host_confounded",))

    def test_partly_shared(self) -> None:
        (one,) = self.two([("h1", "h1"), ("h2", "h2"), ("h3", "h3"), ("h4", "h5")]).differences
        assert (one.paired_hosts, one.note_codes) == (3, ("hosts_partly_shared",))

    def test_host_effect_is_common_to_its_cells(self) -> None:
        found = self.two([(f"h{n}", f"h{n}") for n in range(1, 7)])
        assert [one.cells for one in found.hosts] == [2] * 6
        assert sum(one.effect_per_hour for one in found.hosts) == pytest.approx(0, abs=1e-6)

    def test_only_pairs_that_differ_in_one_level(self) -> None:
        levels = [{"server.x": x, "server.y": y} for x in (1, 2) for y in ("a", "b")]
        made = Made(replicates=2, levels=levels)
        for cell in made.cells:
            made.counted(cell.name, f"h{cell.replicate}", findings(finding(100.0 + cell.replicate)))
        pairs = {(one.baseline, one.other) for one in made.analyzed().differences}
        assert pairs == {("v1", "v3"), ("v2", "v4"), ("v1", "v2"), ("v3", "v4")}


class TestFile:
    def test_round_trip(self, tmp_path: Path) -> None:
        found = one_variant((*RATES[:7], 205.0), missing=2).analyzed()
        path = tmp_path / "findings.json"
        write_study_findings(found, path)
        back = read_study_findings(path)
        assert back is not None
        write_study_findings(back, tmp_path / "again.json")
        assert path.read_text() == (tmp_path / "again.json").read_text()
        assert json.loads(path.read_text())["schema"] == 1
        assert not [*tmp_path.glob("*.tmp")]

    def test_other_schema_is_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "findings.json"
        write_study_findings(one_variant().analyzed(), path)
        path.write_text(path.read_text().replace('"schema": 1', '"schema": 99', 1))
        assert read_study_findings(path) is None
        assert read_study_findings(tmp_path / "none.json") is None


class TestFolder:
    """A folder as the driver leaves it: its plan, its ledger, and the findings of its cells."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        campaign = tmp_path / "one.toml"
        campaign.write_text(CAMPAIGN_FILE)
        study = study_of_campaign(campaign.read_text(), "one.toml", 3, Catalogue.discovered().kinds())
        root = tmp_path / "results"
        root.mkdir()
        layout = StudyLayout(root)
        plan = write_plan(layout, study)
        made = Made(replicates=3)
        for number, cell in enumerate(plan.cells, 1):
            made.host(f"h{number}")
            made.counted(cell.name, f"h{number}", findings(with_work(finding(100.0 + number), 50.0)))
            write_attempt(layout.attempt(cell.name, 1), made.found[cell.name])
        ledger = Ledger(layout.ledger)
        for event in made.events:
            ledger.record(event)
        ledger.close()
        return root

    def test_read_not_computed(self, folder: Path) -> None:
        before = sorted(folder.rglob("*"))
        study = aging.load_study(folder)
        assert sorted(folder.rglob("*")) == before
        row = study.findings().iloc[0]
        assert row["per_hour"] == pytest.approx(102, abs=0.1)
        assert row["ci_per_hour_low"] < 102 < row["ci_per_hour_high"]
        assert study.found.level == 0.07
        assert list(study.cells()["status"]) == ["counted"] * 3
        assert set(study.hosts()["host"]) == {"h1", "h2", "h3"}
        assert list(study.estimates()["per_hour"]) == [101, 102, 103]
        assert list(study.rates()["rate"]) == ["per_request", "current_per_hour", "current_per_request"]
        assert study.rates()["ci_low"].iloc[0] < 2.04 < study.rates()["ci_high"].iloc[0]
        assert study.rate_differences().empty

    @pytest.mark.parametrize("name", ["findings.json", "manifest.json", "journal.jsonl"])
    def test_cell_that_cannot_be_read(self, folder: Path, name: str) -> None:
        """It is missing with the reason; the others are judged."""
        damaged = sorted(folder.glob(f"cells/*/a01/{name}"))[0]
        damaged.unlink()
        damaged.mkdir()
        found = aging.load_study(folder).found
        (missing,) = found.missing
        assert (missing.status, missing.cell) == ("no_findings", damaged.parent.parent.name)
        assert f"cells/{missing.cell}/a01" in (missing.why or "")
        assert "cells_missing" in found.findings[0].note_codes
        assert found.findings[0].used == 2

    def test_cell_in_which_nothing_was_measured(self, folder: Path) -> None:
        empty = sorted(folder.glob("cells/*/a01/findings.json"))[0]
        write_findings(findings(), empty)
        assert [one.status for one in aging.load_study(folder).found.missing] == ["no_findings"]

    def test_no_study(self, tmp_path: Path) -> None:
        with pytest.raises(AgingError):
            aging.load_study(tmp_path)
