"""How much longer until a verdict, against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats.growth.decision_time import PROBABILITY, longer, probability_of_decision


@pytest.mark.parametrize(("z", "factor"), [(0.0, 4.0), (1.5, 2.0), (-1.5, 2.0), (1.9, 1.2)])
def test_predictive_probability(z: float, factor: float) -> None:
    """A flat prior for the drift of a Brownian motion at 1; its score is its value over sqrt(time)."""
    rng = np.random.default_rng(0)
    drift = z + rng.standard_normal(40_000)
    later = z + drift * (factor - 1) + np.sqrt(factor - 1) * rng.standard_normal(40_000)
    simulated = np.mean(np.abs(later / np.sqrt(factor)) > 2.0)
    assert probability_of_decision(z, 2.0, factor) == pytest.approx(float(simulated), abs=0.01)


@pytest.mark.parametrize("z", [0.0, 0.7, -0.7, 1.9, -1.9])
def test_longer_reaches_probability(z: float) -> None:
    factor = longer(z, 2.0)
    assert factor is not None
    assert probability_of_decision(z, 2.0, factor) == pytest.approx(PROBABILITY, abs=0.005)
    assert longer(-z, 2.0) == pytest.approx(factor)


def test_nearer_to_the_bound_is_sooner() -> None:
    factors = [longer(z, 2.0) for z in (0.0, 1.0, 1.8)]
    known = [factor for factor in factors if factor is not None]
    assert known == sorted(known, reverse=True)
    assert len(set(known)) == 3


def test_decided_already() -> None:
    assert longer(9.0, 2.0) == 1.01


def test_never() -> None:
    assert longer(0.0, 2.0, 0.9999) is None
