"""Whole campaigns in virtual time whose policies rejuvenate: what the findings and the terminal say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aging.findings.findings_file import read_findings
from aging.findings.series import Measured
from aging.report.html.page import page
from tests.virtual_campaign import VirtualCampaign, small_campaign

PERIODIC = """
[rejuvenation]
deployments = ["leak"]
policy = "periodic"
every = "60s"
distance = "0s"
"""
LEAK = 'name = "leak"\nleak_per_request = "64KiB"'
FREED = 4 * 2**16 * 57  # 4 requests a second of 64 KiB, for 57 s


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> VirtualCampaign:
    text = small_campaign('name = "clean"', LEAK, tables=PERIODIC, duration="240s", rate=4.0)
    campaign = VirtualCampaign(tmp_path_factory.mktemp("renewed"), text)
    assert campaign.run() == 0, campaign.output
    return campaign


def test_every_restart_is_reported(renewed: VirtualCampaign) -> None:
    events: list[dict[str, Any]] = renewed.findings["rejuvenations"]
    assert [(one["generation_before"], one["generation_after"]) for one in events] == [(1, 2), (2, 3), (3, 4)]
    assert {one["outcome"] for one in events} == {"helped"}
    assert [one["lost"] for one in events] == [{}, {}, {}]
    assert [one["duplicated"] + one["cut"] + one["retried"] + one["unsent"] for one in events] == [0, 0, 0]
    records = renewed.results.requests("leak")
    begun = [event.stamp.mono for event in renewed.events("rejuvenation_started")]
    while_it_lasted = [
        int(records["scheduled"].between(begin, begin + one["seconds"]).sum())
        for begin, one in zip(begun, events, strict=True)
    ]
    # Arrivals are 4 a second; each restart takes 6.1 to 6.3 s, and the simulated client looks once a second.
    assert [one["held"] for one in events] == [28, 28, 28]
    assert sum(one["held"] for one in events) == int(records["held"].sum())
    assert all(24 <= due <= one["held"] for due, one in zip(while_it_lasted, events, strict=True))
    for one in events:
        assert one["unavailable_seconds"] == pytest.approx(one["seconds"], abs=0.01)
        assert max(one["ttft_before"]["p99"], one["ttft_after"]["p99"]) < 0.1
        assert 6 < one["ttft_during"]["p99"] <= one["held_longest_seconds"] + 0.1
        (level,) = one["levels"]
        assert level["freed"] == pytest.approx(FREED, rel=0.05)
        low, high = level["ci_after_per_hour"]
        assert low < 4 * 65536 * 3600 < high


def test_policies_compared(renewed: VirtualCampaign) -> None:
    clean, leak = renewed.findings["policies"]
    assert (clean["policy"], clean["rejuvenations"], clean["held"], clean["unavailable_seconds"]) == ("none", 0, 0, 0.0)
    assert (leak["policy"], leak["rejuvenations"], leak["failed"], leak["crashes"]) == ("periodic", 3, 0, 0)
    assert (leak["requests"], leak["lost"], leak["held"]) == (clean["requests"], 0, 84)
    whole = sum(one["unavailable_seconds"] for one in renewed.findings["rejuvenations"])
    assert leak["unavailable_seconds"] == pytest.approx(whole)
    assert clean["ttft_p99_seconds"] < 0.1
    assert leak["ttft_p99_seconds"] > 6
    assert leak["peak_bytes"] > clean["peak_bytes"]


def test_note_of_the_longest_generation(renewed: VirtualCampaign) -> None:
    codes = {(one["deployment"], one["indicator"]): one["note_codes"] for one in renewed.findings["findings"]}
    memory = "process_anon_swap_bytes"
    assert "longest_generation" in codes["leak", memory]
    assert "longest_generation" not in codes["clean", memory]


def test_terminal_and_report(renewed: VirtualCampaign) -> None:
    assert "rejuvenated 3 times" in renewed.output
    assert "84 held" in renewed.output
    findings = read_findings(renewed.results.layout.findings)
    assert findings is not None
    html = page(Measured(renewed.results), findings)
    assert 'id="rejuvenation"' in html
    assert html.count("28 held") == 3


@pytest.mark.thorough
def test_one_policy_is_not_compared(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(LEAK, tables=PERIODIC, duration="80s"))
    assert campaign.run() == 0, campaign.output
    assert campaign.findings["policies"] == []
    assert len(campaign.findings["rejuvenations"]) == 1


@pytest.mark.thorough
def test_successor_that_never_serves(tmp_path: Path) -> None:
    """All that had waited for it fails, and is counted as lost by the rejuvenation."""
    campaign = VirtualCampaign(tmp_path, small_campaign('name = "clean"', LEAK, tables=PERIODIC, duration="120s"))
    campaign.ends("leak", "exit 1", life=2)
    campaign.run()
    (one,) = campaign.findings["rejuvenations"]
    records = campaign.results.requests("leak")
    gone = records[records["status"] != "ok"]
    assert (one["outcome"], one["generation_after"]) == ("failed", None)
    assert sum(one["lost"].values()) == len(gone) > 0
    assert {"rejuvenation_failed", "rejuvenation_lost", "died"} <= campaign.problems("leak")
    leak = campaign.findings["policies"][1]
    assert (leak["rejuvenations"], leak["failed"], leak["crashes"]) == (0, 1, 1)
    assert leak["unavailable_seconds"] == pytest.approx(120 - one["at_seconds"], abs=5)


@pytest.mark.thorough
def test_dry_run(tmp_path: Path) -> None:
    text = small_campaign(LEAK, tables=f"{PERIODIC}dry_run = true\n", duration="80s")
    campaign = VirtualCampaign(tmp_path, text)
    assert campaign.run() == 0, campaign.output
    assert campaign.findings["rejuvenations"] == []
    (decided,) = campaign.findings["decisions_not_carried_out"]
    assert (decided["rule"], decided["count"], decided["policy"]) == ("dry-run", 1, "periodic")
    assert "dry run" in campaign.output


def test_no_policy(tmp_path: Path) -> None:
    text = small_campaign('name = "a"', 'name = "b"', tables="", duration="60s")
    campaign = VirtualCampaign(tmp_path, text)
    assert campaign.run() == 0, campaign.output
    assert campaign.findings["rejuvenations"] == campaign.findings["policies"] == []
    assert "rejuvenat" not in campaign.output


@pytest.mark.thorough
def test_runner_killed_in_a_restart(tmp_path: Path) -> None:
    """The next runner finishes it. What was due while no load process ran is counted apart."""
    text = small_campaign('name = "clean"', LEAK, tables=PERIODIC, duration="100s", rate=4.0)
    campaign = VirtualCampaign(tmp_path, text)
    campaign.kill(61.0)
    assert campaign.run() is None
    assert campaign.resume(after=5.0) == 0, campaign.output
    (one,) = campaign.findings["rejuvenations"]
    assert (one["outcome"], one["generation_after"], one["lost"], one["unsent"]) == ("helped", 2, {}, 42)
    assert one["unsent"] + len(campaign.results.requests("leak")) == 399
    assert one["unavailable_seconds"] == pytest.approx(8.57, abs=0.01)
    assert not {"rejuvenation_failed", "rejuvenation_lost"} & campaign.problems("leak")


@pytest.mark.thorough
def test_replacement_holds_no_request(tmp_path: Path) -> None:
    text = small_campaign(LEAK, tables=f'{PERIODIC}action = "replace"\n', duration="90s", rate=4.0)
    campaign = VirtualCampaign(tmp_path, text)
    assert campaign.run() == 0, campaign.output
    (one,) = campaign.findings["rejuvenations"]
    assert (one["action"], one["outcome"], one["generation_after"]) == ("replace", "helped", 2)
    assert (one["lost"], one["held"], one["unavailable_seconds"]) == ({}, 0, 0.0)
    assert one["ttft_during"]["p99"] < 0.1
    assert one["levels"][0]["freed"] == pytest.approx(FREED, rel=0.1)
    (run,) = campaign.findings["runs"]
    assert run["validity"] == "complete"
