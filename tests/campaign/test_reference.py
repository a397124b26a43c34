"""The reference page says what the schema says, and its example runs."""

from __future__ import annotations

from aging.campaign.load import parse_campaign
from aging.runner.catalogue import Catalogue
from tools.campaign_reference import EXAMPLE, page


def test_the_example_on_the_page_is_a_valid_campaign() -> None:
    campaign = parse_campaign(EXAMPLE, Catalogue.discovered().kinds())
    assert [deployment.name for deployment in campaign.deployment] == ["control"]


def test_every_key_of_every_kind_is_on_the_page() -> None:
    text = page()
    kinds = Catalogue.discovered().kinds()
    for tables in (kinds.deployments, kinds.arrivals, kinds.policies):
        for kind, table in tables.items():
            assert f'= "{kind}"`' in text
            assert all(f"| `{key}` |" in text for key in table.model_fields if key != "kind")
