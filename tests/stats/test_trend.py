"""The verdict on real recordings, on short campaigns, and on input that is out of the ordinary."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.stats import SeriesError, assess_growth, drop_warmup, growth_exponent, hamed_rao, trend_test
from aging.stats.growth.sawtooth import trailing_minimum
from tests.stats.signals import PAGE, autoregressive, high_water_mark, separate_losses, staircase

DATA = Path(__file__).parent / "data"
KIB_PER_HOUR = 1024 / 3600


def recording(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Ten-second medians of anonymous memory plus swap (bytes) of a server under 40 minutes of steady load."""
    t, y = np.loadtxt(DATA / f"{name}.csv", delimiter=",", skiprows=1).T
    return t, y


RECORDINGS = ["xllamacpp-default", "xllamacpp-cacheram0", "hf-serve-cb", "llama-cpp-python"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_real_servers_hamed_rao(name: str) -> None:
    assert hamed_rao(*drop_warmup(*recording(name), 300)).p < 1e-6


def test_real_server_large_cache() -> None:
    trend = trend_test(*recording("xllamacpp-default"))
    assert trend.verdict == "aging"
    assert trend.low < 737_000 * KIB_PER_HOUR < trend.high
    assert trend.exponent is not None
    assert 0.97 < trend.exponent.low < 1 < trend.exponent.high < 1.04


@pytest.mark.parametrize("name", RECORDINGS[1:])
@pytest.mark.parametrize("warmup", [0, 120, 300])
def test_real_servers_warm_up(name: str, warmup: float) -> None:
    assert trend_test(*drop_warmup(*recording(name), warmup)).verdict != "aging"


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [
        ("xllamacpp-cacheram0", {"stable", "bounded"}),
        ("hf-serve-cb", {"bounded", "inconclusive"}),
        ("llama-cpp-python", {"bounded", "inconclusive"}),
    ],
)
def test_real_servers_that_fill_a_cache(name: str, verdicts: set[str]) -> None:
    trend = trend_test(*recording(name))
    assert trend.verdict in verdicts
    assert trend.current is not None
    assert trend.current.low <= 0


@pytest.mark.parametrize(
    ("n", "seconds", "warmup"),
    [(60, 160, 30), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((45, 120, 0), (150, 180, 20)))],
)
def test_leak_in_two_minutes(n: int, seconds: float, warmup: float) -> None:
    rng = np.random.default_rng(n)
    t = np.linspace(warmup, seconds, n + 1)[1:]
    rate = 1000 * 2 * PAGE / (seconds - warmup)
    found = [trend_test(t, separate_losses(rng, n, 1000)) for _ in range(25)]
    assert [trend.verdict for trend in found].count("aging") >= 24
    assert sum(trend.low <= rate <= trend.high for trend in found) >= 21


@pytest.mark.parametrize(
    "steps",
    [
        0,
        pytest.param(1, marks=pytest.mark.thorough),
        *(pytest.param(steps, marks=pytest.mark.slow) for steps in (3, 6)),
    ],
)
def test_few_pages_in_two_minutes(steps: int) -> None:
    rng = np.random.default_rng(steps)
    t = np.arange(1, 101) * 1.5
    verdicts = Counter(trend_test(t, staircase(rng, 100, steps)).verdict for _ in range(25))
    assert verdicts["aging"] == 0


@pytest.mark.parametrize(
    "phi", [pytest.param(0.0, marks=pytest.mark.slow), pytest.param(0.95, marks=pytest.mark.thorough)]
)
def test_high_water_mark(phi: float) -> None:
    rng = np.random.default_rng(1)
    t = np.arange(1, 601)
    assert sum(trend_test(t, high_water_mark(rng, 600, phi)).verdict == "aging" for _ in range(40)) <= 2


@pytest.mark.parametrize(
    "b", [pytest.param(0.5, marks=pytest.mark.slow), pytest.param(1.0, marks=pytest.mark.thorough)]
)
def test_exponent(b: float) -> None:
    rng = np.random.default_rng(4)
    t = np.arange(1.0, 801)
    held = 0
    for _ in range(40):
        rates = np.diff(np.append(0, t**b)) * 1000 / t[-1] ** b
        found = growth_exponent(t, np.cumsum(rng.poisson(rates)).astype(float), 40.0)
        assert found is not None
        held += found.low <= b <= found.high
    assert held >= 34


def test_leak_under_sawtooth() -> None:
    t = np.arange(1.0, 1201)
    y = t / 1200 + 0.3 * (t % 60) / 60 + 0.005 * np.random.default_rng(0).standard_normal(1200)
    assert trend_test(t, y).verdict == "aging"


def test_trailing_minimum() -> None:
    y = np.random.default_rng(0).standard_normal(300)
    for window in (1, 2, 7, 299):
        expected = [y[max(0, k - window + 1) : k + 1].min() for k in range(300)]
        assert trailing_minimum(y, window).tolist() == expected


def test_step() -> None:
    y = 4.0 * (np.arange(300) > 140) + 0.3 * autoregressive(np.random.default_rng(0), 300, 0.5)
    assert trend_test(np.arange(1, 301), y).verdict == "step"


def test_constant_series() -> None:
    trend = trend_test(np.arange(20), np.full(20, 5.0))
    assert (trend.verdict, trend.p, trend.direction, trend.slope) == ("stable", 1.0, "none", 0.0)
    assert trend.minimum_detectable is None


