"""The studies in small: a broken test would be seen here before the long ones are run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

STUDIES = ROOT / "analysis"


def run(program: str) -> str:
    """Run Python in the studies' folder, as they are run by hand."""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=STUDIES, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_primary_test_keeps_its_size_where_mann_kendall_does_not() -> None:
    program = """
from functools import partial
from aging.trends import mann_kendall
from processes import Case, ar1, random_walk, sampled
from size import rejection_rate
from study import generator

cases = (("AR(1) 0.6", partial(ar1, phi=0.6)), ("AR(1) 0.9", partial(ar1, phi=0.9)), ("walk", random_walk))
for name, process in cases:
    case = Case(name, process, "ordinary")
    rng = generator("quick", name)
    others = sum(mann_kendall(sampled(case, rng, 216)[1]).p < 0.05 for _ in range(50)) / 50
    print(rejection_rate(case, 216, 150), others)
"""
    rates = [tuple(map(float, line.split())) for line in run(program).splitlines()]
    assert len(rates) == 3
    for primary, mann_kendall in rates:
        assert primary <= 0.12  # 150 replicates at 5 %: more than 0.12 has a chance of 3e-4
        assert mann_kendall >= 0.12
    assert rates[0][0] >= 0.01  # and a test that never refuses anything has no size either


def test_leaks_are_found_and_what_is_none_is_not_called_ageing() -> None:
    program = """
from verdicts import CASES, verdicts
for index, case in enumerate(CASES):
    if case.name in ("high-water mark, AR(1) 0.9", "warm-up saturation", "single step", "leak, 200 losses"):
        print(case.kind, verdicts(index, 216, 20)["aging"])
"""
    told = [(kind, float(share)) for kind, share in (line.split() for line in run(program).splitlines())]
    assert len(told) == 4
    for kind, share in told:
        assert share >= 0.85 if kind == "leak" else share <= 0.15


def test_the_real_servers_come_out_as_they_are_known() -> None:
    verdicts = run("from real_servers import SERVERS, told\nfor name in SERVERS: print(told(name, 300.0)['verdict'])")
    assert verdicts.split()[0] == "aging"
    assert "aging" not in verdicts.split()[1:]


@pytest.mark.slow
@pytest.mark.parametrize("study", ["real_servers", "coverage", "verdicts", "size", "origin"])
def test_every_study_runs(study: str) -> None:
    ran = subprocess.run(
        [sys.executable, f"{study}.py", "--quick"],
        cwd=STUDIES,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert f"{study}: " in ran.stdout


@pytest.mark.slow
def test_a_campaign_under_an_accelerated_clock_is_killed_resumed_and_complete(tmp_path: Path) -> None:
    program = f"""
import json
from pathlib import Path
from accelerated import SEED, run_lives
from accelerating.table import compared
from aging import open_results
from aging.validity import validities
from accelerating.scenario import Injection, Study

study = Study(Path({str(tmp_path)!r}))
study.plan([Injection(0, 0.4, "kill", seconds=2.0), Injection(5, 0.5, "clock", seconds=-40.0)])
lives = run_lives(study, 0.15, SEED, lambda _: None)
results = open_results(study.directory)
told, untrue = compared(results.events, study.happened())
print(json.dumps({{
    "exits": [life.status for life in lives],
    "told": [[one.told, one.lacking] for one in told],
    "untrue": [event.kind for event in untrue],
    "runs": [[run.validity, run.attempt] for run in validities(results)],
    "seconds": [results.events[0].stamp.mono, results.events[-1].stamp.mono],
}}))
"""
    said = json.loads(run(program))
    assert said["exits"] == [-9, 0]
    assert said["told"] == [[["campaign_resumed"], []], [["clock_stepped"], []]]
    assert said["untrue"] == []
    assert said["runs"] == [["complete", 1]] * 18
    begun, ended = said["seconds"]
    assert ended - begun > 6 * 540 + 5 * 75
