"""The rules that decide the verdict of a finding, in order. Values in, a value out.

1. A series has the verdict of its trend, whose rules are in :mod:`aging.stats.verdict`; one without a trend is
   inconclusive. A step, a cycle, a fall or a bounded growth too small to matter is stable (:func:`of_series`).
2. Replicas have the verdict of most of them, or are inconclusive (:func:`of_replicas`).
3. A finding without a run that is not broken is inconclusive (:func:`of_runs`).
4. A growth is aging only with a p value of the chosen test that survives false-discovery control (:func:`of_finding`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aging.findings.types import Verdict
from aging.stats.note import Note

_NEGLIGIBLE: frozenset[Verdict] = frozenset(("step", "cyclic", "bounded", "declining"))
"""A change of a few pages with one of these verdicts is stable."""

_DISAGREE = Note("replicas_disagree", "The replicas have different verdicts.")


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, with notes on why it is not another."""

    verdict: Verdict
    notes: tuple[Note, ...] = ()


def of_series(trend: Verdict | None, change: float, resolution: float) -> Verdict:
    """The verdict of one series.

    ``trend`` is the verdict of its trend, ``change`` the distance of its extremes and ``resolution`` the least that
    matters.
    """
    if trend is None:
        return "inconclusive"
    return "stable" if change <= resolution and trend in _NEGLIGIBLE else trend


def of_replicas(verdicts: Sequence[Verdict]) -> Decision:
    """The verdict of most replicas; inconclusive where no verdict has a majority."""
    ((verdict, count),) = Counter(verdicts).most_common(1)
    if count == len(verdicts):
        return Decision(verdict)
    return Decision(verdict if 2 * count > len(verdicts) else "inconclusive", (_DISAGREE,))


def of_runs(verdict: Verdict, sound: int) -> Verdict:
    """The verdict of a finding with this number of sound runs."""
    return verdict if sound else "inconclusive"


def of_finding(verdict: Verdict, q: float | None, level: float) -> Decision:
    """The verdict of a finding; ``q`` is its p after false-discovery control at ``level``, None where it has no p."""
    if verdict != "aging" or (q is not None and q <= level):
        return Decision(verdict)
    if q is None:  # a note on the test is there already
        return Decision("inconclusive")
    message = f"The growth is not significant after false-discovery control at {level:g}."
    return Decision("inconclusive", (Note("not_significant_fdr", message),))
