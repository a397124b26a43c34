"""A comparison in words and numbers; no sentence claims more than its difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aging.core import format
from aging.core.format import NONE, readable_duration
from aging.core.metrics import DEVICE_MEMORY, PRIMARY, client_indicator
from aging.findings.comparison.quantity import ANSWERS, FAILED, OUTPUT_TOKENS
from aging.findings.comparison.types import RATES, Comparison, Difference, Estimated, Match, Statistic

STATISTICS: Mapping[Statistic, str] = {
    "per_hour": "growth per hour",
    "per_request": "growth per request",
    "per_token": "growth per token",
    "p50": "median",
    "p95": "95th percentile",
    "p99": "99th percentile",
    "share": "share",
    "per_second": "mean",
    "at_end": "at the end",
    "at_peak": "at its peak",
}

_PER: Mapping[Statistic, str] = {"per_hour": "h", "per_request": "request", "per_token": "token"}
_SHORT: Mapping[tuple[str, Statistic], str] = {
    (PRIMARY, "per_hour"): "memory grows",
    (PRIMARY, "per_request"): "memory grows with each request",
    (PRIMARY, "at_end"): "memory at the end is",
    (PRIMARY, "at_peak"): "memory at its peak is",
    (FAILED, "share"): "the share of failed requests is",
    (ANSWERS, "per_second"): "requests answered are",
    (OUTPUT_TOKENS, "per_second"): "tokens per second are",
}
_LATENCIES = ("ttft", "tpot", "e2e")
_QUANTILES: tuple[Statistic, ...] = ("p50", "p95", "p99")
_KEY: Sequence[tuple[str, Statistic]] = (
    (PRIMARY, "per_hour"),
    (PRIMARY, "per_request"),
    (PRIMARY, "at_end"),
    (PRIMARY, "at_peak"),
    (DEVICE_MEMORY, "per_hour"),
    *((client_indicator(f"{name}_seconds"), one) for name in _LATENCIES for one in _QUANTILES),
    (FAILED, "share"),
    (ANSWERS, "per_second"),
    (OUTPUT_TOKENS, "per_second"),
)
_NAMED = 3
_MANY = 9.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with its color class."""

    text: str
    tone: str


def headline(found: Comparison) -> Sentence:
    """What a reader decides by: what got worse, else what got better, else that nothing was shown."""
    worse, better = ([one for one in found.shown if one.worse is sense] for sense in (True, False))
    if worse or better:
        first = min(worse or better, key=_importance)
        above_all = f": {match_name(found, found.matches[first.match])}: {_said(first)}"
    if worse:
        also = f" (better in {_counted(better)})" if better else ""
        return Sentence(f"Worse than the baseline in {_quantities(_counted(worse))}{also}{above_all}", "bad")
    if better:
        return Sentence(
            f"Better than the baseline in {_quantities(_counted(better))}, worse in none{above_all}", "good"
        )
    judged = _counted([one for one in found.differences if one.p is not None])
    return Sentence(f"No difference shown in {_quantities(judged)}", "mute")


def sentences(found: Comparison) -> Iterator[Sentence]:
    """One or two sentences a deployment: what differs most, or how small a difference would have been seen."""
    for place, match in enumerate(found.matches):
        own = [one for one in found.differences if one.match == place]
        name = match_name(found, match)
        for sense, tone, word in ((True, "bad", "worse"), (False, "good", "better")):
            shown = list(_once(sorted((one for one in own if one.worse is sense), key=_importance)).values())
            if shown:
                said = "; ".join(map(_said, shown[:_NAMED]))
                more = f"; and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
                yield Sentence(f"{name} is {word}: {said}{more}.", tone)
        if not any(one.shown for one in own):
            yield Sentence(f"{name}: no difference shown.{_blind(own)}", "mute")


def match_name(found: Comparison, match: Match) -> str:
    """A deployment under the name that tells it from all others."""
    label = found.measurements[match.measurement].label
    if label == match.deployment:
        return label
    return f"{match.deployment} in {label}" if len(found.measurements) > 1 else match.deployment


def against(found: Comparison, match: Match) -> str:
    """``new less old``: which difference it is."""
    first, other = found.measurements[0].label, found.measurements[match.measurement].label
    if other == match.deployment:
        return f"{other} less {first}"
    renamed = "" if match.baseline == match.deployment else f" {match.deployment}"
    return f"{match.baseline}: {other}{renamed} less {first}"


def judged(match: Match) -> str:
    """The stretch of load and the runs behind a match."""
    begin, end = (readable_duration(one) for one in (match.begin_seconds, match.end_seconds))
    runs = f"{match.runs[0]} and {match.runs[1]} runs" if match.runs != (1, 1) else "one run each"
    return f"from {begin} to {end} of load, {runs}{', side by side' if match.paired else ''}"


