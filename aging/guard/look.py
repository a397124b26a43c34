"""What the guard asks the process that looks, and its answer; when a look is due. Without numpy, without pydantic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from aging.rejuvenation.base import Decision

JUDGE = "aging.guard.judgement:judge"
"""The function that answers, by name: importing it would import what the guard must not hold."""

HORIZON_SECONDS = 30 * 86_400.0

_SOONEST_SECONDS = 600.0
_LATEST_SECONDS = 3600.0
_SHARE_OF_AGE = 0.25
_SHARE_OF_ROOM = 0.1
_BETWEEN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The readings of a generation by indicator, which of them is judged, and the policy's table where it decides."""

    indicator: str
    ages: Mapping[str, Sequence[float]]
    values: Mapping[str, Sequence[float]]
    age: float
    wall: float
    limit: float | None = None
    horizon: float = HORIZON_SECONDS
    table: Mapping[str, Any] | None = None
    subject: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the readings show; ``shown`` is the verdict in the words of `aging trend`. Times are from the look on."""

    verdict: Literal["growing", "stable", "undecided"]
    shown: str
    samples: int
    rate_per_hour: float | None = None
    low_per_hour: float | None = None
    high_per_hour: float | None = None
    earliest_seconds: float | None = None
    expected_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The outlook, None where there are too few readings, and the decision of the policy that was asked."""

    outlook: Outlook | None
    decision: Decision | None


def look_due(age: float, level: float | None, limit: float | None, last: LastLook | None) -> bool:
    """Whether a look is due ``age`` seconds after the start of the generation.

    Every quarter of the age, at least every hour and at most every ten minutes. Earlier, but not within 20 s of the
    last one, where the level has used a tenth of the room to its limit since, or has passed the limit: a fast leak is
    not missed between two looks.
    """
    since = age if last is None else age - last.age
    if since >= min(max(_SHARE_OF_AGE * age, _SOONEST_SECONDS), _LATEST_SECONDS):
        return True
    if level is None or limit is None or since < _BETWEEN_SECONDS:
        return False
    seen = level if last is None or last.level is None else last.level
    if level >= limit:
        return last is None or level > seen or since >= _SOONEST_SECONDS / 10
    return level - seen >= _SHARE_OF_ROOM * (limit - seen)


@dataclass(frozen=True, slots=True)
class LastLook:
    """When the last look was, in seconds since the start of the generation, and the level then."""

    age: float
    level: float | None
