"""Simulated days of rejuvenated servers, in a process of their own: a simulation changes its clocks for good."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest

from analysis.rejuvenation.accelerated import Outcome
from tests.conftest import ROOT

SCRIPT = """
import json, sys, tempfile
from pathlib import Path
from dataclasses import asdict
from analysis.rejuvenation import accelerated
from analysis.rejuvenation.simulation import Host
with tempfile.TemporaryDirectory() as folder:
    host = Host(1, Path(folder))
    print(json.dumps([asdict(getattr(accelerated, name)(host, *rest)) for name, *rest in json.loads(sys.argv[1])]))
"""


def simulated(*campaigns: tuple[Any, ...]) -> list[Outcome]:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(campaigns)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return [Outcome(**one) for one in json.loads(ran.stdout)]


@pytest.mark.thorough
def test_days() -> None:
    clean, leaking, never, periodic, one, two = simulated(
        ("watched", "warm-up", 1),
        ("watched", "slow leak", 1),
        ("month", "never", 0, 2.0),
        ("month", "periodic", 0, 2.0),
        ("governed", 1, 0, 1.5),
        ("governed", 2, 0, 1.5),
    )
    assert (clean.triggered, clean.deaths) == (0, 0)
    assert leaking.rejuvenations >= 1
    assert leaking.deaths == 0
    assert never.deaths >= 2, "it exhausts its memory, and is started again"
    assert never.down_seconds == pytest.approx(never.deaths * 370, abs=60)
    assert (periodic.deaths, periodic.rejuvenations) == (0, 7)
    assert periodic.down_seconds == pytest.approx(7 * 70, abs=5)
    assert periodic.seconds == pytest.approx(2 * 86_400, abs=200)

    assert (one.at_once, two.at_once) == (1, 2), "all are due together, so that only the governor keeps them apart"
    assert one.rejuvenations >= 12
    assert max(one.most_a_day, two.most_a_day) <= 6, "the budget"


def test_sum() -> None:
    one = Outcome(campaigns=1, deaths=2, at_once=1, most_a_day=3, seconds=10.0)
    both = one + Outcome(campaigns=1, deaths=1, at_once=2, most_a_day=1, seconds=5.0)
    assert both == Outcome(campaigns=2, deaths=3, at_once=2, most_a_day=3, seconds=15.0)
    assert asdict(one + Outcome()) == asdict(one)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_study_in_small() -> None:
    argv = [sys.executable, "-m", "analysis.rejuvenation.accelerated", "--quick"]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "| `never` |" in ran.stdout
    assert "| **all** | 12 |" in ran.stdout
