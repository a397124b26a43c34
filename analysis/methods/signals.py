"""Series with known truth for the studies: noise without a trend, growth that is no leak, and leaks.

A process is a pure function of a random generator and a number of samples; NaN
marks a missing sample. Levels are in standard deviations of the noise or in
shares of the net growth: every method here is equivariant to scale. Families and
parameters marked ``held_out`` were not used while the methods were chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]
Process = Callable[[Generator, int], Floats]
Kind = Literal["ordinary", "hard", "growing", "leak"]

HOUR = 3600.0
_BURN_IN = 600


@dataclass(frozen=True, slots=True)
class Case:
    """A named process.

    ``ordinary`` and ``hard`` noise has no trend, so that a test's rejections are
    errors; ``growing`` series do grow and are no leaks, so that only the verdict
    can be wrong; a ``leak`` must be found.
    """

    name: str
    process: Process
    kind: Kind
    held_out: bool = True


def sampled(case: Case, rng: Generator, n: int) -> tuple[Floats, Floats]:
    """Return times (seconds since the start of load, hourly) and values of the samples that are there."""
    y = case.process(rng, n)
    there = np.isfinite(y)
    times = HOUR * np.arange(1, n + 1, dtype=np.float64)
    return times[there], y[there]


def white(rng: Generator, n: int) -> Floats:
    """Independent Gaussian values."""
    return rng.standard_normal(n)


def laplace(rng: Generator, n: int) -> Floats:
    """Independent double-exponential values."""
    return rng.laplace(size=n)


def arma(rng: Generator, n: int, ar: tuple[float, ...] = (), ma: tuple[float, ...] = ()) -> Floats:
    """ARMA noise of Gaussian innovations, after a burn-in."""
    return filtered(rng.standard_normal(n + _BURN_IN), ar, ma)


def filtered(innovations: Floats, ar: tuple[float, ...], ma: tuple[float, ...] = ()) -> Floats:
    """ARMA filter of ``innovations``, whose first 600 are the burn-in."""
    series: Floats = lfilter((1.0, *ma), (1.0, *(-phi for phi in ar)), innovations)[_BURN_IN:]
    return series


def ar1(rng: Generator, n: int, phi: float) -> Floats:
    """AR(1) noise of unit variance, stationary from its first sample."""
    innovations = rng.standard_normal(n) * math.sqrt(1 - phi**2)
    series: Floats = lfilter((1.0,), (1.0, -phi), innovations, zi=[phi * rng.standard_normal()])[0]
    return series


def heavy_tailed(rng: Generator, n: int) -> Floats:
    """AR(1) 0.8 of Student t innovations with 2.5 degrees of freedom."""
    return filtered(rng.standard_t(2.5, n + _BURN_IN), (0.8,))


def skewed(rng: Generator, n: int) -> Floats:
    """AR(1) 0.5 of log-normal innovations."""
    return filtered(rng.lognormal(0.0, 1.0, n + _BURN_IN), (0.5,))


def garch(rng: Generator, n: int) -> Floats:
    """AR(1) 0.5 of GARCH(1,1) innovations (0.1, 0.85): quiet and wild spells (Bollerslev 1986)."""
    shocks = rng.standard_normal(n + _BURN_IN)
    innovations, variance = np.empty(shocks.size), 1.0
    for k, shock in enumerate(shocks.tolist()):
        value = shock * math.sqrt(variance)
        innovations[k] = value
        variance = 0.05 + 0.1 * value * value + 0.85 * variance
    return filtered(innovations, (0.5,))


def paged(rng: Generator, n: int) -> Floats:
    """AR(1) 0.8 with a standard deviation of 3 KiB in whole pages of 4 KiB: nearly all values tie."""
    return np.round(ar1(rng, n, 0.8) * 3 / 4) * 4096


def sawtooth(rng: Generator, n: int) -> Floats:
    """A garbage collector's sawtooth: about 25 cycles of log-normal length, with AR(1) 0.5 noise."""
    lengths = np.maximum(4, rng.lognormal(math.log(n / 25), 0.25, 80)).astype(np.int64)
    cycles = np.concatenate([np.arange(length) / length for length in lengths])
    start = int(rng.integers(lengths[0]))
    return 4 * cycles[start : start + n] + 0.2 * ar1(rng, n, 0.5)


def diurnal(rng: Generator, n: int) -> Floats:
    """A daily load with its second harmonic, about seven days in the window, on AR(1) 0.8."""
    phase = 2 * np.pi * (7.0 * np.arange(n) / n + rng.random())
    return 1.2 * np.sin(phase) + 0.4 * np.sin(2 * phase + 1.0) + ar1(rng, n, 0.8)


