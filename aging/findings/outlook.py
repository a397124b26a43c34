"""Whether an indicator reaches its limit before the next planned restart: of the worst replica, or of one table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from aging.findings.asked import NamedLimit
from aging.findings.types import Finding, Outlook
from aging.stats import Course, outlook
from aging.stats.growth.outlook import Outlook as Found

_HOUR = 3600.0
_LONGEST_HOURS = 1e6
"""A limit that is met only after a century is not met."""

_RANK = {"exhausts": 0, "undecided": 1, "safe": 2}


def outlook_of(courses: Sequence[Course], limit: float, horizon: float, since: str | None = None) -> Outlook | None:
    """The outlook of the worst of these courses for ``limit`` and ``horizon`` seconds; None of no course.

    ``since`` is the UTC time of their end, ISO 8601, where that is known.
    """
    if not courses:
        return None
    worst = min((outlook(one, limit, horizon) for one in courses), key=_place)
    return Outlook(
        answer=worst.answer,
        limit=limit,
        horizon_hours=horizon / _HOUR,
        left=worst.left,
        most=worst.most if math.isfinite(worst.most) else None,
        earliest_hours=_hours(worst.earliest),
        latest_hours=_hours(worst.latest),
        longer_hours=None if worst.longer is None else _hours(worst.longer),
        since=since,
    )


def with_outlook(
    finding: Finding, courses: Sequence[Course], limit: NamedLimit | None, horizon: float, since: str | None
) -> Finding:
    """The finding with its outlook, which names its limit; without one where it has no limit."""
    found = None if limit is None else outlook_of(courses, limit.value, horizon, since)
    return (
        finding if limit is None or found is None else replace(finding, outlook=replace(found, limit_name=limit.name))
    )


def _place(found: Found) -> tuple[int, float, float]:
    return _RANK[found.answer], found.earliest, found.left


def _hours(seconds: float) -> float | None:
    hours = seconds / _HOUR
    return hours if hours <= _LONGEST_HOURS else None
