"""The outlook in sentences: safe, exhausts when, or undecided until when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from aging.core import format
from aging.core.metrics import PRIMARY
from aging.findings.first_limit import first_limits
from aging.findings.types import Finding, Outlook

TONE: Mapping[str, str] = {"safe": "good", "exhausts": "bad", "undecided": "warn"}
"""Color class of an answer."""

HOW_TO_LIMIT = "No limit is known, so there is no outlook. Give it: --limit 64GiB --horizon 30d"

_EXHAUST = ("exhaust their memory", "exhausts its memory")
_DAY, _HOURS_IN_DAYS, _HALF_A_YEAR, _MINUTE = 24.0, 48.0, 4380.0, 1 / 60


def sentence(indicator: format.Indicator, outlook: Outlook) -> str:
    """The answer with its numbers and what to do."""
    limit, horizon = outlook.limit_name or format.level(indicator, outlook.limit), time_text(outlook.horizon_hours)
    if outlook.answer == "safe":
        most = "" if outlook.most is None else f"at most {format.level(indicator, outlook.most)} more, "
        return f"Safe for {horizon}: {most}{format.level(indicator, outlook.left)} are left{_to(outlook)}."
    if outlook.answer == "undecided":
        first, longer = f"safe for the first {time_text(outlook.earliest_hours or 0.0)}", outlook.longer_hours
        if longer is None:
            return f"Undecided for {horizon}: {first}. At this rate more time does not decide it."
        return f"Undecided for {horizon}: {first}. The outlook is decided after about {time_text(longer)} more."
    if not outlook.latest_hours:
        return f"Has reached {limit}: restart now."
    verb = "Exhausts" if outlook.limit_name is None else "Reaches"
    return f"{verb} {limit} in {between(outlook)}{_date(outlook)}: restart before."


def finding_sentence(finding: Finding) -> str:
    """The sentence of a finding's outlook; of another indicator than memory with its name. Empty without an outlook."""
    if finding.outlook is None:
        return ""
    text = _of_no_rate(finding, finding.outlook) or sentence(finding.indicator, finding.outlook)
    return text if finding.indicator == PRIMARY else f"{finding.indicator}: {text[0].lower()}{text[1:]}"


def _of_no_rate(finding: Finding, outlook: Outlook) -> str:
    """The sentence of what is undecided without a rate of growth: it stood still, it jumped, or its rate is not known.

    Empty where there is a rate.
    """
    if outlook.answer != "undecided":
        return ""
    horizon, first = time_text(outlook.horizon_hours), time_text(outlook.earliest_hours or 0.0)
    low, high = finding.ci_per_hour or (0.0, 0.0)
    if finding.verdict == "step":
        jump = (
            f"Undecided for {horizon}: it grew in a jump; whether more follow is not known. Safe for the first {first}"
        )
        return f"{jump} if they do. {_watch(outlook)}."
    if finding.verdict == "stable" and not finding.slope_per_hour:
        unseen = max(finding.minimum_detectable_per_hour or 0.0, high)
        leak = f"a leak below {format.size(finding.indicator, unseen, 'h')}" if unseen else "a slow leak"
        seen = f"Undecided for {horizon}: no growth was seen, but {leak} would not have been"
        return f"{seen}. {_watch(outlook)} to exclude it."
    if outlook.longer_hours is None and low <= 0:
        why = "the rate is not known well enough"
        return f"Undecided for {horizon}: safe for the first {first}. {_watch(outlook)}: {why}."
    return ""


def _watch(outlook: Outlook) -> str:
    return "Watch longer" if outlook.longer_hours is None else f"Watch about {time_text(outlook.longer_hours)} longer"


def reached(indicator: str, outlook: Outlook | None, hours: tuple[float, float | None, float | None] | None) -> str:
    """``reaches its control group's 4 GiB in 2.1 h [1.9, 2.4]`` for the times of a finding; empty without a limit."""
    if outlook is None or hours is None:
        return ""
    size, unit = _unit(hours[2] or hours[0])
    middle, first, last = ("never" if one is None else f"{one / size:,.1f}" for one in hours)
    return (
        f"reaches {outlook.limit_name or format.level(indicator, outlook.limit)} in {middle} {unit} [{first}, {last}]"
    )


