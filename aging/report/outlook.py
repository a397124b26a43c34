"""The outlook in sentences: safe, exhausts when, or undecided until when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from aging.core import format
from aging.core.metrics import PRIMARY
from aging.findings.types import Finding, Outlook

TONE: Mapping[str, str] = {"safe": "good", "exhausts": "bad", "undecided": "warn"}
"""Color class of an answer."""

HOW_TO_LIMIT = "No limit is known, so there is no outlook. Give it: --limit 64GiB --horizon 30d"

_EXHAUST = ("exhaust their memory", "exhausts its memory")
_DAY, _HOURS_IN_DAYS = 24.0, 48.0


def sentence(indicator: format.Indicator, outlook: Outlook) -> str:
    """The answer with its numbers and what to do."""
    limit, horizon = format.level(indicator, outlook.limit), _time(outlook.horizon_hours)
    if outlook.answer == "safe":
        most = "" if outlook.most is None else f"at most {format.level(indicator, outlook.most)} more, "
        return f"Safe for {horizon}: {most}{format.level(indicator, outlook.left)} are left."
    if outlook.answer == "undecided":
        first, longer = f"safe for the first {_time(outlook.earliest_hours or 0.0)}", outlook.longer_hours
        if longer is None:
            return f"Undecided for {horizon}: {first}. At this rate more time does not decide it."
        return f"Undecided for {horizon}: {first}. Decided after about {_time(longer)} more."
    if not outlook.latest_hours:
        return f"Has reached {limit}: restart now."
    return f"Exhausts {limit} in {_between(outlook)}{_date(outlook)}: restart before."


def headline(names: Sequence[str], findings: Mapping[tuple[str, str], Finding]) -> tuple[str, str] | None:
    """One line over the deployments' memory, and its color class; None where no limit is known."""
    known = {name: found.outlook for name in names if (found := findings.get((name, PRIMARY))) and found.outlook}
    if not known:
        return None
    horizon = _time(next(iter(known.values())).horizon_hours)
    for answer, text in (("exhausts", "within"), ("undecided", "for")):
        of_it = [name for name, one in known.items() if one.answer == answer]
        if of_it:
            verb = "undecided" if answer == "undecided" else _EXHAUST[len(of_it) == 1]
            return f"{len(of_it)} of {len(names)} {verb} {text} {horizon}: {', '.join(of_it)}", TONE[answer]
    return f"Safe for {horizon}: {len(known)} of {len(names)}", TONE["safe"]


def _between(outlook: Outlook) -> str:
    earliest, latest = outlook.earliest_hours or 0.0, outlook.latest_hours or 0.0
    size, unit = (_DAY, "days") if latest >= _HOURS_IN_DAYS else (1.0, "h") if latest >= 1 else (1 / 60, "min")
    first, last = f"{math.floor(10 * earliest / size) / 10:,.1f}", f"{latest / size:,.1f}"
    return f"about {last} {unit}" if first == last else f"{first} to {last} {unit}"


def _date(outlook: Outlook) -> str:
    if outlook.since is None or outlook.earliest_hours is None:
        return ""
    when = datetime.fromisoformat(outlook.since) + timedelta(hours=outlook.earliest_hours)
    clock = f", {when:%H:%M} UTC" if outlook.earliest_hours < _HOURS_IN_DAYS else ""
    return f" ({when:%B} {when.day}{clock})"


def _time(hours: float) -> str:
    if hours >= _HOURS_IN_DAYS or (hours >= _DAY and hours % _DAY == 0):
        return f"{_short(hours / _DAY)} {'day' if hours == _DAY else 'days'}"
    return f"{_short(hours)} h" if hours >= 1 else f"{hours * 60:.2g} min"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")
