"""Campaigns in virtual time on a disk that fills, with a server that hangs, and on a host that runs out of memory."""

from __future__ import annotations

from pathlib import Path

from tests.killing import assert_nothing_lost
from tests.virtual_campaign import VirtualCampaign, small_campaign

TWO = ('name = "clean"', 'name = "leak"\nleak_per_request = "64KiB"')


def test_below_the_disk_floor_a_campaign_ends_in_order_and_is_resumed_when_there_is_room(tmp_path: Path) -> None:
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


def test_a_server_that_hangs_is_told_and_that_it_answers_again(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO, head='watchdogs.silent_after = "6s"'))
    campaign.falls_silent("clean", 15, lasts=20)
    assert campaign.run() == 0, campaign.output
    for kind in ("watchdog", "watchdog_over"):
        (event,) = campaign.events(kind)
        assert (event.deployment, event.details["trouble"]) == ("clean", "silent")
    assert "silent" in campaign.problems("clean")
    assert not campaign.problems("leak")


def test_before_the_memory_ends_the_one_that_grew_most_goes_and_the_others_stay(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO, head='watchdogs.memory_floor = "1GiB"'))
    campaign.at(30, lambda: setattr(campaign, "memory_available", 2**29))
    campaign.on_end("leak", lambda: setattr(campaign, "memory_available", 2**33))
    assert campaign.run() == 0, campaign.output
    (event,) = campaign.events("watchdog")
    assert (event.deployment, event.details["trouble"]) == ("leak", "memory")
    assert [event.deployment for event in campaign.events("deployment_died")] == ["leak"]
    assert len(campaign.results.requests("clean")) > 1.5 * len(campaign.results.requests("leak"))
    assert "died" not in campaign.problems("clean")


def test_where_no_deployment_has_grown_nobody_is_ended_for_a_lack_of_memory(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign('name = "clean"', head='watchdogs.memory_floor = "1GiB"'))
    campaign.at(30, lambda: setattr(campaign, "memory_available", 2**29))
    assert campaign.run() == 0, campaign.output
    (event,) = campaign.events("watchdog")
    assert (event.deployment, event.details["trouble"]) == (None, "memory")
    assert not campaign.events("deployment_died")
