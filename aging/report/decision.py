"""The decision on each deployment: until when it is safe, what to do, why, and what weakens the answer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aging.core import format
from aging.core.metrics import PRIMARY
from aging.findings.first_limit import AGES
from aging.findings.problem_kinds import kind_description
from aging.findings.rejuvenation.advice import Advice
from aging.findings.types import Finding, Findings, KindGrowth, Outlook, ProcessGrowth
from aging.report import outlook
from aging.report.rejuvenation_advice import bounded_span, span

Answer = Literal["exhausts", "ages", "undecided", "safe", "steady", "unmeasured"]
"""A limit is met within the horizon; it grows without a known limit; the data cannot say; no limit is met; no growth
was found and no limit is known; there is no series.
"""

TONE: Mapping[Answer, str] = {
    "exhausts": "bad",
    "ages": "bad",
    "undecided": "warn",
    "safe": "good",
    "steady": "good",
    "unmeasured": "mute",
}
GLYPH: Mapping[Answer, str] = {
    "exhausts": "✗",
    "ages": "↗",
    "undecided": "?",
    "safe": "✓",
    "steady": "→",
    "unmeasured": "–",
}

_RANK: Sequence[Answer] = ("exhausts", "ages", "undecided", "unmeasured", "steady", "safe")
_WEAKENS = frozenset(
    (
        *("may_still_fill", "origin_sensitive", "late_start", "gap", "generations_disagree"),
        *("children_replaced", "load_rose", "falls_open", "longest_generation", "few_replicas"),
    )
)
"""Notes of a finding without which its verdict is taken for more than it is."""

_OF_REPLICA = re.compile(r"^Replica \d+: ")
_FAR = 10.0
"""A time ahead this many times as long as what was measured is named."""

_MOST_ALSO = 3
_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))
_DRIVEN = {"requests": "request", "tokens": "token"}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one deployment: ``headline`` in a few words, ``under`` its condition or date.

    ``actions`` say what to do, ``reasons`` why, ``doubts`` what weakens it; a sentence each. ``hours`` is the earliest
    time until the limit, infinite where there is none.
    """

    deployment: str
    answer: Answer
    headline: str
    under: str
    actions: Sequence[str]
    reasons: Sequence[str]
    doubts: Sequence[str]
    hours: float

    @property
    def tone(self) -> str:
        """Its color class."""
        return TONE[self.answer]

    @property
    def glyph(self) -> str:
        """The sign beside its color."""
        return GLYPH[self.answer]


def decisions(
    names: Sequence[str],
    findings: Findings,
    advice: Mapping[str, Advice],
    measured_seconds: float,
) -> Sequence[Decision]:
    """The decisions on these deployments, the most urgent first.

    ``advice`` is what is known of restarts, by deployment; ``measured_seconds`` is how long a run was measured.
    """
    found = {(one.deployment, one.indicator): one for one in findings.findings}
    made = [_decision(name, found, findings, advice.get(name), measured_seconds) for name in names]
    return sorted(made, key=lambda one: (_RANK.index(one.answer), one.hours))


def _decision(
    name: str,
    found: Mapping[tuple[str, str], Finding],
    findings: Findings,
    advice: Advice | None,
    measured_seconds: float,
) -> Decision:
    first = next(iter(outlook.limits_of(name, found)), None)
    memory = found.get((name, PRIMARY))
    subject = first if first is not None else memory
    aging = [one for (of, _), one in found.items() if of == name and one.verdict in AGES and one is not subject]
    doubts = [*_doubts(name, subject, findings)]
    if subject is None or (first is None and subject.slope_per_hour is None and not aging):
        return _unmeasured(name, subject, doubts)
    reasons = [*_reasons(subject), *_also(aging), *_rejuvenated(name, findings)]
    if first is None or first.outlook is None:
        return _without_limit(name, subject, aging, reasons, doubts)
    ahead = first.outlook
    headline, under = _words(first, ahead)
    far = "" if ahead.answer == "undecided" else _distance(ahead, measured_seconds)
    return Decision(
        deployment=name,
        answer=ahead.answer,
        headline=headline,
        under=under,
        actions=list(_actions(ahead, advice)),
        reasons=reasons,
        doubts=[*([far] if far else []), *doubts],
        hours=math.inf if ahead.earliest_hours is None else ahead.earliest_hours,
    )


