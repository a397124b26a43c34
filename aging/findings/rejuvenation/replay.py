"""What a policy would have done on a recorded series: the policy and the governor themselves, in virtual time.

The model: a restart does not change the recorded growth. A restart or a crash sets the level to that of a fresh
generation, the first level after the warm-up; from then on the recorded increments are added to it. While
the server is down or warms up, its growth of that time is left out. A crash is a reading at or above the limit. What a
restart would have changed besides the level (the load that waits, a warm-up that grows anew) is not in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aging.rejuvenation.base import Decision, Lifetime, Moment, Policy, Subject
from aging.rejuvenation.governor import Governor, Rules
from aging.stats.renewal.optimum import Costs

Floats = NDArray[np.float64]

_SERVER = "replayed"
_SEED = 0
_SMOOTH = 5
"""Readings whose median is the level that a restart is counted from: noise at that moment is not growth."""


@dataclass(frozen=True, slots=True)
class Path:
    """What was recorded of an indicator without its restarts: ``y`` (shape n) at ``t`` seconds, and where it fails.

    ``fresh`` is the level of a generation that is ``warmup`` seconds old; what it grew before is not recorded. From
    ``recorded`` readings on it is extrapolated.
    """

    indicator: str
    t: Floats
    y: Floats
    fresh: float
    limit: float
    recorded: int
    warmup: float = 0.0

    @property
    def seconds(self) -> float:
        """The time that it covers."""
        return float(self.t[-1] - self.t[0])


@dataclass(frozen=True, slots=True)
class Downtime:
    """Seconds without a server: of a restart and of a crash."""

    restart: float
    crash: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one policy would have done: counts, seconds without a server, the highest level, and the cost of it all."""

    name: str
    restarts: int
    crashes: int
    down_seconds: float
    peak: float
    cost: float
    seconds: float

    @property
    def cost_rate(self) -> float:
        """The cost per second of the time replayed."""
        return self.cost / self.seconds


MakePolicy = Callable[[Subject], Policy[Any] | None]
"""The policy of the first generation; None for no policy."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy to replay, with its name in the table and the rules of its governor."""

    name: str
    make: MakePolicy
    rules: Rules


def replay(path: Path, candidate: Candidate, costs: Costs, down: Downtime) -> Replayed:
    """Ask the policy at every reading of the path, the governor at every decision, and count."""
    smooth = _smoothed(path.y)
    times, values, base = path.t.tolist(), path.y.tolist(), path.fresh - float(smooth[0])
    governor, lifetimes = Governor(candidate.rules), list[Lifetime]()
    policy, began, back = (
        candidate.make(Subject(limits={path.indicator: path.limit})),
        times[0] - path.warmup,
        -math.inf,
    )
    restarts = crashes = 0
    peak, stopped = path.fresh, False
    for k, (now, value) in enumerate(zip(times, values, strict=True)):
        if now < back:
            continue
        if stopped:
            base, began, stopped = path.fresh - float(smooth[k]), now - path.warmup, False
        level, age = value + base, now - began
        peak = max(peak, min(level, path.limit))
        crashed = level >= path.limit and age > 0
        if not crashed:
            decision = _asked(policy, path.indicator, level, Moment(age, now))
            if decision is None or governor.refusal(_SERVER, now, urgent=decision.urgent) is not None:
                continue
        lifetimes.append(Lifetime(max(age, 1e-9), crashed))
        crashes, restarts = crashes + crashed, restarts + (not crashed)
        back, stopped = now + (down.crash if crashed else down.restart), True
        if not crashed:
            governor.begin(_SERVER, now)
            governor.end(_SERVER, back, "helped")
        back += path.warmup
        if policy is not None:
            generation, limits = restarts + crashes + 1, {path.indicator: path.limit}
            policy = policy.renewed(Subject(generation=generation, lifetimes=tuple(lifetimes), limits=limits))
    return Replayed(
        candidate.name,
        restarts,
        crashes,
        restarts * down.restart + crashes * down.crash,
        peak,
        restarts * costs.restart + crashes * costs.crash,
        path.seconds,
    )


def _asked(policy: Policy[Any] | None, indicator: str, level: float, moment: Moment) -> Decision | None:
    if policy is None:
        return None
    policy.observe(moment.age, {indicator: level})
    return policy.decide(moment)


def best_in_hindsight(
    path: Path, make: Callable[[float], Candidate], costs: Costs, down: Downtime, ages: Sequence[float]
) -> tuple[float, Replayed]:
    """The age of a periodic restart among ``ages`` that would have cost least on this path, and what it would have
    done.

    Running to the crash is an age that is never reached.
    """
    tried = [(age, replay(path, make(age), costs, down)) for age in ages]
    return min(tried, key=lambda one: one[1].cost)


def joined(pieces: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """The generations of a run as one path: each goes on from the level at which the one before it ended.

    ``pieces`` are t, since the start of each generation's load, and y of each.
    """
    times, levels = [pieces[0][0]], [pieces[0][1]]
    for t, y in pieces[1:]:
        step = float(np.median(np.diff(t))) if t.size > 1 else 0.0
        times.append(t - t[0] + times[-1][-1] + step)
        levels.append(y - _smoothed(y)[0] + _smoothed(levels[-1])[-1])
    return np.concatenate(times), np.concatenate(levels)


def extended(t: Floats, y: Floats, rate: float, seconds: float, most: int) -> tuple[Floats, Floats]:
    """The path and, after its end, the same growth at ``rate`` per second with its own noise, up to ``seconds`` in all.

    The noise is drawn from the residuals of the recorded path in blocks (Künsch 1989, moving blocks of the cube root of
    its length), in at most ``most`` further readings.
    """
    step = float(np.median(np.diff(t)))
    missing = seconds - float(t[-1] - t[0])
    if missing <= 0:
        return t, y
    step = max(step, missing / most)
    later = t[-1] + step * np.arange(1, int(missing / step) + 1)
    residuals = y - rate * t
    residuals = residuals - np.polyval(np.polyfit(t - t[0], residuals, 1), t - t[0])
    block = max(round(y.size ** (1 / 3)), 1)
    rng = np.random.default_rng(_SEED)
    starts = rng.integers(max(y.size - block, 1), size=later.size // block + 1)
    drawn = residuals[(starts[:, None] + np.arange(block)).ravel() % y.size][: later.size]
    end = float(np.median(y[-_SMOOTH:]))
    return np.concatenate((t, later)), np.concatenate((y, end + rate * (later - t[-1]) + drawn))


def _smoothed(y: Floats) -> Floats:
    """The running median of five readings; of the fewer ones at the ends."""
    half = _SMOOTH // 2
    padded = np.pad(y, half, mode="reflect") if y.size > half else np.pad(y, half, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH), axis=1))