def missing(rng: Generator, n: int) -> Floats:
    """AR(1) 0.8 of which 15 % of samples are missing at random, and a tenth of the window in one piece."""
    y = ar1(rng, n, 0.8)
    y[rng.random(n) < 0.15] = np.nan
    gap = int(rng.integers(n - n // 10))
    y[gap : gap + n // 10] = np.nan
    return y


def switching(rng: Generator, n: int) -> Floats:
    """Two levels, left with probability 1/15 a sample, under AR(1) 0.3."""
    level = (np.cumsum(rng.random(n) < 1 / 15) + int(rng.integers(2))) % 2
    return 2.5 * level + ar1(rng, n, 0.3)


def concurrency(rng: Generator, n: int) -> Floats:
    """Requests in flight: Poisson arrivals, three at a time, each lasting 8 samples on average (M/M/infinity)."""
    arrivals = rng.poisson(3 / 8, n + _BURN_IN)
    born = np.repeat(np.arange(arrivals.size), arrivals)
    gone = np.minimum(born + 1 + rng.exponential(8.0, born.size).astype(np.int64), arrivals.size)
    change = np.zeros(arrivals.size + 1)
    np.add.at(change, born, 1.0)
    np.add.at(change, gone, -1.0)
    return np.cumsum(change)[_BURN_IN : _BURN_IN + n]


def modulated(rng: Generator, n: int) -> Floats:
    """AR(1) 0.7 whose spread follows a daily load, five days in the window."""
    phase = 2 * np.pi * (5.0 * np.arange(n) / n + rng.random())
    return ar1(rng, n, 0.7) * (1 + 0.7 * np.sin(phase))


def spiked(rng: Generator, n: int) -> Floats:
    """AR(1) 0.7 with spikes on one sample in a hundred."""
    return ar1(rng, n, 0.7) + np.where(rng.random(n) < 0.01, rng.exponential(10.0, n), 0.0)


def two_speeds(rng: Generator, n: int) -> Floats:
    """The sum of a fast and a slow AR(1), 0.4 and 0.95."""
    return ar1(rng, n, 0.4) + ar1(rng, n, 0.95)


def random_walk(rng: Generator, n: int) -> Floats:
    """The sum of independent Gaussian steps."""
    return np.cumsum(rng.standard_normal(n))


def fractional(rng: Generator, n: int, hurst: float) -> Floats:
    """Fractional Gaussian noise by circulant embedding (Davies and Harte 1987)."""
    lags = np.arange(n + 1.0)
    power = 2 * hurst
    covariance = 0.5 * ((lags + 1) ** power - 2 * lags**power + np.abs(lags - 1) ** power)
    spectrum = np.sqrt(np.maximum(np.fft.fft(np.concatenate([covariance, covariance[-2:0:-1]])).real, 0.0))
    noise = rng.standard_normal(spectrum.size) + 1j * rng.standard_normal(spectrum.size)
    return np.asarray((np.fft.fft(spectrum * noise) / math.sqrt(spectrum.size)).real[:n], dtype=np.float64)


def high_water_mark(rng: Generator, n: int, phi: float = 0.9) -> Floats:
    """The running maximum of AR(1) demand: an allocator that keeps the most it ever needed."""
    return np.maximum.accumulate(ar1(rng, n, phi))


def high_water_of_requests(rng: Generator, n: int) -> Floats:
    """The running maximum of the summed sizes of requests in flight, log-normal sizes."""
    demand = np.zeros(n)
    for _ in range(5):
        renewed = rng.random(n) < 1 / 6
        renewed[0] = True
        held = np.maximum.accumulate(np.where(renewed, np.arange(n), 0))
        demand += rng.lognormal(0.0, 0.8, n)[held]
    return np.maximum.accumulate(demand)


def many_pools(rng: Generator, n: int) -> Floats:
    """The sum of twelve high-water marks: an allocator with many pools."""
    return np.asarray(np.sum([high_water_mark(rng, n, 0.7) for _ in range(12)], axis=0), dtype=np.float64)


def warm_up(rng: Generator, n: int) -> Floats:
    """Exponential saturation with a time constant of 15 % of the window, under AR(1) 0.8 of 3 % of it."""
    return 1 - np.exp(-np.arange(1, n + 1) / (0.15 * n)) + 0.03 * ar1(rng, n, 0.8)


def filling_cache(rng: Generator, n: int) -> Floats:
    """A cache filled by separate requests until it meets its cap, about halfway."""
    filled = np.cumsum(rng.poisson(0.5, n) * rng.gamma(2.0, 0.5, n))
    return np.minimum(filled, 0.25 * n)


def logarithmic(rng: Generator, n: int) -> Floats:
    """Growth as the logarithm of time, under AR(1) 0.8 of 2 % of it."""
    return np.log(np.arange(1, n + 1)) / math.log(n) + 0.02 * ar1(rng, n, 0.8)


def single_step(rng: Generator, n: int) -> Floats:
    """One step of four standard deviations somewhere in the middle three fifths, under AR(1) 0.7."""
    return 4.0 * (np.arange(n) > rng.uniform(0.2, 0.8) * n) + ar1(rng, n, 0.7)


def three_jumps(rng: Generator, n: int) -> Floats:
    """Three jumps at any time, and nothing between them."""
    return np.searchsorted(np.sort(rng.uniform(0, n, 3)), np.arange(n)).astype(np.float64)


def losses(rng: Generator, n: int, events: float) -> Floats:
    """A constant leak: about ``events`` separate losses of gamma-distributed size (compound Poisson)."""
    counts = rng.poisson(events / n, n)
    sizes = rng.gamma(np.maximum(2.0 * counts, 1e-9), 0.5)
    return np.asarray(np.cumsum(np.where(counts > 0, sizes, 0.0)), dtype=np.float64)


def line(n: int) -> Floats:
    """A net growth of 1."""
    return np.arange(1, n + 1) / n


def leak_and_noise(rng: Generator, n: int, phi: float, spread: float) -> Floats:
    """A constant leak under AR(1) noise with a standard deviation of ``spread`` of the net growth."""
    return line(n) + spread * ar1(rng, n, phi)


def leak_and_high_water_mark(rng: Generator, n: int) -> Floats:
    """A constant leak and a high-water mark that grows as much."""
    mark = high_water_mark(rng, n)
    return np.asarray(line(n) + (mark - mark[0]) / max(float(mark[-1] - mark[0]), 1e-9), dtype=np.float64)


def leak_under_sawtooth(rng: Generator, n: int) -> Floats:
    """A constant leak that raises the floor of a garbage collector's sawtooth, teeth a quarter as high."""
    return line(n) + 0.25 * sawtooth(rng, n) / 4


def leak_in_pages(rng: Generator, n: int) -> Floats:
    """A constant leak of 300 losses as the kernel shows it, in whole pages of 4 KiB, 40 pages in all."""
    return np.floor(losses(rng, n, 300.0) / 300 * 40) * 4096


def _named_ar(phi: float, held_out: bool) -> Case:
    return Case(f"AR(1) {phi:g}", partial(ar1, phi=phi), "ordinary", held_out)


NOISE = (
    Case("white", white, "ordinary", False),
    *(_named_ar(phi, False) for phi in (0.3, 0.6, 0.9, 0.95, 0.99)),
    Case("Laplace, independent", laplace, "ordinary"),
    *(_named_ar(phi, True) for phi in (0.45, 0.75, 0.85, 0.93, 0.98)),
    Case("AR(2) 1.2, -0.5", partial(arma, ar=(1.2, -0.5)), "ordinary"),
    Case("AR(2) 0.6, 0.3", partial(arma, ar=(0.6, 0.3)), "ordinary"),
    Case("ARMA 0.8; 0.5", partial(arma, ar=(0.8,), ma=(0.5,)), "ordinary"),
    Case("MA(3)", partial(arma, ma=(0.9, 0.6, 0.3)), "ordinary"),
    Case("heavy-tailed AR(1) 0.8", heavy_tailed, "ordinary"),
    Case("skewed AR(1) 0.5", skewed, "ordinary"),
    Case("GARCH, AR(1) 0.5", garch, "ordinary"),
    Case("4 KiB pages, AR(1) 0.8", paged, "ordinary"),
    Case("collection sawtooth", sawtooth, "ordinary"),
    Case("diurnal load", diurnal, "ordinary"),
    Case("missing samples, AR(1) 0.8", missing, "ordinary"),
    Case("two levels", switching, "ordinary"),
    Case("requests in flight", concurrency, "ordinary"),
    Case("modulated spread", modulated, "ordinary"),
    Case("spikes", spiked, "ordinary"),
    Case("fast and slow AR(1)", two_speeds, "ordinary"),
    Case("fractional noise, H = 0.7", partial(fractional, hurst=0.7), "hard"),
    Case("fractional noise, H = 0.8", partial(fractional, hurst=0.8), "hard", False),
    Case("random walk", random_walk, "hard", False),
)
"""Without a trend: a test that is honest refuses 5 % of them at 5 %."""

GROWING = (
    Case("high-water mark, AR(1) 0.9", high_water_mark, "growing"),
    Case("high-water mark, requests", high_water_of_requests, "growing"),
    Case("twelve high-water marks", many_pools, "growing"),
    Case("logarithmic growth", logarithmic, "growing"),
    Case("warm-up saturation", warm_up, "growing"),
    Case("cache that fills", filling_cache, "growing"),
    Case("single step", single_step, "growing"),
    Case("three jumps", three_jumps, "growing"),
)
"""Growth that is no leak: a test may call it a trend, the verdict must not call it aging."""

LEAKS = (
    *(Case(f"leak, {events} losses", partial(losses, events=events), "leak") for events in (30, 60, 200, 1000)),
    Case("leak in 4 KiB pages", leak_in_pages, "leak"),
    Case("leak, AR(1) 0.8 of 10 %", partial(leak_and_noise, phi=0.8, spread=0.1), "leak"),
    Case("leak, AR(1) 0.6 of 30 %", partial(leak_and_noise, phi=0.6, spread=0.3), "leak"),
    Case("leak + high-water mark", leak_and_high_water_mark, "leak"),
    Case("leak + collection sawtooth", leak_under_sawtooth, "leak"),
)
"""Constant leaks, alone and behind what hides them."""