def headline(names: Sequence[str], findings: Mapping[tuple[str, str], Finding]) -> tuple[str, str] | None:
    """One line over the limit that each deployment meets first, and its color class; None where no limit is known."""
    known = {name: first for name in names if (first := next(iter(limits_of(name, findings)), None)) and first.outlook}
    outlooks = {name: one.outlook for name, one in known.items() if one.outlook is not None}
    if not outlooks:
        return None
    horizon = time_text(next(iter(outlooks.values())).horizon_hours)
    for answer, text in (("exhausts", "within"), ("undecided", "for")):
        of_it = [name for name, one in outlooks.items() if one.answer == answer]
        if of_it:
            verb = "undecided" if answer == "undecided" else _verb([known[name] for name in of_it])
            line = f"{len(of_it)} of {len(names)} {verb} {text} {horizon}: {', '.join(of_it)}"
            open_ = sum(one.answer == "undecided" for one in outlooks.values()) if answer == "exhausts" else 0
            return f"{line}; {open_} undecided" if open_ else line, TONE[answer]
    return f"Safe for {horizon}: {len(outlooks)} of {len(names)}", TONE["safe"]


def sentences(names: Sequence[str], findings: Mapping[tuple[str, str], Finding]) -> Sequence[tuple[str, str]]:
    """Every outlook to tell of these deployments, the limit that is met first at the front, each with its color."""
    told = [one for name in names for one in limits_of(name, findings)]
    return [(f"{one.deployment}: {finding_sentence(one)}", TONE[one.outlook.answer]) for one in told if one.outlook]


def limits_of(name: str, findings: Mapping[tuple[str, str], Finding]) -> Sequence[Finding]:
    """The findings of a deployment with an outlook to tell, the limit that is met first at the front."""
    return first_limits([one for (deployment, _), one in findings.items() if deployment == name])


def _verb(running_out: Sequence[Finding]) -> str:
    one = len(running_out) == 1
    if all(finding.indicator == PRIMARY for finding in running_out):
        return _EXHAUST[one]
    return "reaches a limit" if one else "reach a limit"


def between(outlook: Outlook) -> str:
    """``2.1 to 2.3 h``: from the earliest to the latest time until the limit."""
    earliest, latest = outlook.earliest_hours or 0.0, outlook.latest_hours or 0.0
    size, unit = _unit(latest)
    first, last = f"{math.floor(10 * earliest / size) / 10:,.1f}", f"{latest / size:,.1f}"
    return f"about {last} {unit}" if first == last else f"{first} to {last} {unit}"


def _unit(hours: float) -> tuple[float, str]:
    units = ((_HOURS_IN_DAYS, _DAY, "days"), (1.0, 1.0, "h"), (_MINUTE, _MINUTE, "min"))
    return next(((size, unit) for least, size, unit in units if hours >= least), (_MINUTE / 60, "s"))


def _to(outlook: Outlook) -> str:
    return "" if outlook.limit_name is None else f" to {outlook.limit_name}"


def _date(outlook: Outlook) -> str:
    when = None if outlook.earliest_hours is None else date_after(outlook, outlook.earliest_hours)
    return "" if when is None else f" ({when})"


def date_after(outlook: Outlook, hours: float) -> str | None:
    """The date so many hours after the end of the series, with the time of day where it is near; None if not known."""
    if outlook.since is None:
        return None
    try:
        when = datetime.fromisoformat(outlook.since) + timedelta(hours=hours)
    except OverflowError:  # after the year 9999
        return None
    clock = f", {when:%H:%M} UTC" if hours < _HOURS_IN_DAYS else ""
    year = f", {when.year}" if hours > _HALF_A_YEAR else ""
    return f"{when:%B} {when.day}{year}{clock}"


def time_text(hours: float) -> str:
    """``30 days``, ``22.5 h``, ``17 min``."""
    if hours >= _HOURS_IN_DAYS or (hours >= _DAY and hours % _DAY == 0):
        return f"{_short(hours / _DAY)} {'day' if hours == _DAY else 'days'}"
    if hours < _MINUTE:
        return f"{max(math.ceil(hours * 3600), 1)} s"
    return f"{_short(hours)} h" if hours >= 1 else f"{hours * 60:.2g} min"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")
