"""Quantiles of times between tokens: within 1 % of the exact ones, in bounded memory."""

from __future__ import annotations

import statistics
import sys
from random import Random

import pytest

from aging.load.http.token_timing import TokenGaps


def filled(times: list[float]) -> TokenGaps:
    gaps = TokenGaps()
    for seconds in times:
        gaps.add(seconds)
    return gaps


@pytest.mark.parametrize("spread", [0.01, 1.0, 3.0])
def test_quantiles_are_within_a_hundredth(spread: float) -> None:
    rng = Random(1)
    times = [rng.lognormvariate(-4.0, spread) for _ in range(5001)]
    gaps = filled(times)
    percentiles = statistics.quantiles(times, n=100, method="inclusive")
    assert gaps.quantile(0.5) == pytest.approx(percentiles[49], rel=0.011)
    assert gaps.quantile(0.99) == pytest.approx(percentiles[98], rel=0.03)
    assert gaps.longest == max(times)


def test_tokens_that_come_together_have_no_time_between_them() -> None:
    gaps = filled([0.0, 0.0, 0.0, 0.02])
    assert (gaps.quantile(0.5), gaps.longest) == (0.0, 0.02)


def test_no_time_no_quantile() -> None:
    assert (TokenGaps().quantile(0.5), TokenGaps().longest) == (None, None)


def test_a_million_times_take_no_more_memory_than_some_hundred() -> None:
    rng = Random(2)
    gaps = filled([rng.expovariate(1.0) * 10 ** rng.randint(-6, 3) for _ in range(200_000)])
    assert sys.getsizeof(gaps._counts) < 100_000
