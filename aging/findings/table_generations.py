"""The generations of a table's series, each judged from its own start, and what they say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.special import ndtri

from aging.findings.series_analysis import SeriesAnalysis
from aging.findings.types import Verdict
from aging.stats import Course, Trend, pool, stouffer
from aging.stats.growth.current_rate import CurrentRate
from aging.stats.note import Note
from aging.stats.series.generations import Restart
from aging.stats.series.validation import Floats

_Z975 = float(ndtri(0.975))
_MAJORITY = 0.5
_FEWEST_FOR_T = 4
"""From so many generations on the spread between them is known well enough for Student's t."""

_DISAGREE = Note("generations_disagree", "The generations have different verdicts.")


@dataclass(frozen=True, slots=True)
class Piece:
    """The samples of one generation: seconds since it began ``age``, values ``y`` and counts of ``work``, all (n,).

    ``start`` and ``end`` are its first and last time in the series. ``began`` is the restart that it began with.
    """

    start: float
    end: float
    age: Floats
    y: Floats
    work: Mapping[str, Floats]
    began: Restart | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """One life of the measured process, from ``start`` to ``end`` in the series' times, and its analysis.

    ``began`` is the restart that it began with, None of the first; ``n`` counts its samples.
    """

    start: float
    end: float
    n: int
    began: Restart | None
    result: SeriesAnalysis


def pieces(t: Floats, y: Floats, work: Mapping[str, Floats], restarts: Sequence[Restart]) -> Iterator[Piece]:
    """Cut a series at its restarts. The age of the first generation is ``t``, which counts from the start of load."""
    if not t.size:
        yield Piece(0.0, 0.0, t, y, work)
        return
    edges = [0, *(one.index for one in restarts), t.size]
    usual = float(np.median(np.diff(t))) if t.size > 1 else 0.0
    for place, (first, last) in enumerate(pairwise(edges)):
        kept = slice(first, last)
        times = t[kept]
        if not place:
            yield Piece(float(t[0]), float(times[-1]), times, y[kept], {k: v[kept] for k, v in work.items()})
            continue
        counts = {name: _since(counted, first)[kept] for name, counted in work.items()}
        age = times - times[0] + usual
        yield Piece(float(times[0]), float(times[-1]), age, y[kept], counts, restarts[place - 1])


def _since(counted: Floats, first: int) -> Floats:
    """A count since the sample before ``first``; a count that was reset there counts from 0 by itself."""
    return counted - counted[first - 1] if counted[first] >= counted[first - 1] else counted


def pooled(generations: Sequence[Generation], together: Callable[[], SeriesAnalysis]) -> SeriesAnalysis:
    """The analysis of all generations, pooled as replicas are; of one, its own.

    Each counts by its length. ``together`` analyzes the samples of all by their age, which decides where no verdict
    has a majority or where most generations are too short to have one.
    """
    if len(generations) == 1:
        return generations[0].result
    judged = [(one, one.result.trend) for one in generations if one.result.trend is not None]
    if not judged:
        return together()
    spans = np.array([max(one.end - one.start, 1e-9) for one, _ in judged])
    trends = [trend for _, trend in judged]
    longest = trends[int(np.argmax(spans))]
    verdict, agree = _majority([trend.verdict for trend in trends], spans)
    share = spans.sum() / sum(max(one.end - one.start, 1e-9) for one in generations)
    if verdict == "inconclusive" or share < _MAJORITY:
        common = together()
        if common.trend is not None and share < _MAJORITY:
            return common
        verdict = "inconclusive" if common.trend is None else common.trend.verdict
    rate = _rate_of(trends)
    slope = _pool([(one.slope, one.low, one.high) for one in trends])
    if verdict == "aging" and rate[1] <= 0:
        verdict = "inconclusive"
    z = [float(-np.sign(one.slope) * ndtri(max(one.p, 1e-300) / 2)) for one in trends]
    p = float(stouffer(z, np.sqrt(spans))[1])
    axis = longest.axis if len({one.axis for one in trends}) == 1 else "seconds"
    pace = float(np.average([one.per_second for one in trends], weights=spans)) if axis != "seconds" else 1.0
    now = longest.current
    least = [one.minimum_detectable for one in trends if one.minimum_detectable is not None]
    trend = replace(
        longest,
        p=p,
        direction="none" if p >= 0.05 else "increasing" if slope[0] > 0 else "decreasing",
        slope=slope[0],
        low=slope[1],
        high=slope[2],
        late_slope=float(np.median([one.late_slope for one in trends])),
        n=sum(one.n for one in trends),
        n_effective=float(sum(one.n_effective for one in trends)),
        verdict=verdict,
        minimum_detectable=float(np.median(least)) if least else None,
        axis=axis,
        per_second=pace,
        current=CurrentRate(
            0.0 if now is None else now.start,
            rate[0] / pace,
            rate[1] / pace,
            rate[2] / pace,
            (-np.inf, np.inf) if now is None else now.share,
        ),
        steps=None,
        longer=None,
        course=_course_now([one.course for one in trends], rate),
        notes=(),
    )
    kinds = generations[0].result.tests
    tests = {kind: _combined([one.result for one, _ in judged], trends, kind) for kind in kinds}
    return SeriesAnalysis(trend, tests, {}, () if agree else (_DISAGREE,))


