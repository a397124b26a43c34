"""The reference page says what the schema says, and its example runs."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from aging.campaign import parse_campaign
from aging.catalogue import Catalogue
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    """What ``analysis/campaign_reference.py`` defines."""
    return runpy.run_path(str(ROOT / "analysis" / "campaign_reference.py"))


def test_the_committed_page_is_what_the_generator_makes(generator: dict[str, Any]) -> None:
    committed: Path = generator["PAGE"]
    stale = "docs/campaign.md is stale; run: python analysis/campaign_reference.py"
    assert committed.read_text(encoding="utf-8") == generator["page"](), stale


def test_the_example_on_the_page_is_a_valid_campaign(generator: dict[str, Any]) -> None:
    campaign = parse_campaign(generator["EXAMPLE"], Catalogue.discovered().kinds())
    assert [deployment.name for deployment in campaign.deployment] == ["control"]


def test_every_key_of_every_kind_is_on_the_page(generator: dict[str, Any]) -> None:
    page = generator["page"]()
    kinds = Catalogue.discovered().kinds()
    for tables in (kinds.deployments, kinds.arrivals, kinds.policies):
        for kind, table in tables.items():
            assert f'= "{kind}"`' in page
            assert all(f"| `{key}` |" in page for key in table.model_fields if key != "kind")
