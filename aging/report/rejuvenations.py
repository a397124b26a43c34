"""What rejuvenations did, in sentences; no sentence claims more than was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

from aging.core import format
from aging.core.format import readable_duration
from aging.core.metrics import PRIMARY
from aging.findings.types import DecisionsNotCarriedOut, FirstTokens, LevelChange, PolicyResult, RejuvenationEffect

_GOOD = ("helped", "unhelpful")
_RULES = {
    "at-most": "others were under way",
    "distance": "too soon after the last one",
    "budget": "the budget was spent",
    "backoff": "in the pause after failures",
    "disarmed": "the policy was disarmed",
    "window": "outside its window",
    "dry-run": "dry run",
}


def summaries(effects: Sequence[RejuvenationEffect]) -> Iterator[tuple[str, str, str]]:
    """Deployment, sentence and tone (``good``, ``warn``, ``bad``) of every deployment that was rejuvenated."""
    for name, group in groupby(effects, key=lambda one: one.deployment):
        own = list(group)
        yield name, summary(own), tone(own)


def tone(effects: Sequence[RejuvenationEffect]) -> str:
    """``bad`` where requests were lost or a rejuvenation failed, ``warn`` where one did not help."""
    if any(one.lost or one.duplicated or one.outcome in ("failed", "unfinished") for one in effects):
        return "bad"
    return "good" if all(one.outcome == "helped" for one in effects) else "warn"


def summary(effects: Sequence[RejuvenationEffect]) -> str:
    """All rejuvenations of one deployment in a sentence: how many, requests, times to first token, memory, next."""
    parts = [
        f"rejuvenated {times(len(effects))} ({_how(effects)}){_outcomes(effects)}",
        requests(effects),
        *_latency(effects),
        *_memory(effects),
    ]
    return format.sentence("; ".join(parts))


def times(count: int) -> str:
    """``once``, ``3 times``."""
    return "once" if count == 1 else f"{count} times"


def requests(effects: Sequence[RejuvenationEffect]) -> str:
    """``0 requests lost, 0 cut, 0 retried, 0 duplicated; 166 held for 5.10 s (median), 14.3 s at the longest``."""
    lost = Counter[str]()
    for one in effects:
        lost.update(one.lost)
    kinds = f" ({', '.join(f'{kind}: {count}' for kind, count in lost.most_common())})" if lost else ""
    whole = sum(lost.values())
    text = f"{whole} request{'' if whole == 1 else 's'} lost{kinds}, {sum(one.cut for one in effects)} cut, "
    text += f"{sum(one.retried for one in effects)} retried, {sum(one.duplicated for one in effects)} duplicated; "
    held = sum(one.held for one in effects)
    if unsent := sum(one.unsent for one in effects):
        text += f"{unsent} due while no load process ran; "
    if not held:
        return f"{text}none held"
    longest = max(one.held_longest_seconds or 0.0 for one in effects)
    middle = median(one.held_median_seconds for one in effects if one.held_median_seconds is not None)
    return f"{text}{held} held for {seconds(middle)} (median), {seconds(longest)} at the longest"


def first_tokens(tokens: FirstTokens) -> str:
    """``50 % within 20 ms, 99 % within 31 ms``."""
    if not tokens.answers:
        return "no streamed answer"
    return f"50 % within {seconds(tokens.p50)}, 99 % within {seconds(tokens.p99)}"


def growth(change: LevelChange) -> str:
    """What remains a leak: ``it grows on at +41.0 MiB/h (95 % +39.0 to +43.0 MiB/h)``."""
    rate, ci = change.rate_after_per_hour, change.ci_after_per_hour
    if rate is None or ci is None:
        return "its growth since is not known"
    if ci[0] <= 0 <= ci[1]:
        return f"no growth since was shown ({format.interval(change.indicator, ci, 'h')})"
    one, both = format.bounded(change.indicator, rate, ci, "h")
    goes = "it grows on at" if rate > 0 else "it changes by"
    return f"{goes} {one} ({both})"


def back(change: LevelChange) -> str | None:
    """When the level before is reached again: ``back after 14.1 min``, ``due again in 29.0 h``; None: not known."""
    if change.back_hours is None:
        return None
    lasted = readable_duration(3600 * change.back_hours)
    return f"back at the level before after {lasted}" if change.back_measured else f"due again in {lasted}"


def freed(change: LevelChange) -> str:
    """``freed 1.20 GiB``, ``freed nothing (3.00 MiB more)``."""
    if change.freed is None:
        return "what it freed is not known"
    if change.freed <= 0:
        more = f"{format.level(change.indicator, -change.freed)} more" if change.freed else "the same as before"
        return f"freed nothing ({more})"
    return f"freed {format.level(change.indicator, change.freed)}"


def steady(effects: Sequence[RejuvenationEffect]) -> str:
    """``steady again after 24s at the latest``."""
    known = [one.steady_after_minutes for one in effects if one.steady_after_minutes is not None]
    if not known:
        return "not seen to be steady again"
    open_ = len(effects) - len(known)
    latest = 60 * max(known)
    text = f"steady again after {readable_duration(latest)}" if latest >= 1 else "steady again at once"
    text += " at the latest" if len(known) > 1 and latest >= 1 else ""
    return f"{text} ({open_} not seen to be)" if open_ else text


def decisions(several: Sequence[DecisionsNotCarriedOut]) -> Iterator[tuple[str, str]]:
    """Deployment and sentence on the decisions of its policy that were not carried out."""
    for name, group in groupby(several, key=lambda one: one.deployment):
        own = list(group)
        told = []
        for rule in dict.fromkeys(one.rule for one in own):
            of_rule = [one for one in own if one.rule == rule]
            count = sum(one.count for one in of_rule)
            first = min((one.first_seconds for one in of_rule if one.first_seconds is not None), default=None)
            last = max((one.last_seconds for one in of_rule if one.last_seconds is not None), default=None)
            when = f"at {clock(first)}" if first == last else f"from {clock(first)} to {clock(last)}"
            told.append(f"{count} because {_RULES.get(rule, rule)} ({when})")
        yield name, format.sentence(f"decisions not carried out: {', '.join(told)}")


POLICY_COLUMNS = (
    "deployment",
    "policy",
    "rejuvenated",
    "failed",
    "crashes",
    "lost",
    "held",
    "longest wait",
    "unavailable",
    "99 % of first tokens",
    "peak memory",
)


def policy_cells(one: PolicyResult) -> tuple[str, ...]:
    """One row of the comparison of policies, a cell for each of :data:`POLICY_COLUMNS`."""
    return (
        one.deployment,
        one.table if one.table == one.policy else f"{one.table} ({one.policy})",
        str(one.rejuvenations),
        str(one.failed),
        str(one.crashes),
        f"{one.lost:,} of {one.requests:,}",
        f"{one.held:,}",
        seconds(one.held_longest_seconds),
        seconds(one.unavailable_seconds),
        seconds(one.ttft_p99_seconds),
        format.level(PRIMARY, one.peak_bytes),
    )


def clock(at: float | None) -> str:
    """A time since the load began."""
    return format.clock(at)


def seconds(value: float | None) -> str:
    """A wait or a latency."""
    return format.level("_seconds", value)


def _how(effects: Sequence[RejuvenationEffect]) -> str:
    policies, actions = (
        "/".join(dict.fromkeys(getattr(one, name) for one in effects if getattr(one, name)))
        for name in ("policy", "action")
    )
    return f"{actions} by {policies}" if policies else actions


def _outcomes(effects: Sequence[RejuvenationEffect]) -> str:
    counts = Counter(one.outcome for one in effects)
    if set(counts) == {"helped"}:
        return ""
    return ": " + ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())


def _latency(effects: Sequence[RejuvenationEffect]) -> Iterator[str]:
    during = [one.ttft_during.p99 for one in effects if one.ttft_during.p99 is not None]
    before = [one.ttft_before.p99 for one in effects if one.ttft_before.p99 is not None]
    if during and before:
        worst = " at worst" if len(during) > 1 else ""
        text = f"99 % of first tokens within {seconds(median(before))} before and {seconds(max(during))} during{worst}"
        yield f"{text}, {steady(effects)}"


def _memory(effects: Sequence[RejuvenationEffect]) -> Iterator[str]:
    changes = [one.level(PRIMARY) for one in effects if one.outcome in _GOOD]
    known = [one for one in changes if one is not None and one.freed is not None]
    if not known:
        return
    each = " each (median)" if len(known) > 1 else ""
    amounts = sorted(known, key=lambda one: one.freed or 0.0)
    last = known[-1]
    parts = [f"memory: {freed(amounts[len(amounts) // 2])}{each}", growth(last)]
    if last.freed is not None and last.freed > 0 and (until := back(last)) is not None:
        parts.append(until)
    yield ", ".join(parts)
