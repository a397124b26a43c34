"""How often a system that is called safe exhausts its limit, and how often the interval holds the time of exhaustion.

A law gives memory over a window and, continued, the time at which a limit is met. What is left to the limit is 0.1 to
100 times the growth within the horizon, drawn evenly in logarithms: most cases are close. A law whose growth has ended
has 1 to 64 GiB left. ``wrongly_safe`` is a share of the cases called safe, ``wrongly_exhausts`` and ``covered`` (the
time of exhaustion is in the interval) of those called exhausting. Growth to 100 times the rate is beyond the limits
that :mod:`aging.stats.growth.outlook` states, and a cache's cap is beyond any extrapolation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.random import Generator

from aging.stats import outlook, trend_test
from analysis.methods.signals import Floats, ar1
from analysis.methods.study import conduct, generator, on_all_cores, progress

WINDOWS = {"20 min": 1200.0, "1 h": 3600.0, "6 h": 21600.0, "1 day": 86400.0}
HORIZONS = tuple(86400.0 * days for days in (1, 3, 10, 30))
REPLICATES, _QUICK = 100, 1
_SAMPLES = 240
_MIB, _GIB = 2.0**20, 2.0**30
_PAGE = 4096.0
_RESOLUTION = 64 * _PAGE
_ENDED = 0.05
"""Least growth within a horizon, as a part of all growth before, of a law whose growth has not ended."""

Growth = Callable[[Floats], Floats]
"""Growth since the start of load, in bytes, at seconds from the start; not only over the window."""


@dataclass(frozen=True, slots=True)
class System:
    """One drawn system: its growth, and the level that its noise has at the samples of the window."""

    growth: Growth
    noise: Floats


Law = Callable[[Generator, float], System]
"""A system of this law, observed over a window of so many seconds."""


def _noise(rng: Generator, grown: float, spread: float = 0.03) -> Floats:
    return spread * grown * ar1(rng, _SAMPLES, 0.8)


def _grown(rng: Generator) -> float:
    """Growth within the window: 8 MiB to 1 GiB."""
    return float(np.exp(rng.uniform(math.log(8 * _MIB), math.log(_GIB))))


def leak(rng: Generator, window: float, spread: float = 0.03) -> System:
    """A constant leak under AR(1) noise."""
    grown = _grown(rng)
    return System(lambda t: grown * t / window, _noise(rng, grown, spread))


def losses(rng: Generator, window: float, gap: float) -> System:
    """Separate losses with exponential gaps of this mean (a share of the window) and gamma sizes.

    One at least is in the window without its first twentieth.
    """
    grown, count = _grown(rng), int(2.0 * HORIZONS[-1] / window / gap) + 60
    times = window * np.cumsum(rng.exponential(gap, count))
    while not np.any((times > 0.06 * window) & (times <= window)):
        times = window * np.cumsum(rng.exponential(gap, count))
    sizes = np.append(0.0, np.cumsum(rng.gamma(2.0, 0.5, count))) * grown * gap
    return System(lambda t: sizes[np.searchsorted(times, t, side="right")], np.zeros(_SAMPLES))


def warm_up_and_leak(rng: Generator, window: float) -> System:
    """A warm-up that saturates, one to five times as large as the leak's growth in the window, and the leak."""
    grown, settled, scale = _grown(rng), window * rng.uniform(0.05, 0.25), rng.uniform(1.0, 5.0)
    return System(lambda t: grown * (t / window + scale * (1 - np.exp(-t / settled))), _noise(rng, grown, 0.02))


def high_water_mark(rng: Generator, window: float) -> System:
    """Growth as the logarithm of time."""
    grown, settled = _grown(rng), window * rng.uniform(0.02, 0.3)
    return System(lambda t: grown * np.log1p(t / settled) / math.log1p(window / settled), _noise(rng, grown, 0.02))


def filling_cache(rng: Generator, window: float) -> System:
    """A cache that fills at a constant rate up to a cap that it meets between half of the window and 20 windows."""
    grown, full = _grown(rng), window * float(np.exp(rng.uniform(math.log(0.5), math.log(20.0))))
    return System(lambda t: grown * np.minimum(t, full) / window, _noise(rng, grown, 0.01))


def power(rng: Generator, window: float, most: float) -> System:
    """Growth as time to the power 1.1 to 1.5 from the start, until the rate is ``most`` times that at the end."""
    grown, b = _grown(rng), rng.uniform(1.1, 1.5)
    last = most ** (1 / (b - 1))

    def growth(t: Floats) -> Floats:
        x = t / window
        steep = np.minimum(x, last)
        return np.asarray(grown * (steep**b + b * most * (x - steep)))

    return System(growth, _noise(rng, grown, 0.02))


def doubling(rng: Generator, window: float) -> System:
    """A constant leak whose rate doubles when the window ends."""
    grown = _grown(rng)
    return System(lambda t: grown * (t + np.maximum(t - window, 0.0)) / window, _noise(rng, grown))


