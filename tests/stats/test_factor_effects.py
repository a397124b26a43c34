"""Effects against textbook examples and against truths that were put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.campaign.design.fractions import given_fraction, smallest_fraction
from aging.campaign.design.points import fractional_factorial, full_factorial, with_centre
from aging.stats.factor_effects import Effect, Effects, Observation, estimate, name

Factors = Mapping[str, Sequence[Any]]


def effect(found: Effects, term: str) -> Effect:
    (one,) = (one for one in found.effects if name(one.term) == term)
    return one


PILOT_PLANT: Factors = {"T": [160, 180], "C": [20, 40], "K": ["A", "B"]}
PILOT_YIELDS = [(59, 61), (74, 70), (50, 58), (69, 67), (50, 54), (81, 85), (46, 44), (79, 81)]


def test_box_hunter_pilot_plant() -> None:
    # Statistics for Experimenters (2005), tables 5.3 to 5.5: a 2^3 run twice; s² = 8, standard error of an effect 1.4.
    points = zip(full_factorial(PILOT_PLANT), PILOT_YIELDS, strict=True)
    found = estimate(PILOT_PLANT, [Observation(point.levels, rate) for point, rates in points for rate in rates])
    expected = {"T": 23.0, "C": -5.0, "K": 1.5, "T × C": 1.5, "T × K": 10.0, "C × K": 0.0}
    assert {name(one.term): one.effect for one in found.effects} == pytest.approx(expected, abs=1e-9)
    assert found.mean == pytest.approx(64.25)
    assert found.error_sd == pytest.approx(8**0.5)
    assert found.error_df == 8
    low, high = effect(found, "T").ci or (0, 0)
    assert (high - low) / 2 == pytest.approx(2.306 * 2**0.5, rel=1e-3)  # t of 8 degrees of freedom, 97.5 %
    assert effect(found, "T").f == pytest.approx((23 / 2**0.5) ** 2)
    assert effect(found, "T × K").p == pytest.approx(1.05e-4, rel=0.01)
    assert effect(found, "T").means == pytest.approx((52.75, 75.75))
    assert not any(one.aliases for one in found.effects)
    assert found.notes == ()


def test_montgomery_half_fraction() -> None:
    # Design and Analysis of Experiments, example 8.1: 2^(4-1), D = ABC, in standard order, not replicated.
    factors: Factors = {letter: [-1, 1] for letter in "ABCD"}
    rates = [45, 100, 45, 65, 75, 60, 80, 96]
    points = fractional_factorial(factors, smallest_fraction(4, 4))
    found = estimate(factors, [Observation(point.levels, rate) for point, rate in zip(points, rates, strict=True)])
    expected = {"A": 19.0, "B": 1.5, "C": 14.0, "D": 16.5, "A × B": -1.0, "A × C": -18.5, "A × D": 19.0}
    assert {name(one.term): one.effect for one in found.effects} == pytest.approx(expected)
    assert effect(found, "A").aliases == ("B × C × D",)
    assert effect(found, "A × B").aliases == ("C × D",)
    assert effect(found, "A × C").aliases == ("B × D",)
    assert found.error_df == 0
    assert found.error_sd is None
    assert all(one.ci is None and one.p is None for one in found.effects)
    assert found.notes[0].code == "no_error_estimate"


def test_center_points() -> None:
    # Montgomery, example 6.6: a 2² with five centre points; s² = 0.0430, A 1.55, B 0.65, AB −0.05, no curvature.
    factors: Factors = {"time": [30.0, 40.0], "temperature": [150.0, 160.0]}
    points = with_centre(full_factorial(factors), {"time": 35.0, "temperature": 155.0}, 5)
    rates = [39.3, 40.9, 40.0, 41.5, 40.3, 40.5, 40.7, 40.2, 40.6]
    found = estimate(
        factors,
        [Observation(point.levels, rate, point.centre) for point, rate in zip(points, rates, strict=True)],
    )
    assert found.error_df == 4
    assert found.error_sd == pytest.approx(0.0430**0.5, rel=1e-3)
    expected = {"time": 1.55, "temperature": 0.65, "time × temperature": -0.05}
    assert {name(one.term): one.effect for one in found.effects} == pytest.approx(expected)
    assert found.curvature is not None
    assert found.curvature.effect == pytest.approx(0.035, abs=1e-9)
    assert found.curvature.p is not None
    assert found.curvature.p > 0.5


def test_three_levels() -> None:
    factors: Factors = {"cache": ["none", "small", "large"], "rate": [1, 4]}
    rng = np.random.default_rng(5)
    observations = [
        Observation(point.levels, {"none": 0.0, "small": 5.0, "large": 5.0}[point.levels["cache"]] + rng.normal(0, 0.3))
        for point in full_factorial(factors)
        for _ in range(4)
    ]
    found = estimate(factors, observations)
    cache = effect(found, "cache")
    assert (cache.df, cache.effect, cache.ci) == (2, None, None)
    assert cache.means == pytest.approx((0.0, 5.0, 5.0), abs=0.5)
    assert cache.p is not None
    assert cache.p < 1e-9
    assert (effect(found, "rate").p or 0) > 0.01
    # The balanced one-way F, by hand: mean square between levels over that within points.
    rates = np.array([one.rate for one in observations]).reshape(2, 3, 4)
    within = rates.var(axis=2, ddof=1).mean()
    between = 8 * rates.mean(axis=(0, 2)).var(ddof=1)
    assert cache.f == pytest.approx(between / within)


def test_lack_of_fit() -> None:
    factors: Factors = {letter: [0, 1] for letter in "abc"}
    rng = np.random.default_rng(3)

    def found(three: float) -> Effects:
        return estimate(
            factors,
            [
                Observation(point.levels, three * (point.levels["a"] ^ point.levels["b"] ^ point.levels["c"]) + noise)
                for point in full_factorial(factors)
                for noise in rng.normal(0, 1, 3)
            ],
        )

    assert (found(0.0).lack_of_fit_p or 0) > 0.01
    assert (found(10.0).lack_of_fit_p or 1) < 1e-6


def test_missing_point() -> None:
    runs = [
        (point, rate) for point, rates in zip(full_factorial(PILOT_PLANT), PILOT_YIELDS, strict=True) for rate in rates
    ]
    found = estimate(PILOT_PLANT, [Observation(point.levels, rate) for point, rate in runs[2:]])
    assert found.points == 7
    assert effect(found, "T").effect == pytest.approx(23.0, abs=3.0)
    half = estimate(PILOT_PLANT, [Observation(point.levels, rate) for point, rate in runs if point.levels["T"] == 180])
    assert "T" not in {name(one.term) for one in half.effects}
    assert half.notes[0].code == "inseparable"
    assert "effect of T " in half.notes[0]


def test_resolution_of_repeats() -> None:
    factors: Factors = {"a": [0, 1]}
    observations = [Observation({"a": level}, 7.0 + dust) for level in (0, 1) for dust in (0.0, 1e-12 * level)]
    coarse = effect(estimate(factors, observations, resolution=1.0), "a")
    assert (coarse.p or 0) > 0.9
    assert coarse.ci is not None
    assert coarse.ci[0] < -0.5 < 0.5 < coarse.ci[1]


def test_one_run() -> None:
    with pytest.raises(ValueError, match="at least 2 runs, got 1"):
        estimate({"a": [0, 1]}, [Observation({"a": 0}, 1.0)])


@pytest.mark.thorough
@given(
    coefficients=st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=10),
    shift=st.floats(-1e6, 1e6),
    scale=st.floats(0.1, 1e3),
)
def test_known_effects_any_unit(coefficients: list[float], shift: float, scale: float) -> None:
    """Resolution V tells every main effect and every two-factor interaction, of any additive truth."""
    factors: Factors = {letter: [-1, 1] for letter in "abcde"}
    terms = [(a,) for a in "abcde"] + [("a", "b"), ("a", "c"), ("b", "d"), ("c", "e"), ("d", "e")]
    points = fractional_factorial(factors, given_fraction(5, ["E = ABCD"]))

    def rate(levels: Mapping[str, Any]) -> float:
        values = (beta * np.prod([levels[f] for f in term]) for beta, term in zip(coefficients, terms, strict=True))
        return shift + scale * float(sum(values))

    found = estimate(factors, [Observation(point.levels, rate(point.levels)) for point in points])
    for beta, term in zip(coefficients, terms, strict=True):
        assert effect(found, name(term)).effect == pytest.approx(2 * scale * beta, rel=1e-6, abs=scale)
    assert len(found.effects) == 15
