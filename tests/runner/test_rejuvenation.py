"""Campaigns whose servers are rejuvenated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.virtual_campaign import VirtualCampaign, small_campaign

MEMORY = "process_anon_swap_bytes"

RENEWED = """
[rejuvenation]
deployments = ["leak"]
"""


PERIODIC = 'policy = "periodic"\nevery = "20s"\ndistance = "0s"'
THRESHOLD = 'policy = "threshold"\nindicator = "process_fds"\nabove = 1\nwindow = "5s"\ndistance = "0s"'


@pytest.mark.parametrize(("policy", "fewest", "most"), [(PERIODIC, 2, 3), (THRESHOLD, 1, 1)])
def test_restart_loses_no_request(tmp_path: Path, policy: str, fewest: int, most: int) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign('name = "clean"', 'name = "leak"', tables=RENEWED + policy))
    assert campaign.run() == 0, campaign.output
    done = campaign.events("rejuvenation_completed")
    assert fewest <= len(done) <= most, "what no restart lowers is restarted once"
    assert {event.deployment for event in done} == {"leak"}
    results = campaign.results
    clean, leak = results.requests("clean"), results.requests("leak")
    assert len(leak) == len(clean) == 119
    assert (leak["status"] == "ok").all()
    assert leak["held"].any()
    assert leak["generation"].nunique() >= 2
    assert results.samples("leak", "process")["generation"].nunique() >= 2
    assert {run["validity"] for run in campaign.findings["runs"]} == {"complete"}, "what is planned breaks no run"


@pytest.mark.parametrize(("indicator", "unread"), [(MEMORY, 0), ("process_vms_bytes", 1)])
def test_unread_indicator_journaled_once(tmp_path: Path, indicator: str, unread: int) -> None:
    policy = f'policy = "threshold"\nindicator = "{indicator}"\nabove = 1e12\nwindow = "5s"'
    text = small_campaign('name = "clean"', 'name = "leak"', tables=RENEWED + policy, duration="120s")
    campaign = VirtualCampaign(tmp_path, text)
    assert campaign.run() == 0, campaign.output
    alarms = campaign.events("watchdog")
    assert [(event.deployment, event.details["trouble"]) for event in alarms] == [("leak", "unread")] * unread
    assert all(repr(indicator) in event.details["message"] for event in alarms)
    assert not campaign.events("rejuvenation_started")
