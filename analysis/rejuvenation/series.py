"""Memory of one generation of a server whose truth is known: clean, or on its way to a limit of 1.

A family is a pure function of a random generator. Times are seconds since the server was ready; levels are shares of
the limit. Clean series stay below 0.87. Leaking ones end a little after they have reached the limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]

DAY = 86_400.0
_STEP = 30.0
_FINE = 1.0
_HIGHEST = 0.87
"""Of a clean series, its noise included."""


@dataclass(frozen=True, slots=True)
class Series:
    """Levels ``y`` at ``t`` seconds since the server was ready, both shape (n,)."""

    t: Floats
    y: Floats

    @property
    def reached(self) -> float | None:
        """When the limit of 1 is first reached, in seconds; None if it is not."""
        over = np.flatnonzero(self.y >= 1.0)
        return float(self.t[over[0]]) if over.size else None


Family = Callable[[Generator], Series]


def _axis(length: float = DAY, step: float = _STEP) -> Floats:
    return np.arange(step, length + step, step, dtype=np.float64)


def _noise(rng: Generator, n: int, sd: float, phi: float) -> Floats:
    start = rng.standard_normal()
    innovations = rng.standard_normal(n) * math.sqrt(1 - phi**2)
    y: Floats = lfilter((1.0,), (1.0, -phi), innovations, zi=[phi * start])[0]
    return sd * y


def _ordinary(rng: Generator, n: int) -> Floats:
    return _noise(rng, n, float(rng.uniform(0.001, 0.006)), float(rng.uniform(0.5, 0.99)))


def _clean(t: Floats, y: Floats) -> Series:
    return Series(t, np.minimum(y, _HIGHEST))


def _warm(rng: Generator, t: Floats, end: float) -> Floats:
    """An exponential warm-up to ``end``, with a time constant of one to eight minutes."""
    rise, constant = rng.uniform(0.05, 0.3), rng.uniform(60.0, 480.0)
    return np.asarray(end - rise * np.exp(-t / constant), dtype=np.float64)


def warm_up(rng: Generator) -> Series:
    """A rise that ends: time constants of two minutes to half an hour."""
    t = _axis()
    end, rise, constant = rng.uniform(0.5, 0.82), rng.uniform(0.1, 0.35), rng.uniform(120.0, 1800.0)
    return _clean(t, end - rise * np.exp(-t / constant) + _ordinary(rng, t.size))


def autocorrelated(rng: Generator) -> Series:
    """Noise that remembers for minutes to hours."""
    t = _axis()
    phi = math.exp(-_STEP / rng.uniform(120.0, 7200.0))
    return _clean(t, _warm(rng, t, rng.uniform(0.4, 0.72)) + _noise(rng, t.size, rng.uniform(0.005, 0.03), phi))


def bounded_walk(rng: Generator) -> Series:
    """A random walk that is reflected at both ends of a band."""
    t = _axis()
    low, width = rng.uniform(0.35, 0.6), rng.uniform(0.05, 0.2)
    walk = np.cumsum(rng.standard_normal(t.size)) * width * rng.uniform(0.003, 0.02)
    folded = np.abs((walk / width + rng.uniform(0, 1)) % 2 - 1)
    return _clean(t, low + width * folded)


def diurnal(rng: Generator) -> Series:
    """A load that comes and goes with the day."""
    t = _axis()
    phase = 2 * np.pi * (t / DAY + rng.random())
    swing = rng.uniform(0.02, 0.12) * (np.sin(phase) + 0.3 * np.sin(2 * phase + 1.0))
    return _clean(t, _warm(rng, t, rng.uniform(0.45, 0.7)) + swing + _ordinary(rng, t.size))


def sawtooth(rng: Generator) -> Series:
    """Caches that fill and are emptied, by a collector or by eviction, in cycles of a minute to three hours."""
    t = _axis()
    low, high, period = rng.uniform(0.3, 0.6), rng.uniform(0.65, 0.85), 60.0 * 3 ** rng.uniform(0, 4.7)
    lengths = np.maximum(3 * _STEP, period * rng.lognormal(0, 0.2, int(DAY / period * 2) + 10))
    begins = np.concatenate(([0.0], np.cumsum(lengths)))
    at = np.searchsorted(begins, t, side="right") - 1
    tooth = (t - begins[at]) / lengths[at]
    return _clean(t, low + (high - low) * tooth + _ordinary(rng, t.size))


def plateau(rng: Generator) -> Series:
    """A cache that fills at a constant rate in the first half hour, and is full."""
    t = _axis()
    low, high, filled = rng.uniform(0.3, 0.5), rng.uniform(0.6, 0.85), rng.uniform(120.0, 1700.0)
    return _clean(t, low + (high - low) * np.minimum(t / filled, 1.0) + _ordinary(rng, t.size))


def high_water(rng: Generator) -> Series:
    """The most that demand has needed so far: an allocator that gives nothing back."""
    t = _axis()
    demand = _noise(rng, t.size, rng.uniform(0.02, 0.06), math.exp(-_STEP / rng.uniform(30.0, 1200.0)))
    return _clean(t, rng.uniform(0.4, 0.6) + np.maximum.accumulate(demand))


def one_step(rng: Generator) -> Series:
    """One step, such as a second model or a compiled graph, within a second."""
    t = _axis()
    low, high, at = rng.uniform(0.3, 0.55), rng.uniform(0.6, 0.85), rng.uniform(60.0, DAY)
    return _clean(t, np.where(t < at, low, high) + _ordinary(rng, t.size))


def busy_and_idle(rng: Generator) -> Series:
    """Two levels that follow the load, each for minutes to hours, reached within half a minute."""
    t = _axis()
    length = rng.uniform(300.0, 7200.0)
    changed = np.cumsum(rng.random(t.size) < _STEP / length)
    level = np.where((changed + rng.integers(2)) % 2, rng.uniform(0.6, 0.8), rng.uniform(0.4, 0.55))
    smooth = lfilter((0.5,), (1.0, -0.5), level, zi=[level[0] * 0.5])[0]
    return _clean(t, smooth + _ordinary(rng, t.size))


CLEAN: Mapping[str, Family] = {
    "warm-up": warm_up,
    "autocorrelated": autocorrelated,
    "bounded random walk": bounded_walk,
    "diurnal": diurnal,
    "sawtooth": sawtooth,
    "plateau": plateau,
    "high-water mark": high_water,
    "one step": one_step,
    "busy and idle": busy_and_idle,
}


def slow_fill(rng: Generator) -> Series:
    """A cache that fills at a constant rate for one to three hours, and is full: as long as it fills, a leak."""
    t = _axis()
    low, high, filled = rng.uniform(0.3, 0.5), rng.uniform(0.6, 0.85), rng.uniform(3600.0, 10_800.0)
    return _clean(t, low + (high - low) * np.minimum(t / filled, 1.0) + _ordinary(rng, t.size))


def _until_reached(t: Floats, y: Floats, more: int = 3) -> Series:
    over = np.flatnonzero(y >= 1.0)
    end = over[0] + more if over.size else t.size
    return Series(t[:end], y[:end])


def slow(rng: Generator) -> Series:
    """A constant rate that fills the limit in 4 to 22 hours."""
    t = _axis()
    start, end = rng.uniform(0.3, 0.7), rng.uniform(4.0, 22.0) * 3600
    leak = (1.001 - start) * t / end
    return _until_reached(t, _warm(rng, t, start) + leak + _ordinary(rng, t.size))


def medium(rng: Generator) -> Series:
    """A constant rate that fills the limit in 20 minutes to four hours."""
    t = _axis()
    start, end = rng.uniform(0.3, 0.7), 1200.0 * 12 ** rng.uniform(0, 1)
    return _until_reached(t, _warm(rng, t, start) + (1.02 - start) * t / end + _ordinary(rng, t.size))


def fast(rng: Generator) -> Series:
    """A constant rate that fills the limit in 5 seconds to 20 minutes, begun within an hour; read each second."""
    t = _axis(4 * 3600.0, _FINE)
    start, begin, length = rng.uniform(0.3, 0.7), rng.uniform(0.0, 3600.0), 5.0 * 240 ** rng.uniform(0, 1)
    leak = (1.03 - start) * np.maximum(t - begin, 0.0) / length
    return _until_reached(t, _warm(rng, t, start) + leak + _ordinary(rng, t.size))


def steps(rng: Generator) -> Series:
    """Steps of 2 to 30 % of the limit at random times, 15 minutes to two hours apart."""
    t = _axis()
    mean = rng.uniform(900.0, 7200.0)
    moves = (rng.random(t.size) < _STEP / mean) * rng.uniform(0.02, 0.3) * rng.uniform(0.5, 1.0, t.size)
    moves[-100] += 1.0  # what has not reached it by then does so in one step
    return _until_reached(t, _warm(rng, t, rng.uniform(0.3, 0.6)) + np.cumsum(moves) + _ordinary(rng, t.size))


def one_large_step(rng: Generator) -> Series:
    """From half of the limit or so to beyond it between two readings."""
    t = _axis(6 * 3600.0)
    start, at = rng.uniform(0.4, 0.8), rng.uniform(1800.0, 6 * 3600.0 - 60.0)
    return _until_reached(t, _warm(rng, t, start) + (t >= at) * (1.05 - start) + _ordinary(rng, t.size))


def accelerating(rng: Generator) -> Series:
    """Growth as the square or the cube of time, or doubling every 20 minutes to two hours."""
    t = _axis()
    start, end = rng.uniform(0.3, 0.6), rng.uniform(2.0, 20.0) * 3600
    if rng.random() < 0.5:
        leak = (1.02 - start) * (t / end) ** rng.integers(2, 4)
    else:
        doubling = rng.uniform(1200.0, 7200.0)
        leak = (1.02 - start) * 2 ** np.minimum((t - end) / doubling, 8.0)
    return _until_reached(t, _warm(rng, t, start) + leak + _ordinary(rng, t.size))


def late(rng: Generator) -> Series:
    """No growth for 4 to 15 hours, then a constant rate that fills the limit in one to six hours."""
    t = _axis()
    start, begin, length = rng.uniform(0.3, 0.7), rng.uniform(4.0, 15.0) * 3600, rng.uniform(1.0, 6.0) * 3600
    leak = (1.03 - start) * np.maximum(t - begin, 0.0) / length
    return _until_reached(t, _warm(rng, t, start) + leak + _ordinary(rng, t.size))


def under_a_day(rng: Generator) -> Series:
    """A leak that fills the limit within the day under a daily cycle."""
    t = _axis()
    cycle = diurnal(rng).y
    start = rng.uniform(0.3, 0.45) - 0.5
    return _until_reached(t, cycle + start + (0.75 - start) * t / (rng.uniform(8.0, 20.0) * 3600))


def under_a_sawtooth(rng: Generator) -> Series:
    """A leak beneath a cache that fills and is emptied."""
    t = _axis()
    start, height, period = rng.uniform(0.3, 0.5), rng.uniform(0.05, 0.25), rng.uniform(300.0, 7200.0)
    tooth = height * ((t / period + rng.random()) % 1.0)
    return _until_reached(
        t, start + tooth + (1.02 - start) * t / (rng.uniform(4.0, 20.0) * 3600) + _ordinary(rng, t.size)
    )


LEAKING: Mapping[str, Family] = {
    "slow": slow,
    "medium": medium,
    "fast": fast,
    "steps": steps,
    "one large step": one_large_step,
    "accelerating": accelerating,
    "late": late,
    "under a daily cycle": under_a_day,
    "under a sawtooth": under_a_sawtooth,
}
