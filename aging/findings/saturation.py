"""Calibration: at which rate a deployment saturates, found by a bounded search.

A deployment is saturated at a rate when, in a window after it has settled, one of these holds:

- over 1 % of its requests failed or were dropped;
- answers fall behind requests: fewer than 95 % as many, beyond the Poisson variation of the number in flight;
- the time to the first token grows within the window: the last third of its requests waits at least three times
  as long as the first, and significantly so (Mann–Whitney, p < 0.01; three times, since waits in a queue are
  correlated: of windows at 60 % of a queue's capacity it calls 1 in 100 saturated).

The second is the definition of a stable queue (its length has no drift: Loynes 1962), the third finds a drift
before the queue is long. No I/O here: the search calls ``measure(rate)``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.core.errors import require
from aging.findings.latencies import Base, latencies

Bound = Literal["time", "rate", "client", "floor"]
"""The limit that ended a search before it found both sides of the ceiling."""

LEAST_REQUESTS = 30
"""A window holds at least this many arrivals: fewer show little of a queue's drift."""

BASE: Base = "scheduled"
"""The base of latencies here: a rate that the client cannot send is above the ceiling, too."""

_LOST_SHARE = 0.01
_FOLLOWS = 0.95
_GROWS, _CHANCE = 3.0, 0.01
_LEAST_COMPARED = 6
_LATE_SECONDS = 0.1
_GROWTH = 2.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """The measurement at one rate. Rates are per second, latencies in seconds since a request was due (:data:`BASE`);
    None where no request has one.

    ``offered`` and ``achieved`` are requests due and answered in the window, ``late``
    the 99th percentile of how late they were sent. ``saturated`` is the reason, None where the deployment held.
    """

    rate: float
    seconds: float
    requests: int
    offered: float
    achieved: float
    failed: int
    dropped: int
    in_flight: tuple[int, int]
    ttft_p50: float | None
    ttft_p99: float | None
    e2e_p50: float | None
    late: float
    saturated: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a search: the rates between which it looks, how near it comes (a share), and its seconds in all."""

    start: float = 1.0
    least: float = 0.01
    most: float = 1000.0
    precision: float = 0.1
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The result of a search: the highest rate that held, the lowest that saturated, and every step.

    ``bound`` is the limit that ended a search without both of them.
    """

    deployment: str
    held: float | None
    saturated: float | None
    steps: tuple[Step, ...]
    bound: Bound | None = None

    @property
    def rate(self) -> float | None:
        """The ceiling itself, in requests per second; None unless one rate held and one saturated.

        It is the highest achieved rate of the steps that held: random arrivals may be fewer than planned.
        """
        if self.held is None or self.saturated is None:
            return None
        return max(min(step.rate, step.achieved) for step in self.steps if not step.saturated)


Measure = Callable[[float], Awaitable[Step]]


async def search(
    deployment: str, measure: Measure, limits: Limits, now: Callable[[], float] = time.monotonic
) -> Ceiling:
    """Double the rate until it saturates (or halve it until it does not), then bisect geometrically.

    A saturated rate ends the search only after a second measurement, since a hiccup of the host
    is no ceiling. ``measure`` is awaited with rates between the limits'.
    """
    started, steps = now(), list[Step]()
    held: float | None = None
    beyond: dict[float, int] = {}
    rate = min(max(limits.start, limits.least), limits.most)
    while True:
        began = now()
        step = await measure(rate)
        steps.append(step)
        if step.late > _LATE_SECONDS:
            return Ceiling(deployment, held, min(beyond, default=None), tuple(steps), "client")
        if step.saturated:
            beyond[rate] = beyond.get(rate, 0) + 1
        else:
            held = rate if held is None else max(held, rate)
            beyond = {above: times for above, times in beyond.items() if above > rate}
        lowest = min(beyond, default=None)
        following, bound = _next(held, lowest, beyond, limits)
        if following is None:
            return Ceiling(deployment, held, lowest, tuple(steps), bound)
        if now() + (now() - began) > started + limits.seconds:
            return Ceiling(deployment, held, lowest, tuple(steps), None if held and lowest else "time")
        rate = following


def _next(
    held: float | None, lowest: float | None, beyond: dict[float, int], limits: Limits
) -> tuple[float | None, Bound | None]:
    """The rate to measure next; None at the end, with the limit that was met, if any."""
    if lowest is None:
        held = require(held, "a rate that was held")
        return (None, "rate") if held >= limits.most else (min(held * _GROWTH, limits.most), None)
    if held is None:
        return (None, "floor") if lowest <= limits.least else (max(lowest / _GROWTH, limits.least), None)
    if lowest > held * (1 + limits.precision):
        return math.sqrt(held * lowest), None
    return (lowest, None) if beyond[lowest] < 2 else (None, None)


