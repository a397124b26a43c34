"""What a gate cannot decide within its budget, said before it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from aging.campaign.schema import Campaign
from aging.check.conditions import Condition
from aging.check.gate import Gate
from aging.core import format
from aging.core.format import readable_duration
from aging.core.metrics import resolution

UNSEEN = 2.0
"""Growth of so many resolutions shows, as in :mod:`aging.stats.rate_test.observation`."""

_HOUR = 3600.0


def foreseen(gate: Gate, campaign: Campaign) -> Iterator[str]:
    """One sentence for each limit at which no growth would show in the whole budget: it can fail, and not pass.

    A closed loop is taken to reach its highest rate; without one it is not known beforehand, nor are limits in percent.
    """
    window = gate.budget - (campaign.warmup or 0.0)
    for name in gate.deployments:
        rate = _requests_per_second(campaign, name)
        for condition in gate.conditions:
            per_second = {"per_request": rate, "per_hour": 1 / _HOUR}.get(condition.quantity)
            if per_second and not condition.percent:
                yield from _too_fine(name, condition, window, per_second)


def _too_fine(name: str, condition: Condition, window: float, per_second: float) -> Iterator[str]:
    hidden = UNSEEN * resolution(condition.indicator)
    allowed = condition.limit * per_second * window
    if allowed >= hidden:
        return
    per = "request" if condition.quantity == "per_request" else "h"
    needed = readable_duration(math.ceil(hidden / (condition.limit * per_second)))
    least = format.size(condition.indicator, hidden / (per_second * window), per)
    yield (
        f"{name}: {condition}: it cannot pass: at the limit it grows by "
        f"{format.size(condition.indicator, allowed, '')} in {readable_duration(window)} of load, and less than "
        f"{format.size(condition.indicator, hidden, '')} does not show. Give a budget above {needed}, or a limit above "
        f"{least}; for the time that noise asks for: --plan."
    )


def _requests_per_second(campaign: Campaign, name: str) -> float | None:
    """The planned rate of a deployment, at most; None where the server alone determines it."""
    if campaign.load is None:
        return None
    from aging.load.schedule.classes import classes_of  # noqa: PLC0415 - numpy, where a load is sent

    rate = next(one.rate for one in campaign.deployment if one.name == name)
    rates = [each.arrivals.most_rate() for each in classes_of(campaign.load, rate)]
    return math.fsum(rates) if all(rates) else None