def key_differences(found: Comparison, place: int) -> Sequence[Difference]:
    """Memory, latency, failures and throughput of one match, and every other difference that was shown."""
    order = {quantity: rank for rank, quantity in enumerate(_KEY)}
    own = [one for one in found.differences if one.match == place]
    key = [one for one in own if (one.indicator, one.statistic) in order]
    key.sort(key=lambda one: order[one.indicator, one.statistic])
    return [*key, *(one for one in own if one.shown and (one.indicator, one.statistic) not in order)]


def value(one: Difference, estimated: Estimated) -> str:
    """An estimate of a side, without its limits."""
    if one.statistic == "share":
        return format.share(estimated.value)
    if one.statistic in RATES:
        return format.slope(one.indicator, estimated.value, _PER[one.statistic])
    return format.level(one.indicator, estimated.value)


def change(one: Difference) -> str:
    """The difference, signed."""
    return _changes(one)[0]


def limits(one: Difference) -> str:
    """Its 95 % interval; of one that is bounded on one side that bound."""
    if one.low is not None and one.high is not None:
        return _changes(one)[1]
    if one.low is not None:
        return f"at least {_signed(one, one.low)}"
    return NONE if one.high is None else f"at most {_signed(one, one.high)}"


def smallest(one: Difference) -> str:
    """The least difference that would have been called one, unsigned."""
    if one.smallest is None:
        return NONE
    return _signed(one, one.smallest).removeprefix("+")


def relative(one: Difference) -> str:
    """The difference as a part of the baseline: ``+12 %``; of ten times as much and more how many times it is."""
    if one.relative is None:
        return NONE
    return f"{1 + one.relative:.3g} times" if one.relative >= _MANY else _percent(one.relative)


def per(statistic: Statistic) -> str:
    """What a rate is per, as the formatter writes it; empty of all else."""
    return _PER.get(statistic, "")


def tone(one: Difference) -> str:
    """The color class of a verdict."""
    return "mute" if one.worse is None else "bad" if one.worse else "good"


def _once(differences: Sequence[Difference]) -> Mapping[tuple[int, str, str], Difference]:
    """The first of those that say one thing: a growth per hour, per request and per token is one growth."""
    found: dict[tuple[int, str, str], Difference] = {}
    for one in differences:
        found.setdefault((one.match, one.indicator, "growth" if one.statistic in RATES else one.statistic), one)
    return found


def _counted(differences: Sequence[Difference]) -> int:
    return len(_once(differences))


def _importance(one: Difference) -> tuple[int, float]:
    order = {quantity: rank for rank, quantity in enumerate(_KEY)}
    return order.get((one.indicator, one.statistic), len(order)), one.q or 0.0


def _said(one: Difference) -> str:
    """``memory grows faster by +232 MiB/h [+182 to +283 MiB/h]``."""
    subject = _SHORT.get((one.indicator, one.statistic))
    if subject is None:
        grows = "grows" if one.statistic == "per_hour" else f"{STATISTICS[one.statistic].replace('growth', 'grows')}"
        subject = f"{one.indicator} {grows}" if one.statistic in RATES else f"the {_of(one)} is"
    return f"{subject} {one.verdict} by {change(one)} [{limits(one)}]"


def _of(one: Difference) -> str:
    return f"{STATISTICS[one.statistic]} of {one.indicator}"


def _blind(own: Sequence[Difference]) -> str:
    """How small a growth of memory would have been seen."""
    memory = next((one for one in own if (one.indicator, one.statistic) == (PRIMARY, "per_hour")), None)
    if memory is None or memory.smallest is None:
        return ""
    return f" A difference of {smallest(memory)} in the growth of memory would have been seen with 80 % probability."


def _quantities(count: int) -> str:
    return f"{count} {'quantity' if count == 1 else 'quantities'}"


def _changes(one: Difference) -> tuple[str, str]:
    if one.statistic == "share":
        low, high = one.low, one.high
        interval = NONE if low is None or high is None else f"{_percent(low)} to {_percent(high)}"
        return _percent(one.value), interval
    both = None if one.low is None or one.high is None else (one.low, one.high)
    return format.bounded(one.indicator, one.value, both, _PER.get(one.statistic, ""))


def _signed(one: Difference, number: float) -> str:
    if one.statistic == "share":
        return _percent(number)
    return format.slope(one.indicator, number, _PER.get(one.statistic, ""))


def _percent(part: float) -> str:
    return f"{format.significant(100 * part, signed=True)} %"
