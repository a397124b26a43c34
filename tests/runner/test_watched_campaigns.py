"""Campaigns in virtual time on a disk that fills, with a server that hangs, and on a host that runs out of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.killing import assert_nothing_lost
from tests.virtual_campaign import VirtualCampaign, small_campaign

TWO = ('name = "clean"', 'name = "leak"\nleak_per_request = "64KiB"')


def test_disk_floor_halts_and_resumes(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO))
    campaign.at(20, lambda: setattr(campaign, "disk_full", True))
    assert campaign.run() == 3, campaign.output
    halted = campaign.results.state
    assert halted.phase == "halted"
    assert [event.kind for event in campaign.results.events].count("halting") == 1
    assert len(campaign.events("deployment_stopped")) == 2
    campaign.disk_full = False
    assert campaign.resume() == 0, campaign.output
    assert_nothing_lost(campaign.root, [], interval=1.0)
    assert campaign.events("campaign_completed")


def test_silent_server_and_recovery(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO, head='watchdogs.silent_after = "6s"'))
    campaign.falls_silent("clean", 15, lasts=20)
    assert campaign.run() == 0, campaign.output
    for kind in ("watchdog", "watchdog_over"):
        (event,) = campaign.events(kind)
        assert (event.deployment, event.details["trouble"]) == ("clean", "silent")
    assert "silent" in campaign.problems("clean")
    assert not campaign.problems("leak")


@pytest.mark.thorough
def test_memory_floor_ends_offender(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO, head='watchdogs.memory_floor = "1GiB"'))
    campaign.at(30, lambda: setattr(campaign, "memory_available", 2**29))
    campaign.on_end("leak", lambda: setattr(campaign, "memory_available", 2**33))
    assert campaign.run() == 0, campaign.output
    (event,) = campaign.events("watchdog")
    assert (event.deployment, event.details["trouble"]) == ("leak", "memory")
    assert [event.deployment for event in campaign.events("deployment_died")] == ["leak"]
    assert len(campaign.results.requests("clean")) > 1.5 * len(campaign.results.requests("leak"))
    assert "died" not in campaign.problems("clean")


@pytest.mark.thorough
def test_memory_floor_without_offender(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign('name = "clean"', head='watchdogs.memory_floor = "1GiB"'))
    campaign.at(30, lambda: setattr(campaign, "memory_available", 2**29))
    assert campaign.run() == 0, campaign.output
    (event,) = campaign.events("watchdog")
    assert (event.deployment, event.details["trouble"]) == (None, "memory")
    assert not campaign.events("deployment_died")