def late_rise(rng: Generator, window: float) -> System:
    """A constant leak whose rate rises to twice itself over 1 to 30 days after the window."""
    grown, rise = _grown(rng), rng.uniform(HORIZONS[0], HORIZONS[-1])

    def growth(t: Floats) -> Floats:
        late = np.maximum(t - window, 0.0)
        return np.asarray(grown / window * (t + np.minimum(late, rise) ** 2 / (2 * rise) + np.maximum(late - rise, 0)))

    return System(growth, _noise(rng, grown))


def flat(rng: Generator, window: float) -> System:
    """No growth: AR(1) 0.9 noise of 1 to 64 MiB."""
    del window
    return System(np.zeros_like, np.exp(rng.uniform(0, math.log(64.0))) * _MIB * ar1(rng, _SAMPLES, 0.9))


def silent(rng: Generator, window: float) -> System:
    """Memory that never moves."""
    del rng, window
    return System(np.zeros_like, np.zeros(_SAMPLES))


def warm_up(rng: Generator, window: float) -> System:
    """A warm-up that saturates, and nothing after it."""
    grown, settled = _grown(rng), window * rng.uniform(0.02, 0.2)
    return System(lambda t: grown * (1 - np.exp(-t / settled)), _noise(rng, grown, 0.01))


def daily_swing(rng: Generator, window: float) -> System:
    """Memory that follows a daily load, from any time of the day on."""
    del window
    swing, phase = _grown(rng), rng.uniform(0, 2 * np.pi)
    return System(lambda t: swing * np.sin(2 * np.pi * t / 86400.0 + phase), 0.02 * swing * ar1(rng, _SAMPLES, 0.8))


LAWS: dict[str, Law] = {
    "constant leak": leak,
    "constant leak, noise of 30 %": partial(leak, spread=0.3),
    "losses, 50 in the window": partial(losses, gap=0.02),
    "steps, 5 in the window": partial(losses, gap=0.2),
    "steps, 2 in the window": partial(losses, gap=0.5),
    "warm-up + leak": warm_up_and_leak,
    "high-water mark": high_water_mark,
    "cache that fills": filling_cache,
    "accelerating, to four times the rate": partial(power, most=4.0),
    "accelerating, to 100 times the rate": partial(power, most=100.0),
    "rate doubles after the window": doubling,
    "rate rises to twice itself later": late_rise,
    "warm-up alone": warm_up,
    "flat, noise": flat,
    "flat, silent": silent,
    "daily swing of the load": daily_swing,
}


@dataclass(slots=True)
class Tally:
    """Answers to one law and window, and how many were right."""

    cases: int = 0
    lasting: int = 0
    safe: int = 0
    safe_wrong: int = 0
    exhausts: int = 0
    exhausts_wrong: int = 0
    covered: int = 0


def ask(tally: Tally, system: System, window: float, rng: Generator) -> None:
    """Judge one system by its window, for every horizon, and count the answers."""
    t = window * np.arange(1, _SAMPLES + 1) / _SAMPLES
    y = np.maximum(np.round((_GIB + system.growth(t) + system.noise) / _PAGE), 0) * _PAGE
    found = trend_test(t, y, resolution=_RESOLUTION).course
    level = float(system.growth(t[-1:])[0])
    for horizon in HORIZONS:
        later = np.append(0.0, np.geomspace(horizon / 1e5, 20 * horizon, 4000))
        grown = system.growth(window + later) - level
        within = float(np.interp(horizon, later, grown))
        left = (
            within * float(np.exp(rng.uniform(math.log(0.1), math.log(100.0))))
            if within > _ENDED * abs(level)
            else _GIB * float(np.exp(rng.uniform(0, math.log(64.0))))
        )
        place = int(np.searchsorted(grown, left))
        when = math.inf if place == grown.size else float(later[place])
        if found is None:
            continue
        answer = outlook(found, found.level + left, horizon)
        tally.cases += 1
        tally.lasting += when > horizon
        if answer.answer == "safe":
            tally.safe += 1
            tally.safe_wrong += when <= horizon
        elif answer.answer == "exhausts":
            tally.exhausts += 1
            tally.exhausts_wrong += when > horizon
            tally.covered += 0.99 * answer.earliest <= when <= 1.01 * answer.latest


def measure(full: bool) -> pd.DataFrame:
    """One row a law and window."""
    cells = [(law, window, full) for law in LAWS for window in WINDOWS]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: tuple[str, str, bool]) -> dict[str, object]:
    law, window, full = cell
    rng = generator("outlook", law, window)
    tally = Tally()
    for _ in range(REPLICATES if full else _QUICK):
        ask(tally, LAWS[law](rng, WINDOWS[window]), WINDOWS[window], rng)
    progress(f"{law}, {window}: {tally.safe} safe, {tally.safe_wrong} of them wrongly")
    return {
        "law": law,
        "window": window,
        "cases": tally.cases,
        "lasting": tally.lasting / max(tally.cases, 1),
        "safe": tally.safe / max(tally.cases, 1),
        "wrongly_safe": tally.safe_wrong / tally.safe if tally.safe else math.nan,
        "exhausts": tally.exhausts / max(tally.cases, 1),
        "wrongly_exhausts": tally.exhausts_wrong / tally.exhausts if tally.exhausts else math.nan,
        "covered": tally.covered / tally.exhausts if tally.exhausts else math.nan,
    }


if __name__ == "__main__":
    conduct("outlook", __doc__, measure)
