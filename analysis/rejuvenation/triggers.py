"""How often ``trend`` and ``threshold`` fire on clean series, and how often they miss that a leak reaches its limit.

Each series is one generation (:mod:`analysis.rejuvenation.series`), asked at every reading. A false trigger is a
decision on a clean series. A leaking series is missed if no decision was made up to the reading at which it reached
its limit. ``--tuning`` draws the series that the policies' constants were chosen on, ``--full`` others.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aging.core.metrics import PRIMARY
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.rejuvenation.policies.threshold import Threshold, ThresholdOptions
from aging.rejuvenation.policies.trend import TrendOptions, TrendPolicy
from analysis.methods.study import conduct, generator, on_all_cores, progress
from analysis.rejuvenation.series import CLEAN, LEAKING, Series, slow_fill

LIMIT = 2.0 * 2**30
EACH, _QUICK = 34, 4
SERIES = "held-out"
"""Which series are drawn: ``tuning`` are those that the constants were chosen on."""

TREND = TrendOptions.model_validate({"policy": "trend", "limit": "2GiB", "within": "2h", "warmup": "30m"})
THRESHOLD = ThresholdOptions.model_validate({"policy": "threshold", "indicator": PRIMARY, "above": "90%"})
FAMILIES = {**CLEAN, **LEAKING, "slow fill": slow_fill}


def policy_of(kind: str) -> Policy[Any]:
    """A new policy of the study."""
    subject = Subject(limits={PRIMARY: LIMIT})
    return TrendPolicy(TREND, subject) if kind == "trend" else Threshold(THRESHOLD, subject)


@dataclass(frozen=True, slots=True)
class Fired:
    """When a policy fired, in seconds, and its decision."""

    at: float
    decision: Decision


def fired(policy: Policy[Any], series: Series) -> Fired | None:
    """The first decision on a series; None where there is none."""
    for t, y in zip(series.t.tolist(), (series.y * LIMIT).tolist(), strict=True):
        policy.observe(t, {PRIMARY: y})
        decision = policy.decide(Moment(t))
        if decision is not None:
            return Fired(t, decision)
    return None


def measure(full: bool) -> pd.DataFrame:
    """One row a policy and family."""
    cells = [(kind, family, full) for family in FAMILIES for kind in ("trend", "threshold")]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: tuple[str, str, bool]) -> dict[str, object]:
    kind, family, full = cell
    count = EACH if full else _QUICK
    drawn = [FAMILIES[family](generator("triggers", SERIES, family, number)) for number in range(count)]
    found = [fired(policy_of(kind), series) for series in drawn]
    leaking = family in LEAKING
    left = [
        series.reached - one.at
        for series, one in zip(drawn, found, strict=True)
        if one is not None and series.reached is not None and one.at <= series.reached
    ]
    progress(f"{kind}: {family}")
    decided = [one for one in found if one is not None]
    return {
        "policy": kind,
        "series": family,
        "truth": "leaking" if leaking else "cache that fills" if family == "slow fill" else "clean",
        "count": count,
        "fired": len(decided),
        "of them at once": sum(one.decision.urgent for one in decided),
        "missed": count - len(left) if leaking else 0,
        "least seconds left": round(min(left), 1) if left else np.nan,
        "median seconds left": round(float(np.median(left)), 1) if left else np.nan,
    }


if __name__ == "__main__":
    if "--tuning" in sys.argv:
        sys.argv.remove("--tuning")
        SERIES = "tuning"
    conduct("rejuvenation_triggers", __doc__, measure)
