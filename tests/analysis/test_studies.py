"""The studies in small: a broken test would be seen here before the long ones are run again."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from aging.findings.run_validity import validities
from aging.stats import mann_kendall
from aging.store.results import open_results
from analysis.accelerated.scenario import Injection, Study
from analysis.accelerated.study import SEED, run_lives
from analysis.accelerated.table import compared
from analysis.methods import pooled_replicas
from analysis.methods.outlook import LAWS, Tally, ask
from analysis.methods.real_servers import SERVERS, row
from analysis.methods.signals import Case, Process, ar1, random_walk, sampled
from analysis.methods.size import rejection_rate
from analysis.methods.study import generator
from analysis.methods.verdicts import CASES, verdicts
from tests.conftest import ROOT


def run(study: str, *arguments: str, seconds: float) -> str:
    """Run a study as it is run by hand; what it prints."""
    ran = subprocess.run(
        [sys.executable, "-m", f"analysis.{study}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize(
    ("name", "process"),
    [("AR(1) 0.6", partial(ar1, phi=0.6)), ("AR(1) 0.9", partial(ar1, phi=0.9)), ("walk", random_walk)],
)
def test_size_of_primary_test(name: str, process: Process) -> None:
    case = Case(name, process, "ordinary")
    rng = generator("quick", name)
    primary = rejection_rate(case, 216, 150)
    others = sum(mann_kendall(sampled(case, rng, 216)[1]).p < 0.05 for _ in range(50)) / 50
    assert primary <= 0.12  # 150 replicates at 5 %: more than 0.12 has a chance of 3e-4
    assert others >= 0.12
    if name == "AR(1) 0.6":
        assert primary >= 0.01  # a test that never refuses anything has no size either


@pytest.mark.parametrize(
    "name",
    [
        "leak, 200 losses",
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in ("high-water mark, AR(1) 0.9", "warm-up saturation", "single step")
        ),
    ],
)
def test_power(name: str) -> None:
    (index,) = (place for place, case in enumerate(CASES) if case.name == name)
    share = verdicts(index, 216, 20)["aging"]
    assert share >= 0.85 if CASES[index].kind == "leak" else share <= 0.15


def test_real_servers() -> None:
    first, *others = (row(name, 300.0)["verdict"] for name in SERVERS)
    assert first == "aging"
    assert "aging" not in others


@pytest.mark.parametrize("errors", pooled_replicas.ERRORS)
def test_the_studied_interval_is_the_one_that_pools(errors: str) -> None:
    se = pooled_replicas.errors_of(3, errors)
    y = generator("quick", errors).standard_normal((40, 3)) * 2 * se
    for studied, used in zip(pooled_replicas.modified(y, se), pooled_replicas.as_pooled(y, se), strict=True):
        assert studied == pytest.approx(used)
    held = {str(row["method"]): float(str(row["coverage"])) for row in pooled_replicas.cell(2, 5.0, errors, 400)}
    assert held["common effect"] < 0.5
    assert held["modified Hartung-Knapp"] > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    "study", ["real_servers", "interval_coverage", "verdicts", "size", "load_start", "growth_places"]
)
def test_studies_run(study: str) -> None:
    assert f"{study}: " in run(f"methods.{study}", "--quick", seconds=300)


@pytest.mark.slow
def test_accelerated_campaign(tmp_path: Path) -> None:
    study = Study(tmp_path)
    study.plan([Injection(0, 0.4, "kill", seconds=2.0), Injection(5, 0.5, "clock", seconds=-40.0)])
    lives = run_lives(study, 0.15, SEED, lambda _: None)
    assert study.directory is not None
    results = open_results(study.directory)
    injections, untrue = compared(results.events, study.happened())
    assert [life.status for life in lives] == [-9, 0]
    assert [[one.kinds, one.lacking] for one in injections] == [[["campaign_resumed"], []], [["clock_stepped"], []]]
    assert untrue == []
    assert [(run.validity, run.attempt) for run in validities(results)] == [("complete", 1)] * 18
    assert results.events[-1].stamp.mono - results.events[0].stamp.mono > 6 * 540 + 5 * 75


@pytest.mark.parametrize("law", ["constant leak", "rate doubles after the window", "steps, 5 in the window"])
def test_outlook_is_not_wrongly_safe(law: str) -> None:
    rng, tally = generator("quick", law), Tally()
    for _ in range(6):
        ask(tally, LAWS[law](rng, 3600.0), 3600.0, rng)
    assert tally.cases == 24
    assert tally.safe > 0
    assert tally.safe_wrong == 0
    assert tally.exhausts_wrong == 0
