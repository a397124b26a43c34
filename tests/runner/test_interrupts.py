"""Interrupts in virtual time: whenever they come, no server is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.virtual_campaign import VirtualCampaign, small_campaign


@pytest.mark.parametrize("second", [21.5, 22.5])
def test_a_second_interrupt_while_the_servers_are_stopped_leaves_none(tmp_path: Path, second: float) -> None:
    ran = VirtualCampaign(tmp_path, small_campaign('name = "clean"', 'name = "other"'))
    ran.interrupt(20.0)
    ran.interrupt(second)
    assert ran.run() == 130, ran.output
    assert ran.events("interrupt")[-1].details["count"] == 2
    assert [life.how for life in ran.world.pids.values()] == ["exit 0", "exit 0"]
    assert len(ran.events("deployment_stopped")) == 2


def test_a_second_interrupt_ends_a_drain_of_minutes(tmp_path: Path) -> None:
    text = small_campaign('name = "clean"', rate=20.0).replace('"5s"', '"10m"')
    ran = VirtualCampaign(tmp_path, text)
    ran.falls_silent("clean", 18.0, 600.0)
    ran.interrupt(20.0)
    ran.interrupt(24.0)
    assert ran.run() == 130, ran.output
    first, second = (event.stamp.mono for event in ran.events("interrupt"))
    assert second - first == pytest.approx(4.0, abs=0.1)
    (stopped,) = ran.events("deployment_stopped")
    assert stopped.stamp.mono - second < 10.0


def test_an_interrupt_in_the_last_second_of_a_run_does_not_break_it(tmp_path: Path) -> None:
    """The run is over as the campaign is resumed, and its load has not drawn all of its schedule."""
    ran = VirtualCampaign(tmp_path, small_campaign('name = "clean"', rate=20.0))
    ran.interrupt(59.5)
    assert ran.run() == 130, ran.output
    assert ran.resume() == 0, ran.output
    assert len(ran.events("load_started") + ran.events("load_resumed")) == 1
    assert "schedule" not in ran.problems()
    assert [one["validity"] for one in ran.findings["runs"]] != ["broken"]