def _rate_of(trends: Sequence[Trend]) -> tuple[float, float, float]:
    """The pooled current rate a second; of generations without one, the pooled slope."""
    known = [(one.current, one.per_second) for one in trends if one.current is not None]
    if not known:
        return _pool([(one.slope, one.low, one.high) for one in trends])
    return _pool([(now.rate * pace, now.low * pace, now.high * pace) for now, pace in known])


def by_age(parts: Sequence[Piece]) -> tuple[Floats, Floats]:
    """The samples of all generations by their age, both shape (n,); those of one age are one, their median."""
    age, y = np.concatenate([one.age for one in parts]), np.concatenate([one.y for one in parts])
    order = np.argsort(age, kind="stable")
    return age[order], y[order]


def _majority(verdicts: Sequence[Verdict], weights: Floats) -> tuple[Verdict, bool]:
    votes: Counter[Verdict] = Counter()
    for verdict, weight in zip(verdicts, weights, strict=True):
        votes[verdict] += float(weight)  # type: ignore[assignment] # a Counter of floats
    ((verdict, most),) = votes.most_common(1)
    return (verdict if most > _MAJORITY * float(weights.sum()) else "inconclusive"), len(votes) == 1


def _pool(rates: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """One rate with 95 % limits of several (random effects); of few with normal limits."""
    values = np.array([rate for rate, _, _ in rates])
    widths = np.array([high - low for _, low, high in rates])
    positive = widths[widths > 0]
    if not positive.size:
        return float(values.mean()), float(values.min()), float(values.max())
    errors = np.maximum(widths, positive.min() / 10) / (2 * _Z975)
    found = pool(values, errors, "hartung-knapp" if len(rates) >= _FEWEST_FOR_T else "dersimonian-laird")
    return found.slope, found.low, found.high


def _combined(results: Sequence[SeriesAnalysis], trends: Sequence[Trend], kind: str) -> float | None:
    values = [(result.tests.get(kind), trend.slope) for result, trend in zip(results, trends, strict=True)]
    if any(p is None for p, _ in values):
        return None
    z = [float(-np.sign(slope) * ndtri(max(p or 0.0, 1e-300) / 2)) for p, slope in values]
    return float(stouffer(z)[1])


def _course_now(courses: Sequence[Course | None], rate: tuple[float, float, float]) -> Course | None:
    """How the last generation may go on: from its level, at the rate of all of them."""
    last, known = courses[-1], [one for one in courses if one is not None]
    if last is None or not known:
        return None
    longest = max(known, key=lambda one: one.span)
    unseen = max(rate[2], longest.high if rate[1] <= 0 else 0.0)
    return replace(last, rate=rate[0], low=rate[1], high=unseen, power=longest.power, start=longest.start)
