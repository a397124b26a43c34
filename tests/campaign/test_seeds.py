"""The campaigns in `campaigns/seeds` have the parameters of their papers at full scale."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from aging.campaign.load import load_campaign
from aging.campaign.schema import Campaign
from aging.load.schedule.classes import classes_of
from aging.load.schedule.input_files import read_inputs
from aging.load.schedule.schedule import closed_loops, merged
from aging.runner.catalogue import Catalogue

SEEDS = Path(__file__).resolve().parents[2] / "campaigns" / "seeds"
KINDS = Catalogue.discovered().kinds()


def seed(name: str, **overrides: Any) -> Campaign:
    path = SEEDS / f"{name}.toml"
    return read_inputs(load_campaign(path, KINDS, **overrides), str(path)).campaign


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("burstgpt", [2.0]),
        ("kunserve-throttling", [5.4 * (1 + 3 * 30 / 120)]),
        ("llumnix-skew", [26.0]),
        ("chiron-slo", [30.0, 60.0 * 30 / 210]),
        ("conserve-harvest", [60.0 * 20 / 80 + 5.0 * 60 / 80, 0.0]),
    ],
)
def test_scaled_rates(name: str, rates: list[float]) -> None:
    full = seed(name, scale=1.0)
    assert full.load is not None
    assert [each.arrivals.mean_rate() for each in classes_of(full.load)] == pytest.approx(rates)
    reduced = seed(name, scale=0.125)
    assert reduced.load is not None
    assert [each.arrivals.mean_rate() for each in classes_of(reduced.load)] == pytest.approx(
        [rate * 0.125 for rate in rates]
    )


def test_burstgpt_parameters() -> None:
    load = seed("burstgpt").load
    assert load is not None
    assert load.arrivals.cv**-2 == pytest.approx(0.25)  # shape
    assert 1 / (load.arrivals.rate * load.arrivals.cv**-2) == pytest.approx(2.0)  # scale, in seconds
    assert (load.prompt_tokens.exponent, load.prompt_tokens.max) == (1.1, 1023)


def test_llumnix_lengths_and_rate() -> None:
    campaign = seed("llumnix-skew", scale=1.0)
    assert campaign.load is not None
    requests = list(islice(merged(classes_of(campaign.load), 1, 1e9), 20_000))
    prompts = [request.prompt_tokens for request in requests]
    assert sum(prompts) / len(prompts) == pytest.approx(128, rel=0.1)
    assert max(prompts) <= 6144
    assert requests[-1].at == pytest.approx(20_000 / 26.0, rel=0.1)


def test_kunserve_context_limit() -> None:
    load = seed("kunserve-throttling").load
    assert load is not None
    assert load.prompt_tokens.max + load.output_tokens.max <= 16_384


def test_chiron_objectives() -> None:
    load = seed("chiron-slo").load
    assert load is not None
    interactive, batch = (one.objectives for one in load.classes)
    assert interactive is not None
    assert batch is not None
    assert interactive.ttft is not None
    assert batch.e2e is not None
    assert interactive.ttft < 10
    assert batch.e2e >= 60


def test_conserve_offline_concurrency() -> None:
    for scale, places in ((1.0, 40), (0.1, 4), (0.001, 1)):
        campaign = seed("conserve-harvest", scale=scale)
        assert campaign.load is not None
        (loop,) = closed_loops(classes_of(campaign.load), 1)
        assert (loop.concurrency, loop.think, loop.yields_above) == (places, 0.0, None)


def test_scale_keeps_lengths_and_objectives() -> None:
    full, reduced = (seed("chiron-slo", scale=scale).load for scale in (1.0, 0.01))
    assert full is not None
    assert reduced is not None
    for one, other in zip(full.classes, reduced.classes, strict=True):
        assert one.prompt_tokens == other.prompt_tokens
        assert one.objectives == other.objectives
