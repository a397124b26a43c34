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
