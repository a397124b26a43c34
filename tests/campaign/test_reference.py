"""The reference page agrees with the schema, and its example is valid."""

from __future__ import annotations

from aging.campaign.load import parse_campaign
from aging.runner.catalogue import Catalogue
from tools.campaign_reference import EXAMPLE, page


def test_example_is_valid() -> None:
    campaign = parse_campaign(EXAMPLE, Catalogue.discovered().kinds())
    assert [deployment.name for deployment in campaign.deployment] == ["control"]


def test_every_key_is_documented() -> None:
    text = page()
    kinds = Catalogue.discovered().kinds()
    for tables in (kinds.deployments, kinds.arrivals, kinds.policies):
        for kind, table in tables.items():
            assert f'= "{kind}"`' in text
            assert all(f"| `{key}` |" in text for key in table.model_fields if key != "kind")
