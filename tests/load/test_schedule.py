"""The schedule is the same for equal seeds, and has the distribution it was asked for."""

from __future__ import annotations

from itertools import pairwise
from statistics import median, quantiles

import pytest

from aging.campaign.schema import LoadTable, LogNormal
from aging.load.arrivals.constant import Constant, ConstantOptions
from aging.load.arrivals.poisson import Poisson, PoissonOptions
from aging.load.corpus import WORDS
from aging.load.planned import PlannedRequest
from aging.load.prompts import messages
from aging.load.schedule import schedule, schedule_hash

POISSON = Poisson(PoissonOptions(kind="poisson", rate=50.0))


def load(**changes: object) -> LoadTable:
    return LoadTable(
        arrivals={},
        prompt_tokens=LogNormal(median=100, p95=300, min=10, max=1000),
        output_tokens=LogNormal(median=20, p95=20, min=1, max=100),
    ).model_copy(update=changes)


def planned(seed: int = 1, duration: float = 200.0, **changes: object) -> list[PlannedRequest]:
    return list(schedule(load(**changes), POISSON, seed, duration))


def test_equal_seeds_give_equal_schedules_and_other_seeds_others() -> None:
    assert schedule_hash(iter(planned())) == schedule_hash(iter(planned()))
    assert schedule_hash(iter(planned())) != schedule_hash(iter(planned(seed=2)))


def test_the_schedule_is_the_same_on_every_machine() -> None:
    # Recorded once; a change here means that published campaigns would no longer be repeated.
    assert schedule_hash(iter(planned(duration=10.0))) == (
        "9e5a3104dff550794cfdbb49486f2a20086045ad5f67dd9a680675dabad2ae01"
    )


def test_a_longer_campaign_begins_with_the_shorter_one() -> None:
    short, long = planned(duration=20.0), planned(duration=200.0)
    assert long[: len(short)] == short


def test_changing_one_aspect_leaves_the_others_as_they_were() -> None:
    before, after = planned(), planned(streaming_share=0.1)
    assert [request.at for request in before] == [request.at for request in after]
    assert [request.prompt_tokens for request in before] == [request.prompt_tokens for request in after]


def test_poisson_gaps_are_exponential() -> None:
    times = [request.at for request in planned()]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == pytest.approx(50 * 200, rel=0.03)
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert variance**0.5 / mean == pytest.approx(1.0, abs=0.04)


def test_constant_gaps_do_not_accumulate_rounding() -> None:
    arrivals = Constant(ConstantOptions(kind="constant", rate=3.0))
    times = [request.at for request in schedule(load(), arrivals, 1, 1000.0)]
    assert times[2999 - 1] == pytest.approx(2999 / 3, abs=1e-6)


def test_lengths_have_the_median_and_the_p95_they_were_asked_for() -> None:
    lengths = [request.prompt_tokens for request in planned()]
    assert median(lengths) == pytest.approx(100, rel=0.05)
    assert quantiles(lengths, n=20)[18] == pytest.approx(300, rel=0.06)
    assert min(lengths) >= 10
    assert max(lengths) <= 1000
    assert {request.output_tokens for request in planned()} == {20}


def test_the_streaming_share_is_kept() -> None:
    streamed = [request.streaming for request in planned()]
    assert sum(streamed) / len(streamed) == pytest.approx(0.7, abs=0.02)


def test_prompts_have_their_length_and_are_each_their_own() -> None:
    first, second = planned()[:2]
    assert len(messages(first, 1)[-1].split()) == first.prompt_tokens
    assert messages(first, 1) == messages(first, 1)
    assert messages(first, 1) != messages(first, 2)
    assert set(messages(second, 1)[-1].split()) <= set(WORDS)
    assert messages(first, 1)[-1][:20] != messages(second, 1)[-1][:20]
