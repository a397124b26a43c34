"""What a restart and a crash cost, where the user does not say: from what the campaign measured."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from aging.core.errors import Mistake, MistakeCode, MistakesError
from aging.findings.rejuvenation.replay import Downtime
from aging.stats.renewal.optimum import Costs
from aging.store.events import DeploymentReady, RejuvenationCompleted
from aging.store.results import Results

LOST = 10.0
"""A lost request counts as this many that waited, where no costs are given. A convention, not a measurement."""

_UNKNOWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Price:
    """Costs with their unit and their source, and the seconds without a server that were measured or presumed."""

    costs: Costs
    unit: str
    source: str
    down: Downtime
    down_source: str


def price(results: Results, deployment: str, given: Costs | None) -> Price:
    """The given costs, else those of the requests that wait for a restart or are lost in a crash.

    A restart takes as long as arrivals were held in the recorded restarts, else the start of the server and the time
    of a long request (the 95th percentile), which must drain. A crash takes the start alone and loses the requests of
    that time and those in flight. Raises :class:`~aging.core.errors.MistakesError` where no cost is given and no
    start and no requests were recorded.
    """
    own = [event for event in results.events if event.deployment == deployment]
    starts = [event.seconds for event in own if isinstance(event, DeploymentReady)]
    held = [event.held_seconds for event in own if isinstance(event, RejuvenationCompleted) and event.held_seconds > 0]
    start = median(starts) if starts else None
    mean, tail, rate = _requests(results, deployment)
    if start is None:
        down, source = Downtime(_UNKNOWN_SECONDS, _UNKNOWN_SECONDS), "no start was recorded: 60 s presumed"
    else:
        down = Downtime(median(held) if held else start + tail, start)
        source = f"a start took {start:.3g} s (median of {len(starts)})"
        source += f", {len(held)} restarts held arrivals {down.restart:.3g} s" if held else ""
    if given is not None:
        return Price(given, "", "given", down, source)
    if start is None or rate <= 0:
        what = f"no {'start' if start is None else 'request'} of {deployment} is recorded, so there is no default cost"
        raise MistakesError(
            "aging rejuvenate",
            [
                Mistake(f"--{name}", f"{what}; give it in any unit, like {example}", MistakeCode.MISSING_KEY)
                for name, example in (("cost-restart", "1"), ("cost-crash", "20"))
            ],
        )
    waited, lost = rate * down.restart, rate * (down.crash + mean)
    reason = f"{source}; at {rate:.3g} requests/s a restart makes {waited:,.3g} wait, a crash loses {lost:,.3g}"
    costs = Costs(waited, LOST * lost)
    return Price(costs, "waiting requests", f"{reason}; a lost one counts as {LOST:g} that wait", down, source)


def _requests(results: Results, deployment: str) -> tuple[float, float, float]:
    """Mean and 95th percentile of the seconds of a request, and requests per second; zeros without requests."""
    replicas = results.replicas(deployment)
    rows = [results.requests(deployment, replica) for replica in replicas]
    rows = [one for one in rows if not one.empty and "finished" in one and "sent" in one]
    seconds = [value for one in rows for value in (one["finished"] - one["sent"]).dropna().tolist()]
    spans = [float(one["sent"].max() - one["sent"].min()) for one in rows]
    if not seconds or sum(spans) <= 0:
        return 0.0, 0.0, 0.0
    ordered = sorted(seconds)
    return sum(seconds) / len(seconds), ordered[int(0.95 * (len(ordered) - 1))], len(seconds) / sum(spans)
