"""The axis on which growth is judged."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats import trend_test
from aging.stats.growth.axis import CLOCK, choose_axis
from aging.stats.series.validation import Floats
from tests.stats.signals import PAGE

N = 400
T: Floats = np.arange(N, dtype=np.float64)


def requests(rng: np.random.Generator, rates: Floats) -> Floats:
    """Requests until each second, at these rates, shape (n,)."""
    return np.cumsum(rng.poisson(rates)).astype(np.float64)


def leak(rng: np.random.Generator, counted: Floats) -> Floats:
    """Memory in bytes that grows by about a page with every request."""
    done = np.diff(counted, prepend=0.0)
    return 1e8 // PAGE * PAGE + np.cumsum(rng.poisson(done)).astype(np.float64) * PAGE


FALLING = 20.0 * np.exp(-T / 120)


def test_requests_where_load_falls() -> None:
    rng = np.random.default_rng(1)
    counted = requests(rng, FALLING)
    y = leak(rng, counted)
    axis = choose_axis(T, y, {"requests": counted})
    assert axis.name == "requests"
    assert (np.diff(axis.x) > 0).all()
    assert axis.x.size == axis.y.size == axis.seconds.size
    late = counted[axis.seconds.astype(int)]
    assert np.array_equal(axis.x, late)
    half = axis.seconds[axis.x.size // 2]
    assert axis.per_second == pytest.approx((counted[-1] - counted[int(half)]) / (T[-1] - half))


def test_last_sample_of_those_without_a_request() -> None:
    burst = np.repeat(np.arange(1.0, 51) ** 2, 8)
    axis = choose_axis(T, burst * 5 + 0.01 * np.sin(T), {"requests": burst})
    assert axis.name == "requests"
    assert list(axis.seconds) == list(T[7::8])


def test_clock_under_steady_load() -> None:
    names = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        counted = requests(rng, np.full(N, 20.0))
        names.append(choose_axis(T, 1e8 + 5000.0 * T + rng.normal(0, 2000, N), {"requests": counted}).name)
    assert names.count(CLOCK) >= 7


def test_clock_where_growth_follows_it() -> None:
    rng = np.random.default_rng(2)
    axis = choose_axis(T, 5000.0 * T + rng.normal(0, 20_000, N), {"requests": requests(rng, FALLING)})
    assert (axis.name, axis.per_second) == (CLOCK, 1.0)
    assert np.array_equal(axis.x, T)


def test_best_of_two_counts() -> None:
    rng = np.random.default_rng(3)
    counted = requests(rng, FALLING)
    tokens = np.cumsum(np.diff(counted, prepend=0.0) * np.where(T < 200, 10, 80))
    work = {"requests": counted, "tokens": tokens}
    assert choose_axis(T, 3 * tokens + rng.normal(0, 30, N), work).name == "tokens"
    assert choose_axis(T, 3 * counted + rng.normal(0, 30, N), work).name == "requests"


@pytest.mark.parametrize(
    "counted",
    [
        np.where(T == 300, 0.0, np.cumsum(FALLING)),  # falls once
        np.repeat(np.arange(20.0), 20) * np.arange(1, N + 1),  # falls
        np.repeat(np.cumsum(np.exp(-np.arange(20) / 6)), 20),  # too few rises
        np.zeros(N),
    ],
)
def test_count_that_is_not_used(counted: Floats) -> None:
    y = np.cumsum(FALLING) * PAGE
    assert choose_axis(T, y, {"requests": counted}).name == CLOCK
    assert choose_axis(T, y, {"requests": np.cumsum(FALLING) * 2}).name == "requests"


def test_verdict_by_requests_where_load_falls() -> None:
    rng = np.random.default_rng(4)
    counted = requests(rng, FALLING)
    y = leak(rng, counted)
    by_clock, by_requests = trend_test(T, y), trend_test(T, y, work={"requests": counted})
    assert (by_clock.axis, by_requests.axis) == (CLOCK, "requests")
    assert by_clock.verdict in ("bounded", "inconclusive")
    assert by_requests.verdict == "aging"
    assert by_requests.current is not None
    assert by_requests.current.low <= PAGE <= by_requests.current.high


def test_count_is_sorted_with_its_times() -> None:
    rng = np.random.default_rng(4)
    counted = requests(rng, FALLING)
    y, order = leak(rng, counted), rng.permutation(N)
    ordered = trend_test(T, y, work={"requests": counted})
    shuffled = trend_test(T[order], y[order], work={"requests": counted[order]})
    assert (shuffled.axis, shuffled.current) == (ordered.axis, ordered.current)


def test_pace_leaves_pauses_out() -> None:
    """Ten requests a second for 600 s, then nothing for as long; memory follows the requests."""
    t = np.arange(1.0, 1201)
    requests = np.minimum(t, 600.0) * 10
    axis = choose_axis(
        t, 1000.0 * requests + 50 * np.random.default_rng(0).standard_normal(t.size), {"requests": requests}
    )
    assert axis.name == "requests"
    assert axis.per_second == pytest.approx(10.0)
