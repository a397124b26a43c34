"""How often a restart is missed, and how often something else is taken for one, of a series alone.

Generated series: restarts of leaking, warming and bounded servers with lives from ten minutes to a week, with and
without a sampling gap while the process is down; sawteeth of collectors with periods from seconds to a day; noise,
swings and phases of the load. The recorded servers, of which none was restarted, at their own pace and with every
second taken for a minute and for five. The rules were chosen on the half ``tune``; ``held-out`` was looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from aging.stats.series.generations import found_restarts
from analysis.methods.study import conduct, generator, on_all_cores
from analysis.recordings.dataset import load

Floats = NDArray[np.float64]

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
LIVES = (10 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 38 * _HOUR, 7 * _DAY)
PERIODS = (40.0, _MINUTE, 10 * _MINUTE, 40 * _MINUTE, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, _DAY)
_STRETCHES = (1.0, 60.0, 300.0)
_STEPS = (1.0, 5.0, 15.0, 60.0, 300.0)
_MOST = 8_000


def _times(rng: Generator, cycle: float, cycles: float) -> Floats:
    """Sampling that fits: 40 to 1,000 samples a cycle."""
    fitting = [step for step in _STEPS if 40 <= cycle / step <= 1000] or [_STEPS[-1]]
    step = float(rng.choice(fitting))
    return np.arange(0.0, min(cycle * cycles, _MOST * step), step)


def lives(rng: Generator, law: str, usual: float, gap: bool) -> tuple[Floats, Floats, int]:
    """A server that is restarted every ``usual`` seconds or so; times, levels, and how many restarts are in it."""
    t = _times(rng, usual, float(rng.uniform(2.2, 8)))
    spread = rng.choice([0.03, 0.15, 0.4])
    ends = np.cumsum(usual * np.exp(rng.normal(0, spread, 40)))
    begins = np.concatenate([[-rng.uniform(0, 0.8) * ends[0] if rng.random() < 0.5 else 0.0], ends])
    life = np.searchsorted(begins, t, side="right") - 1
    age = t - begins[life]
    base, height = rng.uniform(0.2, 4), 10.0
    course = {
        "leak": age / usual,
        "warm-up and leak": 0.3 * (1 - np.exp(-age / (0.05 * usual))) + 0.7 * age / usual,
        "slowing leak": np.sqrt(age / usual),
        "bounded": 1 - np.exp(-age / (0.03 * usual)),
    }[law]
    step = t[1] - t[0]
    loading = np.minimum(age / (rng.choice([1, 3]) * step + 1), 1.0)
    daily = 0.1 * np.sin(2 * np.pi * t / _DAY) * rng.integers(0, 2)
    y = base * loading + height * course * loading * (1 + daily) + rng.normal(0, rng.choice([0.01, 0.1, 0.3]), t.size)
    if gap:
        kept = age > rng.uniform(3, 8) * step
        kept |= life == 0
        t, y, life = t[kept], y[kept], life[kept]
    return t, y, int(life[-1] - life[0])


def collector(rng: Generator, period: float) -> tuple[Floats, Floats]:
    """A healthy heap: allocation at a steady rate, and collections to a floor that moves a little."""
    t = _times(rng, period, float(rng.uniform(3, 60)))
    ends = np.cumsum(period * np.exp(rng.normal(0, rng.choice([0.02, 0.2, 0.5]), 4000)))
    begins = np.concatenate([[-rng.uniform(0, 1) * period], ends])
    tooth = np.searchsorted(begins, t, side="right") - 1
    floor = rng.uniform(2, 20) + rng.normal(0, rng.choice([0.05, 0.5]), tooth.max() + 1)[tooth]
    filled = floor * (1 - np.exp(-(t + 0.2 * period) / (0.7 * period))) if rng.random() < 0.5 else floor
    return t, filled + 10 * (t - begins[tooth]) / period + rng.normal(0, rng.choice([0.01, 0.2]), t.size)


def other(rng: Generator, kind: str) -> tuple[Floats, Floats]:
    """A series without restarts or collections over three days to three weeks."""
    t = np.arange(0.0, rng.uniform(3, 21) * _DAY, float(rng.choice([60.0, 300.0, 900.0])))
    t = t[:_MOST]
    noise = rng.normal(0, 1, t.size)
    phase = (t % _DAY) / _DAY
    steps = np.minimum(np.cumsum(rng.random(t.size) < 5 / t.size), 59)
    held = (phase > rng.uniform(0.1, 0.4)) & (phase < rng.uniform(0.5, 0.9))
    return t, {
        "noise": noise,
        "random walk": np.cumsum(noise),
        "autocorrelated noise": pd.Series(noise).ewm(alpha=0.05).mean().to_numpy(),
        "daily swing": 5 * np.sin(2 * np.pi * t / _DAY) + 0.3 * noise,
        "jobs": 10.0 * held + 0.1 * noise,  # a batch job holds memory for hours
        "leak": 10 * t / t[-1] + 0.2 * noise,
        "steps": rng.uniform(0, 10, 60)[steps] + 0.1 * noise,
    }[kind]


_OTHERS = ("noise", "autocorrelated noise", "random walk", "daily swing", "jobs", "leak", "steps")
_LAWS = ("leak", "warm-up and leak", "slowing leak", "bounded")


def measure(full: bool) -> pd.DataFrame:
    """One row a half, kind and length of cycle."""
    count = 200 if full else 20
    parts = on_all_cores(_rows, [(half, count) for half in ("tune", "held-out")])
    return pd.DataFrame([row for part in parts for row in part])


def _rows(cell: tuple[str, int]) -> list[dict[str, object]]:
    half, count = cell
    return [*_of_lives(half, count), *_of_others(half, count), *_of_recordings(half)]


def _of_lives(half: str, count: int) -> Iterator[dict[str, object]]:
    for law in _LAWS:
        for gap in (False, True):
            for usual in LIVES:
                rng = generator("restarts", half, law, gap, usual)
                there = found = wrong = 0
                for _ in range(count):
                    t, y, truth = lives(rng, law, usual, gap)
                    seen = len(found_restarts(t, y))
                    there, found, wrong = there + truth, found + min(seen, truth), wrong + max(seen - truth, 0)
                kind = f"{law}{', gap' if gap else ''}"
                yield _row(half, kind, usual, (count, there, found, wrong))


def _of_others(half: str, count: int) -> Iterator[dict[str, object]]:
    for period in PERIODS:
        rng = generator("restarts", half, "collector", period)
        series = sum(bool(found_restarts(*collector(rng, period))) for _ in range(count))
        yield _row(half, "collector", period, (count, 0, 0, series))
    for kind in _OTHERS:
        rng = generator("restarts", half, kind)
        series = sum(bool(found_restarts(*other(rng, kind))) for _ in range(count))
        yield _row(half, kind, None, (count, 0, 0, series))


def _of_recordings(half: str) -> Iterator[dict[str, object]]:
    recordings = load(half=half)  # type: ignore[arg-type] # one of the two
    for stretch in _STRETCHES:
        series = sum(bool(found_restarts(stretch * (one.t - one.t[0]), one.memory)) for one in recordings)
        yield _row(half, f"recorded servers, × {stretch:g}", None, (len(recordings), 0, 0, series))


def _row(half: str, kind: str, cycle: float | None, counts: tuple[int, int, int, int]) -> dict[str, object]:
    n, there, found, wrong = counts
    return {
        "half": half,
        "kind": kind,
        "cycle_hours": None if cycle is None else cycle / _HOUR,
        "series": n,
        "restarts": there,
        "missed": None if not there else 1 - found / there,
        "false": wrong / (there or n),
    }


if __name__ == "__main__":
    conduct("restarts", __doc__, measure)