def test_constant_up_to_rounding() -> None:
    rounded = 0.1 * (1 + 1e-14 * np.random.default_rng(0).standard_normal(50))
    trend = trend_test(np.arange(50), rounded)
    assert (trend.verdict, trend.shape, trend.p) == ("stable", "constant", 1.0)
    page_in_a_tebibyte = 2.0**40 + PAGE * (np.arange(50) > 25)
    assert trend_test(np.arange(50), page_in_a_tebibyte).shape == "step"


def test_sample_order() -> None:
    rng = np.random.default_rng(0)
    t, y = np.repeat(np.arange(1.0, 61), 2), separate_losses(rng, 120, 500)
    order = rng.permutation(120)
    ordered, shuffled = trend_test(t, y), trend_test(t[order], y[order])
    assert dataclasses.replace(shuffled, notes=ordered.notes) == ordered
    assert "unsorted" in [note.code for note in shuffled.notes]


def test_epoch_times() -> None:
    t = 1.7e9 + np.arange(200.0)
    trend = trend_test(t, separate_losses(np.random.default_rng(1), 200, 1000))
    assert (trend.direction, trend.verdict) == ("increasing", "aging")
    assert "late_start" in [note.code for note in trend.notes]
    assert trend.exponent is not None
    assert trend.exponent.high - trend.exponent.low == pytest.approx(4)


def test_minimum_detectable() -> None:
    trend = trend_test(np.arange(1, 201), np.random.default_rng(0).standard_normal(200))
    assert trend.verdict == "stable"
    assert trend.minimum_detectable is not None
    assert trend.minimum_detectable > (trend.high - trend.low) / 2


def test_strong_autocorrelation() -> None:
    trend = trend_test(np.arange(1, 101), autoregressive(np.random.default_rng(2), 100, 0.95))
    assert trend.verdict == "inconclusive"
    assert trend.notes[0].code == "few_effective"


def test_falling_series() -> None:
    t = np.arange(1, 101)
    trend = trend_test(t, -t + np.random.default_rng(0).standard_normal(100))
    assert (trend.direction, trend.verdict) == ("decreasing", "declining")


@pytest.mark.parametrize(
    ("t", "code", "value"),
    [
        (np.r_[np.arange(50.0), np.arange(500.0, 550)], "gap", "451 s covers 82%"),
        (np.arange(100.0)[::-1], "unsorted", ""),
        (np.repeat(np.arange(50.0), 2), "shared_times", "50 samples"),
        (1.7e9 + np.arange(100.0), "late_start", ""),
    ],
)
def test_notes_on_times(t: np.ndarray, code: str, value: str) -> None:
    trend = trend_test(t, np.random.default_rng(0).standard_normal(100))
    assert [value in note for note in trend.notes if note.code == code] == [True]


@pytest.mark.parametrize(
    ("noise", "found"),
    [pytest.param(0.02, 23, marks=pytest.mark.thorough), pytest.param(0.1, 5, marks=pytest.mark.slow)],
)
def test_leak_or_logarithm_under_noise(noise: float, found: int) -> None:
    rng = np.random.default_rng(9)
    t = np.arange(1.0, 601)
    line, logarithm = t / 600, np.log(t) / np.log(600)
    decisions = [
        [assess_growth(t, curve + noise * autoregressive(rng, 600, 0.9)).sustained for _ in range(25)]
        for curve in (line, logarithm)
    ]
    assert sum(decisions[0]) >= found
    assert sum(decisions[1]) <= 2


@pytest.mark.parametrize(
    ("t", "y", "message"),
    [
        (np.arange(11), np.arange(11), "at least 12"),
        (np.zeros(20), np.arange(20), "at least 12"),
        ([], [], "0 distinct times; at least 12"),
        (np.arange(20), np.append(np.arange(19.0), np.nan), "NaN"),
        (np.append(np.arange(19.0), np.inf), np.arange(20), "t holds 1 values"),
        (np.arange(20), np.full(20, np.nan), "y holds 20 values that are NaN"),
        (np.arange(20), np.full(20, -np.inf), "y holds 20 values that are NaN or infinite"),
        (np.arange(19), np.arange(20), "equally many"),
        (np.arange(20), ["a"] * 20, "y must be numbers"),
        (np.arange(20), np.arange(20) + 1j, "y must be numbers: complex128 is not numeric"),
        (np.arange(20).astype("datetime64[s]"), np.arange(20), "give real numbers, and times in seconds"),
        (np.arange(20), np.arange(20)[:, None], "one dimension"),
        (np.arange(20), np.arange(20) * 1e300, "use another unit"),
        (np.arange(20), np.arange(20) * 1e-300, "use another unit"),
        (np.arange(20) * 1e300, np.arange(20), "t has values up to 1.9e.301"),
    ],
)
def test_bad_input(t: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trend_test(t, y)


def test_alpha_out_of_range() -> None:
    with pytest.raises(SeriesError, match="alpha"):
        trend_test(np.arange(20), np.arange(20) % 3, alpha=1)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 1e9]), min_size=12, max_size=40), st.floats(0, 1e9))
def test_any_finite_series(values: list[float], start: float) -> None:
    trend = trend_test(start + np.arange(len(values)), values)
    assert 0 <= trend.p <= 1
    assert trend.low <= trend.slope <= trend.high
    assert np.isfinite([trend.slope, trend.low, trend.high, trend.n_effective]).all()


@given(st.integers(0, 1000))
def test_units(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t, y = np.arange(1.0, 81), np.cumsum(rng.integers(0, 3, 80)) + rng.integers(0, 4, 80).astype(float)
    one, other = trend_test(t, y, resolution=0.0), trend_test(t, y * 4096 + 2**20, resolution=0.0)
    assert (one.verdict, one.p) == (other.verdict, other.p)
    assert other.slope == pytest.approx(one.slope * 4096)
