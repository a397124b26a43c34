"""Campaigns, run from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import aging
from aging.core.errors import CampaignError, InputError


def test_a_campaign_that_cannot_run_is_refused_with_its_mistakes(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match=r"none.toml.*\n.*cannot be read: No such file"):
        aging.run(tmp_path / "none.toml")
    with pytest.raises(InputError, match="must be a campaign file or its text, not 7"):
        aging.run(7)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"duration: -3\.0 is not a positive number of seconds"):
        aging.run("\n", duration=-3.0)


def test_mistakes_come_back_from_the_process_that_found_them(tmp_path: Path) -> None:
    with pytest.raises(CampaignError) as caught:
        aging.run('schema = 1\nname = "x"\nsed = 1\n', duration="3 parsecs", results=tmp_path, quiet=True)
    assert caught.value.subject == "campaign"
    assert {"sed", "duration"} <= {mistake.where for mistake in caught.value.mistakes}
    assert not list(tmp_path.iterdir())
