"""How the verdict of a finding is decided: every rule, in order. Values in, a value out.

1. A series has the verdict of its trend (:mod:`aging.stats.trend`); one without a trend is inconclusive, and so is a
   growth whose interval reaches below zero. A change too small to matter is stable (:func:`of_series`).
2. Replicas have the verdict of most of them, or none (:func:`of_replicas`).
3. Runs that are all broken decide nothing (:func:`of_runs`).
4. A growth is aging only with a p value of the chosen test that survives false-discovery control (:func:`of_finding`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aging.findings.types import Verdict

_PASSED_OVER: frozenset[Verdict] = frozenset(("step", "cyclic", "bounded"))
"""Of a few pages they are stable for all one can tell; a sustained growth of a deployment counts however small."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and what a reader must know of how it came about."""

    verdict: Verdict
    notes: tuple[str, ...] = ()


def of_series(trend: Verdict | None, low: float, change: float, resolution: float, *, harness: bool) -> Verdict:
    """The verdict of one series.

    ``trend`` is what its trend says, ``low`` the lower bound of its slope, ``change`` the distance of its extremes and
    ``resolution`` the least that matters. Of the harness a sustained growth counts once it could disturb anything.
    """
    if trend is None:
        return "inconclusive"
    if trend == "aging" and low <= 0:
        return "inconclusive"  # a rise whose interval reaches below zero contradicts itself
    small = change <= resolution
    return "stable" if small and (trend in _PASSED_OVER or (harness and trend == "aging")) else trend


def of_replicas(verdicts: Sequence[Verdict]) -> Decision:
    """The verdict of most replicas; inconclusive where no verdict has a majority."""
    ((verdict, count),) = Counter(verdicts).most_common(1)
    if count == len(verdicts):
        return Decision(verdict)
    return Decision(verdict if 2 * count > len(verdicts) else "inconclusive", ("replicas disagree",))


def of_runs(verdict: Verdict, sound: int) -> Verdict:
    """The verdict of a finding of which this many runs are sound."""
    return verdict if sound else "inconclusive"


def of_finding(verdict: Verdict, q: float | None, level: float) -> Decision:
    """The verdict of a finding whose p value is ``q`` after false-discovery control at ``level``; None: it has none."""
    if verdict != "aging" or (q is not None and q <= level):
        return Decision(verdict)
    if q is None:  # the test could not be computed, and the finding says so
        return Decision("inconclusive")
    return Decision("inconclusive", (f"its growth does not survive false-discovery control at {level:g}",))
