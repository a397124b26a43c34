"""The verdict of a campaign as the live page shows it: plain values, which a process without pandas can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Answer = Literal["safe", "exhausts", "undecided"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One indicator of one deployment. Rates are per hour in its unit; what is not known is None.

    ``said`` is the verdict in a sentence, ``open`` what would decide what is undecided, ``outlook`` the sentence
    about its limit. ``detectable_per_hour`` is the smallest growth that would have been found.
    """

    deployment: str
    indicator: str
    verdict: str
    said: str
    tone: str
    rate_per_hour: float | None
    low_per_hour: float | None
    high_per_hour: float | None
    detectable_per_hour: float | None
    answer: Answer | None
    limit: float | None
    earliest_seconds: float | None
    latest_seconds: float | None
    outlook: str
    open: Sequence[str]


@dataclass(frozen=True, slots=True)
class VerdictSoFar:
    """All verdicts at one time (``computed``, epoch seconds). ``final``: the campaign has ended.

    ``measured_seconds`` is the longest load of a run by then, ``headline`` a line about the deployments under test.
    """

    computed: float
    final: bool
    measured_seconds: float
    headline: str
    tone: str
    judged: Sequence[Judged]
    problems: Sequence[str]
    controls: str = ""

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> VerdictSoFar:
        judged = [Judged(**{**one, "open": tuple(one["open"])}) for one in found["judged"]]
        return cls(**{**found, "judged": tuple(judged), "problems": tuple(found["problems"])})
