"""The policies side by side on one recorded run, and the best periodic restart known in hindsight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import aging.rejuvenation.policies
from aging.core.plugins import discover
from aging.findings.indicator_analysis import IndicatorAnalysis
from aging.findings.rejuvenation.costs import Price
from aging.findings.rejuvenation.replay import (
    Candidate,
    Path,
    Replayed,
    best_in_hindsight,
    extended,
    joined,
    replay,
)
from aging.rejuvenation.base import Policy, Subject
from aging.rejuvenation.governor import Rules
from aging.stats import Course

_LIFETIMES, _READINGS = 10.0, 150
"""A replay goes on over this many lifetimes, with this many readings in each."""

_AGES = 40
_FRESH = 20
_PERIODIC = "periodic"


@dataclass(frozen=True, slots=True)
class Replay:
    """What every policy would have done over ``seconds``, of which ``recorded`` were measured and the rest
    extrapolated.

    ``hindsight`` is the periodic restart that costs least on the same series, at the age ``hindsight_seconds``;
    infinite: to run to the crash.
    """

    rows: Sequence[Replayed]
    hindsight: Replayed
    hindsight_seconds: float
    recorded: float
    seconds: float


def replayed(
    group: Sequence[IndicatorAnalysis], limit: float, cost: Price, lifetime: float, best: float
) -> Replay | None:
    """Replay the longest replica of one indicator; None where it has no course that goes on to grow.

    ``lifetime`` and ``best`` are the median lifetime and the advised age in seconds; ``best`` may be infinite.
    """
    path = _path(group, limit, lifetime)
    if path is None:
        return None
    candidates = _candidates(path, cost, lifetime, best)
    rows = [replay(path, one, cost.costs, cost.down) for one in candidates]
    ages = [*(lifetime * np.geomspace(0.1, 1.3, _AGES)), *([best] if math.isfinite(best) else []), path.seconds * 2]
    age, hindsight = best_in_hindsight(path, _periodic, cost.costs, cost.down, ages)
    measured = float(path.t[path.recorded - 1] - path.t[0])
    return Replay(rows, hindsight, math.inf if age > path.seconds else age, measured, path.seconds)


def _path(group: Sequence[IndicatorAnalysis], limit: float, lifetime: float) -> Path | None:
    """The generations of the replica with the most readings as one path, extrapolated over ten lifetimes."""
    sizes: dict[int, int] = {}
    for one in group:
        sizes[one.series.replica] = sizes.get(one.series.replica, 0) + one.series.t.size
    replica = max(sizes, key=lambda each: sizes[each])
    own = [one for one in group if one.series.replica == replica and one.series.t.size >= _FRESH]
    course = _course(own)
    if course is None or course.rate <= 0:
        return None
    first = own[0].series
    t, y = joined([(one.series.t, one.series.y) for one in own])
    later, values = extended(t, y, course.rate, _LIFETIMES * lifetime, int(_LIFETIMES * _READINGS))
    begin = max(first.y.size // _FRESH, 3)
    fresh, warmup = float(np.median(first.y[:begin])), float(np.median(first.t[:begin]))
    return Path(first.indicator, later, values, fresh, limit, t.size, warmup)


def _course(own: Sequence[IndicatorAnalysis]) -> Course | None:
    longest = max(own, key=lambda one: one.series.t.size, default=None)
    trend = None if longest is None else longest.result.trend
    return None if trend is None else trend.course


def _candidates(path: Path, cost: Price, lifetime: float, best: float) -> list[Candidate]:
    """Never, periodic, threshold, trend and cost-optimal, with the usual options for this limit."""
    step = float(np.median(np.diff(path.t)))
    wide = f"{max(10.0, 3 * step):.3f}s"
    limited = {"indicator": path.indicator, "limit": path.limit}
    found = [Candidate("never", lambda _: None, _rules())]
    ages = {"at the advised age": best} if math.isfinite(best) else {}
    ages |= {"at half the lifetime": lifetime / 2, "at 0.9 of the lifetime": 0.9 * lifetime}
    found += [Candidate(f"{_PERIODIC} {name}", _periodic(age).make, _rules()) for name, age in ages.items()]
    for share in (0.8, 0.9):
        above = path.fresh + share * (path.limit - path.fresh)
        options = {"policy": "threshold", "indicator": path.indicator, "above": above, "window": wide}
        found.append(_of(f"threshold {share:.0%} of the room", options))
    within, watch = f"{max(lifetime / 20, 3 * step):.3f}s", f"{max(lifetime, 60.0):.3f}s"
    found.append(_of("trend", {"policy": "trend", **limited, "within": within, "watch": watch}))
    if cost.costs.crash > cost.costs.restart:
        costs = {"cost_restart": cost.costs.restart, "cost_crash": cost.costs.crash}
        found.append(_of("cost-optimal", {"policy": "cost-optimal", **limited, **costs}))
    return found


def _periodic(age: float) -> Candidate:
    return _of(_PERIODIC, {"policy": _PERIODIC, "every": f"{age:.3f}s"})


def _of(name: str, options: Mapping[str, Any]) -> Candidate:
    kind: type[Policy[Any]] = discover(aging.rejuvenation.policies, Policy)[options["policy"]]
    parsed = kind.options_table.model_validate(options)

    def make(subject: Subject) -> Policy[Any]:
        return kind(parsed, subject)

    return Candidate(name, make, _rules())


def _rules() -> Rules:
    """No budget and no distance: what is compared are the policies."""
    return Rules(distance=0.0, budget=1_000_000)
