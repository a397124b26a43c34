"""What the list of campaigns says of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aging.report.campaign_list import CampaignStatus


@pytest.mark.parametrize(
    ("campaign", "observed"),
    [
        ({"load": None, "description": "srv.py fd (pid 7)"}, "srv.py fd (pid 7)"),
        ({"load": {"kind": "open"}, "description": "nightly"}, None),
        ({"load": None, "description": ""}, None),
        (None, None),
    ],
)
def test_an_observation_says_what_it_observes(tmp_path: Path, campaign: object, observed: str | None) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"campaign": campaign}))
    (tmp_path / "journal.jsonl").write_text("")
    status = CampaignStatus.of(tmp_path)
    assert status.as_json()["description"] == observed
    assert status.line().endswith(f"; {observed}" if observed else "can be resumed")
