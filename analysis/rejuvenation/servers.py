"""Simulated servers of the accelerated study: clean ones, leaking ones, and some that share a governor.

All have a limit of 8 GiB, and noise as real servers have it: pages that come and go, each level like the one before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from random import Random

from analysis.rejuvenation.simulation import DAY_SECONDS, GIB, Level, Simulated

LIMIT = 8 * GIB

_NOISE_BYTES, _MEMORY = 4 * 2**20, 0.9

Draw = Callable[[Random], Level]
"""Draws one generation of a server."""


def drawn(name: str, seed: str, draw: Draw, **more: float) -> Simulated:
    """A server whose generations are drawn one after the other, each with noise of its own."""

    @cache
    def generation(number: int) -> Level:
        rng = Random(f"{seed}/{number}")
        course, noise = draw(rng), _noise(rng)
        return lambda age: course(age) + noise()

    return Simulated(name, generation, LIMIT, **more)


def _noise(rng: Random) -> Callable[[], float]:
    state = 0.0

    def following() -> float:
        nonlocal state
        state = _MEMORY * state + rng.gauss(0.0, _NOISE_BYTES)
        return state

    return following


def _base(rng: Random) -> float:
    return rng.uniform(2.0, 4.0) * GIB


# Clean: the level stays below the limit for ever.


def steady(rng: Random) -> Level:
    base = _base(rng)
    return lambda _age: base


def warming(rng: Random) -> Level:
    """Fills up to a plateau, as caches and allocators do."""
    base, fill, tau = _base(rng), rng.uniform(0.2, 2.0) * GIB, rng.uniform(600.0, 5400.0)
    return lambda age: base - fill * math.expm1(-age / tau)


def diurnal(rng: Random) -> Level:
    """Follows a load that has days and nights."""
    base, swing, phase = _base(rng), rng.uniform(0.1, 0.8) * GIB, rng.uniform(0.0, math.tau)
    return lambda age: base + swing * (1 + math.sin(math.tau * age / DAY_SECONDS + phase)) / 2


def high_water(rng: Random) -> Level:
    """Keeps the most that any hour has needed: rises ever more rarely."""
    base, step = _base(rng), rng.uniform(0.02, 0.3) * GIB
    peaks: list[float] = []

    def level(age: float) -> float:
        while len(peaks) <= age // 3600:
            peaks.append(max(rng.expovariate(1.0), peaks[-1] if peaks else 0.0))
        return base + step * min(peaks[int(age // 3600)], 8.0)

    return level


CLEAN: Mapping[str, Draw] = {"steady": steady, "warm-up": warming, "day and night": diurnal, "high water": high_water}


# Leaking: the limit is reached within the day, if nothing is done.


def slow(rng: Random) -> Level:
    """Reaches the limit after 4 to 20 hours."""
    return _until(rng, rng.uniform(4.0, 20.0) * 3600)


def fast(rng: Random) -> Level:
    """Reaches the limit after 5 to 60 minutes."""
    return _until(rng, rng.uniform(300.0, 3600.0))


def _until(rng: Random, seconds: float) -> Level:
    base = _base(rng)
    rate = (LIMIT - base) / seconds
    return lambda age: base + rate * age


def step(rng: Random) -> Level:
    """Jumps to 60 to 99 % of the limit at some time, and leaks the rest in 20 minutes to 6 hours."""
    base, at, onto = _base(rng), rng.uniform(0.5, 20.0) * 3600, rng.uniform(0.60, 0.99) * LIMIT
    rate = (LIMIT - onto) / (rng.uniform(1 / 3, 6.0) * 3600)
    return lambda age: base if age < at else onto + rate * (age - at)


LEAKING: Mapping[str, Draw] = {"slow leak": slow, "fast leak": fast, "step": step}


def wearing(rng: Random) -> Level:
    """Lives 14 hours in the median, one generation longer than the other; 7 hours at the least."""
    base = 2 * GIB
    rate = (LIMIT - base) / (3600 * max(rng.lognormvariate(math.log(14.0), 0.3), 7.0))
    return lambda age: base + rate * age
