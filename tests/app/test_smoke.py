"""Smoke runs in virtual time: every deployment is tried, and what is wrong with it is said."""

from __future__ import annotations

import json
from pathlib import Path

from tests.virtual_campaign import VirtualCampaign, small_campaign

THREE = ('name = "clean"', 'name = "never"', 'name = "dies"')


def failing(tmp_path: Path, *, head: str = "") -> VirtualCampaign:
    """A server that is sound, one that is never ready, and one that ends under load."""
    campaign = VirtualCampaign(tmp_path, small_campaign(*THREE, duration="10h", head=head, rate=5.0))
    campaign.ends("never", "exit 1")
    campaign.server_dies("dies", 4.0)
    return campaign


def test_failures_by_deployment(tmp_path: Path) -> None:
    campaign = failing(tmp_path)
    assert campaign.run("--smoke", "10s") == 3, campaign.output
    assert campaign.root.parent.name == "small.smoke"
    results = campaign.results
    assert results.manifest.smoke
    assert results.manifest.campaign.duration_seconds == 10.0
    assert not results.layout.findings.exists()
    assert not results.layout.report.exists()
    smoke = json.loads(results.layout.smoke.read_text())["smoke"]
    failures = {one["deployment"]: {c["name"] for c in one["checks"] if c["status"] == "fail"} for one in smoke}
    assert failures["clean"] == set()
    assert failures["never"] == {"ready"}
    assert "ready" in failures["dies"]
    for name in ("never", "dies"):
        assert f"FAILED {name}" in campaign.output
    assert campaign.resume() == 2, "it is no campaign"


def test_sanity_run_that_fails_keeps_the_campaign_from_starting(tmp_path: Path) -> None:
    campaign = failing(tmp_path, head='sanity = "10s"')
    assert campaign.run() == 3, campaign.output
    assert "never: never became ready" in campaign.output
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["small.smoke"]