def _words(finding: Finding, ahead: Outlook) -> tuple[str, str]:
    """The answer in a few words, and its condition."""
    limit = ahead.limit_name or format.level(finding.indicator, ahead.limit)
    what = "" if finding.indicator == PRIMARY else f"{finding.indicator}: "
    horizon, until = outlook.time_text(ahead.horizon_hours), outlook.date_after(ahead, ahead.horizon_hours)
    if ahead.answer == "safe":
        left = format.level(finding.indicator, ahead.left)
        most = "" if ahead.most is None else f"at most {format.level(finding.indicator, ahead.most)} more; "
        return (
            f"Safe until {until}" if until else f"Safe for {horizon}",
            f"{what}{horizon} at this load: {most}{left} are left to {limit}",
        )
    if ahead.answer == "undecided":
        first = outlook.time_text(ahead.earliest_hours or 0.0)
        date = outlook.date_after(ahead, ahead.earliest_hours or 0.0)
        safe = f"{what}safe for the first {first}" + (f", until {date}" if date else "")
        if ahead.longer_hours is None:
            return "Undecided", safe
        return f"Undecided: measure {outlook.time_text(ahead.longer_hours)} longer", safe
    if not ahead.latest_hours:
        return "At its limit now", f"{what}{limit}"
    date = outlook.date_after(ahead, ahead.earliest_hours or 0.0)
    verb = "Exhausts" if finding.indicator == PRIMARY else "Reaches its limit"
    return f"{verb} in {outlook.between(ahead)}", f"{what}{limit}" + (f", from {date} on" if date else "")


def _actions(ahead: Outlook, advice: Advice | None) -> Iterator[str]:
    date = None if ahead.earliest_hours is None else outlook.date_after(ahead, ahead.earliest_hours)
    if ahead.answer == "exhausts":
        before = f" before {date}" if date else f" within {outlook.time_text(ahead.earliest_hours or 0.0)}"
        yield f"Restart it{before if ahead.latest_hours else ' now'}{_how_often(ahead, advice)}."
        yield "Then find what grows, or raise the limit."
    elif ahead.answer == "undecided":
        longer = (
            "A longer run of this length does not decide it: measure with less noise, or restart on a threshold"
            if ahead.longer_hours is None
            else f"Measure about {outlook.time_text(ahead.longer_hours)} longer"
        )
        yield f"{longer}. Until then restart it{f' by {date}' if date else ''} or on a threshold near the limit."
    else:
        yield "Nothing before that date. A restart on a schedule brings nothing."


def _how_often(ahead: Outlook, advice: Advice | None) -> str:
    """``, then every 3.28 h [3.26, 3.29]``, where advice is known.

    The advised age that costs least may be later than the first age at which the limit can be met: its growth is that
    of the end, with a narrower interval. Then the page shows the earlier of the two, as a bound.
    """
    if advice is None or advice.optimum is None or not math.isfinite(advice.optimum.seconds):
        return ""
    best = advice.optimum
    every = bounded_span(best.seconds, best.low, best.high)
    if advice.seen_seconds is not None and ahead.earliest_hours:
        first = advice.seen_seconds + ahead.earliest_hours * 3600
        if best.seconds > first:
            every = f"{_rounded_down(first)} at the latest"
    if advice.answer == "every":
        return f", then every {every}"
    if advice.answer == "provisional":
        return f", then every {every} if it goes on growing as in the {span(advice.seen_seconds or 0.0)} measured"
    return ""


def _rounded_down(seconds: float) -> str:
    """A length of time that is a bound: ``23.5 h``, ``3.1 days``."""
    size, unit = next((each for each in _UNITS if seconds >= 2 * each[0]), _UNITS[-1])
    return f"{math.floor(10 * seconds / size) / 10:,.1f} {unit}"


def _without_limit(
    name: str, subject: Finding, aging: Sequence[Finding], reasons: Sequence[str], doubts: Sequence[str]
) -> Decision:
    no_limit = "no limit is known"
    if subject.verdict in AGES or aging:
        answer: Answer = "ages"
        headline = "Ages" if subject.verdict in AGES else f"Ages by {aging[0].indicator}"
        actions = ["Give its limit: aging analyze DIR --limit 64GiB --horizon 30d. Then find what grows."]
    elif subject.verdict in ("inconclusive", "step", "capped"):
        answer, headline = "undecided", f"Undecided: {subject.verdict}"
        actions = ["Measure longer, and give its limit: aging analyze DIR --limit 64GiB."]
    else:
        answer, headline = "steady", "No aging found"
        actions = ["Nothing. With a limit (aging analyze DIR --limit 64GiB) the page says until when it is safe."]
    return Decision(name, answer, headline, no_limit, actions, reasons, doubts, math.inf)


def _unmeasured(name: str, subject: Finding | None, doubts: Sequence[str]) -> Decision:
    why = "no series to judge" if subject is None else f"no slope from {subject.n} points"
    return Decision(name, "unmeasured", "Not measured", why, ["Look at what failed, and measure again."], [], doubts, 0)


