"""A limit below what the budget can show is named before the run."""

from __future__ import annotations

import pytest

from aging.app.check import GateRequest, gate_of
from aging.campaign.load import CampaignText, parse_campaign
from aging.check import foresight
from aging.check.foresight import foreseen
from aging.core.metrics import PRIMARY
from aging.stats.rate_test import observation
from tests.builders import KINDS
from tests.virtual_campaign import small_campaign


def sentences(condition: str, more: str = "", **keys: str) -> list[str]:
    text = small_campaign(f'name = "one"\n{more}', rate=10.0, **keys)
    gate = gate_of(CampaignText(text, "small.toml"), GateRequest([condition], ["one"]))
    return list(foreseen(gate, parse_campaign(text, KINDS)))


def test_same_rule_as_the_decision() -> None:
    assert foresight.UNSEEN == observation.UNSEEN


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("per_request > 800B", True),  # of 600 requests: 480 KiB, of which 512 KiB do not show
        ("per_request > 900B", False),
        ("per_hour > 29MiB", True),
        ("per_hour > 31MiB", False),
        ("growth_total > 1KiB", False),
        ("per_hour > 1%", False),
    ],
)
def test_limit(condition: str, said: bool) -> None:
    assert bool(sentences(f"{PRIMARY}:{condition}", duration="60s")) == said


def test_what_would_be_enough() -> None:
    (sentence,) = sentences(f"{PRIMARY}:per_request > 64B", duration="60s")
    assert "13m 40s" in sentence
    assert "874 B/request" in sentence
    assert "--plan" in sentence


def test_own_rate_and_warm_up() -> None:
    assert not sentences(f"{PRIMARY}:per_request > 800B", "rate = 20.0", duration="60s")
    assert sentences(f"{PRIMARY}:per_request > 900B", duration="60s", head='warmup = "30s"')


@pytest.mark.parametrize(("rate", "said"), [("", False), (", rate = 10", True), (", rate = 10000", False)])
def test_closed_loop(rate: str, said: bool) -> None:
    """With a highest rate, as of `aging check --command`, what that rate does not show is said."""
    text = small_campaign('name = "one"').replace(
        '{ kind = "constant", rate = 2.0 }', f'{{ kind = "closed", concurrency = 2{rate} }}'
    )
    gate = gate_of(CampaignText(text, "small.toml"), GateRequest([f"{PRIMARY}:per_request > 16B"], ["one"]))
    assert bool(list(foreseen(gate, parse_campaign(text, KINDS)))) == said
