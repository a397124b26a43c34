"""Campaigns in virtual time whose runs are repeated, and that settle between their runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aging.campaign.plan import PlannedRun
from aging.campaign.schema import SubjectOptions
from aging.runner.retries import broken_runs
from tests.command_line import run_here
from tests.virtual_campaign import VirtualCampaign, small_campaign

TURNS = ('name = "clean"\nslot = "one"', 'name = "leak"\nslot = "one"')
FLAKY = ('name = "clean"', 'name = "flaky"')


def runs_of(campaign: VirtualCampaign) -> dict[str, dict[str, Any]]:
    return {run["deployment"]: run for run in campaign.findings["runs"]}


@pytest.fixture
def repeated(tmp_path: Path) -> VirtualCampaign:
    """A campaign of which one server ends while it is under load; a repeat of it goes well."""
    campaign = VirtualCampaign(tmp_path, small_campaign(*FLAKY, head="retries = 2"))
    campaign.server_dies("flaky", 5, how="exit 7")
    assert campaign.run() == 0
    return campaign


def test_broken_run_repeated_in_own_folder(repeated: VirtualCampaign) -> None:
    (event,) = repeated.events("run_repeated")
    assert (event.deployment, event.details["replica"], event.details["attempt"]) == ("flaky", 1, 2)
    assert "exit 7" in "; ".join(event.details["reasons"])
    assert {path.name for path in (repeated.root / "flaky").iterdir()} == {"r01", "r01-2"}
    assert {path.name for path in (repeated.root / "clean").iterdir()} == {"r01"}, "sound runs are not repeated"
    assert {name: (run["attempt"], run["validity"]) for name, run in runs_of(repeated).items()} == {
        "clean": (1, "complete"),
        "flaky": (2, "complete"),
    }
    assert "repeated" in repeated.problems("flaky")
    assert "died" not in repeated.problems("flaky"), "a repeated run is reported once, as repeated"
    # Both attempts had the identical load; the second is whole.
    results = repeated.results
    assert len(results.requests("flaky")) == len(results.requests("clean"))
    assert results.samples("flaky", "process")["mono"].min() > event.stamp.mono
    assert run_here(repeated.root, "status", repeated.root).returncode == 0


def test_judge_process_answers(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*FLAKY))
    campaign.server_dies("flaky", 5, how="exit 7")
    campaign.run()
    asked = [PlannedRun(SubjectOptions(name=name, kind="reference"), 1, 7, None) for name in ("clean", "flaky")]
    found = asyncio.run(broken_runs(campaign.root, asked, lambda _: None))
    assert list(found) == [("flaky", 1)]
    assert "exit 7" in "; ".join(found["flaky", 1])


def test_retries_exhausted(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*FLAKY, head="retries = 2"))
    for life in (1, 2, 3):
        campaign.ends("flaky", "no luck", life=life)
    assert campaign.run() == 0
    assert [event.details["attempt"] for event in campaign.events("run_repeated")] == [2, 3]
    run = runs_of(campaign)["flaky"]
    assert (run["attempt"], run["validity"]) == (3, "broken")


def test_next_run_waits_for_port(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TURNS, head="settle = '20s'"))
    campaign.at(10, lambda: campaign.ports_in_use.update({2001: "port 2001 is in use"}))
    campaign.at(68, campaign.ports_in_use.clear)
    assert campaign.run() == 0
    (settled,) = campaign.events("settled")
    assert 3.0 < settled.details["seconds"] < 10.0
    starts = [event.stamp.mono for event in campaign.events("load_started")]
    assert starts[0] < settled.stamp.mono < starts[1]
    (baseline,) = campaign.events("baseline")
    assert baseline.stamp.mono < starts[0]
    assert baseline.details["memory_bytes"] == campaign.memory_used


@pytest.mark.thorough
def test_next_run_waits_for_memory(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TURNS, head="settle = '20s'"))
    before = campaign.memory_used
    campaign.at(10, lambda: setattr(campaign, "memory_used", 2 * before))
    campaign.at(70, lambda: setattr(campaign, "memory_used", before))
    assert campaign.run() == 0
    (settled,) = campaign.events("settled")
    assert 5.0 < settled.details["seconds"] < 10.0


@pytest.mark.thorough
def test_host_does_not_settle(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TURNS, head="settle = '500ms'"))
    campaign.at(10, lambda: campaign.ports_in_use.update({2001: "port 2001 is in use"}))
    assert campaign.run() == 0
    (not_settled,) = campaign.events("not_settled")
    assert "port 2001 is in use" in not_settled.details["why"]
    assert len(campaign.events("load_finished")) == 2
    assert "settling" in campaign.problems()


def test_runs_in_turn_get_same_load(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TURNS, head="replicas = 2"))
    assert campaign.run() == 0
    order = [(str(event.deployment), event.details["replica"]) for event in campaign.events("load_started")]
    assert order == [("clean", 1), ("leak", 1), ("clean", 2), ("leak", 2)]
    results = campaign.results
    hashes = results.manifest.schedule_hashes
    assert hashes["clean/r01"] == hashes["leak/r01"] != hashes["clean/r02"] == hashes["leak/r02"]
    for deployment, replica in order:
        assert len(results.requests(deployment, replica)) == 119  # at 2 a second over 60 s, the first after a half
        assert len(results.samples(deployment, "process", replica)) >= 60


def test_no_deployment_ready_is_inconclusive(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*FLAKY))
    for name in ("clean", "flaky"):
        campaign.ends(name, "exit 1")
    assert campaign.run() == 3
    assert campaign.results.state.phase == "failed"
    assert "died" in campaign.problems("clean")
