"""``aging validate`` and ``aging plan`` of a study file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aging.core.errors import ExitCode
from tests.builders import GOOD
from tests.command_line import run_here
from tests.conftest import ROOT

STUDY = """
name = "s"
campaign = "good.toml"
replicates = 3
files = ["one.bin"]
[matrix]
"load.arrivals.rate" = [1.0, 16.0]
[hosts]
count = 4
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.bin").write_bytes(bytes(1000))
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


def test_validate_says_what_would_run(folder: Path) -> None:
    ran = run_here(folder, "validate", "study.toml", "good.toml")
    assert (ran.returncode, ran.stderr) == (ExitCode.DONE, "")
    assert "6 cells" in ran.stdout.splitlines()[0]
    (folder / "bad.toml").write_text(f"oops = 1\n{STUDY}")
    ran = run_here(folder, "validate", "bad.toml", "study.toml")
    assert ran.returncode == ExitCode.BAD_INPUT
    assert "bad.toml: 1 mistake\n  oops: unknown key" in ran.stderr
    assert "6 cells" in ran.stdout


def test_plan_lists_cells_and_what_they_take(folder: Path) -> None:
    ran = run_here(folder, "plan", "study.toml", "--json")
    assert ran.returncode == ExitCode.DONE
    plan = json.loads(ran.stdout)
    assert [cell["name"] for cell in plan["cells"]] == [
        f"rate-{rate}-r0{replicate}" for replicate in (1, 2, 3) for rate in ("1.0", "16.0")
    ]
    assert {cell["seconds"] for cell in plan["cells"]} == {180}
    assert (plan["least_hosts"], plan["most_hosts"]) == (3, 4)
    assert plan["host_hours"] == pytest.approx(6 * 180 / 3600)
    assert plan["seconds_on_most_hosts"] == 2 * 180
    assert plan["input_bytes"] == 1000
    by_rate = {cell["levels"]["load.arrivals.rate"]: cell["disk_bytes"] for cell in plan["cells"]}
    assert by_rate[16.0] > by_rate[1.0], "more requests are more rows"
    assert plan["disk_bytes"] == pytest.approx(3 * sum(by_rate.values()))
    shown = run_here(folder, "plan", "study.toml").stdout.splitlines()
    assert sum(line.startswith("rate-") for line in shown) == 6
    assert any(line.startswith("host-minutes: 18;") for line in shown)


def test_overrides_of_a_campaign_are_refused(folder: Path) -> None:
    assert run_here(folder, "plan", "study.toml", "--scale", "2").returncode == ExitCode.BAD_INPUT
    assert run_here(folder, "plan", "study.toml", "--duration", "1h").returncode == ExitCode.BAD_INPUT


def test_without_apart_one_host_is_enough(folder: Path) -> None:
    (folder / "study.toml").write_text(f"{STUDY}apart = false\n")
    plan = json.loads(run_here(folder, "plan", "study.toml", "--json").stdout)
    assert (plan["least_hosts"], plan["most_hosts"]) == (1, 4)


def test_committed_study_is_valid() -> None:
    ran = run_here(ROOT, "validate", "campaigns/hosts/study.toml")
    assert ran.returncode == ExitCode.DONE, ran.stderr
    assert "6 cells" in ran.stdout