def step_of(requests: pd.DataFrame, rate: float, begin: float, end: float) -> Step:
    """The step of one run at ``rate``, from its request records; the window is ``begin`` to ``end``, monotonic seconds.

    A request that ended after the window was in flight at its end, whatever its outcome.
    """
    requests = requests[requests["fault"].fillna("") == ""] if "fault" in requests else requests
    seconds = end - begin
    due = requests[(requests["scheduled"] >= begin) & (requests["scheduled"] < end)]
    ended = requests[(requests["finished"] >= begin) & (requests["finished"] < end)]
    ok = ended[ended["status"] == "ok"]
    failed, dropped = int((ended["status"] == "error").sum()), int((due["status"] == "dropped").sum())
    in_flight = (_in_flight(requests, begin), _in_flight(requests, end))
    waits = latencies(ok, BASE)
    sent = due[due["sent"].notna()]
    step = Step(
        rate=rate,
        seconds=seconds,
        requests=len(due),
        offered=len(due) / seconds,
        achieved=len(ok) / seconds,
        failed=failed,
        dropped=dropped,
        in_flight=in_flight,
        ttft_p50=_quantile(waits["ttft"], 0.5),
        ttft_p99=_quantile(waits["ttft"], 0.99),
        e2e_p50=_quantile(waits["e2e"], 0.5),
        late=_quantile(sent["sent"] - sent["scheduled"], 0.99) or 0.0,
        saturated=None,
    )
    return _with_reason(step, _waits_in_order(due, end))


def _with_reason(step: Step, waits: Floats) -> Step:
    lost = step.failed + step.dropped
    grown = step.in_flight[1] - step.in_flight[0]
    chance = 2 * math.sqrt(2 * max(step.in_flight[0], 1))  # of two Poisson counts, 95 %
    reason = None
    if lost > max(_LOST_SHARE * step.requests, 1):
        reason = f"{step.failed} of {step.requests} requests failed, {step.dropped} were dropped"
    elif grown > max((1 - _FOLLOWS) * step.requests, chance):
        reason = f"{step.achieved:.3g} of {step.offered:.3g} requests per second were answered"
    elif (slower := _slower(waits)) is not None:
        reason = f"the wait for an answer grew {slower:.2g}-fold within {step.seconds:.0f} s"
    return replace(step, saturated=reason)


def _in_flight(requests: pd.DataFrame, at: float) -> int:
    return int(((requests["sent"] <= at) & (requests["finished"] > at)).sum())


def _waits_in_order(due: pd.DataFrame, end: float) -> Floats:
    """Seconds to the first token, in the order that requests were due; so far, where there is no token yet."""
    due = due[due["sent"].notna() & due["status"].isin(("ok", "error"))].sort_values("scheduled")
    streamed = due[due["streaming"].astype(bool)]
    if 2 * len(streamed) >= len(due):  # answers that come whole take longer by their length
        due, answered = streamed, streamed["first_token"]
    else:
        answered = due["last_token"]
    waits: Floats = (answered.fillna(end).clip(upper=end) - due["scheduled"]).to_numpy(dtype=np.float64)
    return waits


def _slower(waits: Floats) -> float | None:
    """The factor by which the last third waits longer than the first; None where it is not significant."""
    from scipy.stats import mannwhitneyu  # noqa: PLC0415 - 0.6 s that a campaign never needs

    third = waits.size // 3
    if third < _LEAST_COMPARED:
        return None
    first, last = waits[:third], waits[-third:]
    ratio = float(np.median(last) / max(np.median(first), 1e-9))
    if ratio < _GROWS or mannwhitneyu(last, first, alternative="greater").pvalue >= _CHANCE:
        return None
    return ratio


def _quantile(values: pd.Series, q: float) -> float | None:
    known = values.dropna()
    return float(known.quantile(q)) if len(known) else None


def why_not(ceiling: Ceiling, limits: Limits) -> str:
    """Why a search found no ceiling, and what would help."""
    rates: Sequence[float] = [step.rate for step in ceiling.steps]
    match ceiling.bound:
        case "rate":
            return f"not saturated at {max(rates):.4g} req/s, the highest allowed rate; raise --max-rate"
        case "client":
            return f"the load process was late at {rates[-1]:.4g} req/s, which is the client's ceiling"
        case "floor":
            return f"saturated at {min(rates):.4g} req/s, the lowest rate tried"
        case _:
            what = "not saturated" if ceiling.saturated is None else "saturated at every rate"
            return f"{what} within {limits.seconds:g} s (last: {rates[-1]:.4g} req/s); raise --most"