def _reasons(finding: Finding) -> Iterator[str]:
    """The growth now and what it follows; then where it is."""
    name = "Memory" if finding.indicator == PRIMARY else finding.indicator
    rate, interval = finding.current_per_hour, finding.current_ci_per_hour
    if rate is None or interval is None:
        rate, interval = finding.slope_per_hour, finding.ci_per_hour
    elif rate != finding.slope_per_hour:
        name = f"{name} now"  # the table of verdicts has the rate over the whole window
    grows = finding.verdict in AGES
    if rate is not None and interval is not None:
        low, high = interval
        value, limits = format.bounded(finding.indicator, rate, (low, high), "h")
        yield f"{name}: {value} [{limits}], {finding.verdict}{_per_unit(finding) if grows else ''}."
    elif finding.slope_per_hour is not None:
        yield f"{name}: {format.slope(finding.indicator, finding.slope_per_hour, 'h')}, {finding.verdict}."
    if not grows and finding.minimum_detectable_per_hour is not None:
        smallest = format.size(finding.indicator, finding.minimum_detectable_per_hour, "h")
        yield f"A leak below {smallest} could not be seen."
    if grows:
        yield from _where(finding)


def _where(finding: Finding) -> Iterator[str]:
    """The process and the kind of memory that make the growth, once for replicas that agree."""
    told = []
    for place in finding.places:
        process = next((one for one in place.processes if one.label == place.named), None)
        kind = max(place.kinds, key=lambda one: one.share, default=None)
        parts = [f"{one} {100 * share:.0f} %" for one, share in _named(process, kind)]
        if parts:
            told.append(", ".join(parts))
    if told:
        yield f"Where it grew: {'; '.join(dict.fromkeys(told))}."


def _named(process: ProcessGrowth | None, kind: KindGrowth | None) -> Iterator[tuple[str, float]]:
    if process is not None:
        yield process.label, process.share
    if kind is not None and kind.share > 0:
        yield kind.kind, kind.share


def _per_unit(finding: Finding) -> str:
    """``, with the requests: +2.03 MiB/request``: what the growth follows."""
    unit = _DRIVEN.get(finding.growth_axis or "")
    if unit is None or finding.current_per_unit is None:
        return ""
    rate = format.slope(finding.indicator, finding.current_per_unit, unit, finding.current_ci_per_unit)
    return f"; it follows the {finding.growth_axis}: {rate}"


def _also(aging: Sequence[Finding]) -> Iterator[str]:
    if aging:
        named = [f"{one.indicator} {format.slope(one.indicator, one.slope_per_hour, 'h')}" for one in aging]
        more = f" and {len(named) - _MOST_ALSO} more" if len(named) > _MOST_ALSO else ""
        yield f"Also aging: {', '.join(named[:_MOST_ALSO])}{more}."


def _rejuvenated(name: str, findings: Findings) -> Iterator[str]:
    own = [one for one in findings.rejuvenations if one.deployment == name]
    if own:
        times = "once" if len(own) == 1 else f"{len(own):,} times"
        yield f"It was rejuvenated {times} in the campaign ({own[-1].action} by {own[-1].policy or own[-1].table})."


def _doubts(name: str, finding: Finding | None, findings: Findings) -> Iterator[str]:
    for run in findings.runs:
        if run.deployment == name and run.validity != "complete":
            why = "; ".join(reason.removesuffix(".") for reason in run.reasons)
            yield f"Replica {run.replica} is {run.validity}{f': {why}' if why else ''}"
    grave = [kind_description(one.kind) for one in findings.problems if one.deployment == name]
    for title in dict.fromkeys(one.title for one in grave if one.severity == "grave"):
        yield f"Problem: {title}"
    if finding is not None:
        coded = zip(finding.note_codes, finding.notes, strict=False)  # release 0.1 wrote notes without codes
        weak = (_OF_REPLICA.sub("", note).removesuffix(".") for code, note in coded if code in _WEAKENS)
        yield from dict.fromkeys(weak)
        if finding.disagreement is not None and finding.disagreement > _DISAGREE:
            yield f"Its {finding.replicas} replicas disagree (I² {finding.disagreement:.0f} %)"


_DISAGREE = 75.0
"""I² from which the replicas' spread is called considerable (Cochrane Handbook, 10.10.2)."""


def _distance(ahead: Outlook, measured_seconds: float) -> str:
    """How far the answer reaches beyond what was measured."""
    hours = ahead.horizon_hours if ahead.earliest_hours is None else min(ahead.earliest_hours, ahead.horizon_hours)
    if measured_seconds <= 0 or hours * 3600 < _FAR * measured_seconds:
        return ""
    times = hours * 3600 / measured_seconds
    return f"it looks {times:,.0f} times as far ahead as the {format.readable_duration(measured_seconds)} measured"
