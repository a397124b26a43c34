"""One look at a generation: whether its memory grows, how fast, when the limit is reached, and what a policy decides.

Statistics need numpy and scipy, thirty megabytes that a process which runs for months need not hold: the guard calls
:func:`judge` in a process of its own (:mod:`aging.core.worker`), which ends with its answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aging.guard.look import Answer, Asked, Outlook

if TYPE_CHECKING:
    from aging.rejuvenation.base import Decision

_GROWING = ("aging", "exhausted", "capped")
_STABLE = ("stable", "bounded", "step", "cyclic", "declining")
_HOUR = 3600.0


def judge(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a look, both as JSON values."""
    question = Asked(**asked)
    return asdict(Answer(outlook_of(question), decision_of(question)))


def outlook_of(asked: Asked) -> Outlook | None:
    """What the readings of its indicator show; None where they are too few."""
    from aging.stats.growth.outlook import outlook  # noqa: PLC0415 - numpy and scipy
    from aging.stats.trend import LEAST, trend_test  # noqa: PLC0415

    ages, values = asked.ages.get(asked.indicator, ()), asked.values.get(asked.indicator, ())
    if len(ages) < LEAST:
        return None
    found = trend_test(ages, values)
    rate, low, high = found.slope, found.low, found.high
    if found.current is not None:
        scale = found.per_second
        rate, low, high = found.current.rate * scale, found.current.low * scale, found.current.high * scale
    earliest = expected = None
    if asked.limit is not None and found.course is not None:
        reached = outlook(found.course, asked.limit, asked.horizon)
        earliest = _finite(reached.earliest)
        expected = max(asked.limit - found.course.level, 0.0) / rate if rate > 0 and low > 0 else None
    verdict = found.verdict
    return Outlook(
        verdict="growing" if verdict in _GROWING else "stable" if verdict in _STABLE else "undecided",
        shown=verdict,
        samples=found.n,
        rate_per_hour=_finite(rate * _HOUR),
        low_per_hour=_finite(low * _HOUR),
        high_per_hour=_finite(high * _HOUR),
        earliest_seconds=earliest,
        expected_seconds=expected,
    )


def decision_of(asked: Asked) -> Decision | None:
    """What a new policy decides now after the readings in their order: as one that was there from the start would.

    Its own looks at the series fall on the same ages as then, so that they are not one more chance of a false alarm.
    """
    if asked.table is None:
        return None
    # The campaign's schema takes 0.3 s to import: only where a policy is asked.
    from aging.rejuvenation.base import Lifetime, Moment, Subject  # noqa: PLC0415
    from aging.rejuvenation.kinds import policies  # noqa: PLC0415

    plugin = policies()[asked.table["policy"]]
    given = dict(asked.subject or {})
    subject = Subject(**{**given, "lifetimes": tuple(Lifetime(**one) for one in given.get("lifetimes", ()))})
    policy = plugin(plugin.options_table.model_validate(asked.table), subject)
    for age, values in _in_order(asked.ages, asked.values):
        policy.observe(age, values)
        policy.decide(Moment(age, asked.wall - (asked.age - age)))
    return policy.decide(Moment(asked.age, asked.wall))


def _in_order(
    ages: Mapping[str, Sequence[float]], values: Mapping[str, Sequence[float]]
) -> Iterator[tuple[float, Mapping[str, float]]]:
    at: dict[float, dict[str, float]] = {}
    for name, times in ages.items():
        for age, value in zip(times, values[name], strict=True):
            at.setdefault(age, {})[name] = value
    for age in sorted(at):
        yield age, at[age]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
