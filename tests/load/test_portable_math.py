"""Elementary functions made of exact operations agree with the library's to the last bits."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import special

from aging.load.schedule.portable_math import exp, log, normal_quantile, sine_of_turns
from aging.load.schedule.rng import Draws

U = Draws("test").uniform(20_000)


def close(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=1e-300)


def test_logarithms() -> None:
    x = np.concatenate([1 - U, np.exp(200 * (U - 0.5)), [1.0, 2.0, 0.5, 2.0**-53, 1e-300]])
    np.testing.assert_allclose(log(x), np.log(x), rtol=1e-14, atol=1e-16)


def test_exponentials() -> None:
    x = np.concatenate([100 * (U - 0.5), [0.0, 1.0, -690.0, 690.0]])
    close(exp(x), np.exp(x), 3e-14)
    assert exp(np.array([-1e6])) == 0.0


def test_sines() -> None:
    np.testing.assert_allclose(sine_of_turns(U), np.sin(2 * np.pi * U), rtol=0, atol=1e-14)


def test_normal_quantiles() -> None:
    p = np.concatenate([U + 2.0**-54, [2.0**-54, 1e-12, 0.5, 1 - 2.0**-53]])
    np.testing.assert_allclose(normal_quantile(p), special.ndtri(p), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("many", [1, 7, 4096])
def test_draws_are_one_stream_however_many_are_drawn_at_once(many: int) -> None:
    draws = Draws("test")
    chunks = np.concatenate([draws.uniform(many) for _ in range(-(-8192 // many))])
    np.testing.assert_array_equal(chunks[:8192], U[:8192])


def test_draws_are_uniform_and_their_names_independent() -> None:
    assert 0 <= U.min() < 0.001
    assert 0.999 < U.max() < 1
    assert np.histogram(U, 20, (0, 1))[0] == pytest.approx(np.full(20, 1000), abs=150)
    other = Draws("test").of("part").uniform(20_000)
    assert abs(np.corrcoef(U, other)[0, 1]) < 0.03


def test_draws_are_the_same_on_every_machine() -> None:
    drawn = log(1 - U).tobytes() + normal_quantile(U + 2.0**-54).tobytes() + sine_of_turns(U).tobytes()
    assert hashlib.sha256(drawn).hexdigest()[:16] == "f57035c0b7b5b922"
