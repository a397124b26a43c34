"""How often to restart a deployment, from the growth or the failures that a result directory holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aging.campaign.errors import suggestion
from aging.core import format
from aging.core.errors import InputError, Mistake, MistakeCode, MistakesError
from aging.core.metrics import DEVICE_MEMORY, PRIMARY, ages_downwards
from aging.findings.asked import Asked, Limit, NamedLimit
from aging.findings.indicator_analysis import IndicatorAnalysis, analyze_all
from aging.findings.limits import limits
from aging.findings.outlook import outlook_of
from aging.findings.pool_replicas import courses_of, sound_finding
from aging.findings.rejuvenation.costs import Price, price
from aging.findings.rejuvenation.lifetimes import lifetimes
from aging.findings.rejuvenation.policies_compared import Replay, replayed
from aging.findings.run_validity import validities
from aging.findings.series import Measured
from aging.findings.types import Finding, Outlook, RunValidity, Verdict
from aging.rejuvenation.base import Lifetime
from aging.stats import Course
from aging.stats.renewal.growth_lifetime import GrowthLifetime, optimum_of_growth
from aging.stats.renewal.observed_lifetimes import complete, optimum_of_lifetimes
from aging.stats.renewal.optimum import Costs, Optimum, cost_rate
from aging.stats.renewal.survival import Survival
from aging.stats.trend_tests.base import TrendTest

_HOUR = 3600.0
_ENOUGH_FAILURES = 20
"""Failed generations from which their ages say more than an extrapolated growth."""

_NOISE_AT_BOTH = 1.96 * math.sqrt(2)
_FEWEST = 5
"""Samples around a line."""

_SHARES = (0.25, 0.5, 0.75, 0.9, 1.0, 1.05, 1.25)
_CANDIDATES = (PRIMARY, DEVICE_MEMORY, "process_fds", "process_threads")
_NO_GROWTH = frozenset(("stable", "bounded", "declining"))

_FAR = 10.0
"""A lifetime this many times as long as what was measured is a guess: a cache that fills looks the same."""

Answer = Literal["every", "provisional", "never", "undecided"]
"""Restart at an age; at this age if the growth goes on far beyond what was measured; no restart pays; the data cannot
say."""

Reason = Literal[
    "growth",
    "failures",
    "costs",
    "no_growth",
    "safe",
    "at_limit",
    "growth_open",
    "no_series",
    "may_grow",
    "died",
    "above_limit",
]
"""Of ``every``: the growth, or the failures; ``at_limit``: it was at the limit already, and its growth counts up to
there. Of ``never``: crashes cost too little, nothing grows, or what may grow is safe for the horizon. Of ``undecided``:
growth is not shown or may end; too few samples; no growth was seen, but a slow one that reaches the limit cannot be
excluded; generations died earlier than the growth explains; the first level that was measured is above the limit."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the limit and the indicator (None: what is met first), costs, and the deployments (none: all)."""

    limit: Limit | None = None
    indicator: str | None = None
    costs: Costs | None = None
    deployments: Sequence[str] = ()
    replay: bool = True


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The long-run cost per hour of a restart at an age, and the share of generations that crash before it."""

    seconds: float
    cost_per_hour: float
    crashes: float


@dataclass(frozen=True, slots=True)
class Advice:
    """The answer for one deployment. Rates in the indicator's unit per hour, ages in seconds of a generation.

    ``lifetime`` is the median age at which it fails with the 95 % limits; infinite: never. ``curve`` ends with the
    run to the crash, at an infinite age. ``seen_seconds`` is the longest generation that was measured, ``died_after``
    the shortest that died. ``verdict`` and the notes are those of the indicator's finding in the campaign, ``outlook``
    is that for this limit. ``open`` names further indicators of which it is not decided whether they go on growing.
    """

    deployment: str
    indicator: str
    answer: Answer
    reason: Reason
    limit: NamedLimit | None
    price: Price
    verdict: str
    rate_per_hour: float | None = None
    rate_limits: tuple[float, float] | None = None
    lifetime: tuple[float, float, float] | None = None
    optimum: Optimum | None = None
    curve: Sequence[CurvePoint] = ()
    failures: int = 0
    generations: int = 0
    note_codes: Sequence[str] = ()
    notes: Sequence[str] = ()
    seen_seconds: float | None = None
    died_after: float | None = None
    outlook: Outlook | None = None
    open: Sequence[str] = ()
    replay: Replay | None = None


def advise(
    measured: Measured, tests: Mapping[str, TrendTest], question: Question, findings: Sequence[Finding]
) -> list[Advice]:
    """The advice for each deployment, in the campaign's order; verdicts are those of the campaign's ``findings``.

    Raises :class:`~aging.core.errors.MistakesError` for names that are not in the results, for an indicator that ages
    downwards, for a given limit that a fresh server exceeds, and where a limit or the costs are neither given nor
    recorded.
    """
    results = measured.results
    names = _deployments(results.deployments, question)
    runs = validities(results)
    wanted = [one for one in measured.series if one.owner in names]
    limited = _limits(measured, question)
    indicators = _indicators(names, question, limited, {(one.owner, one.indicator) for one in wanted})
    chosen = [one for one in wanted if one.indicator in indicators.get(one.owner, ())]
    groups: dict[tuple[str, str], list[IndicatorAnalysis]] = {}
    for one in analyze_all(chosen, tests):
        groups.setdefault((one.series.owner, one.series.indicator), []).append(one)
    prices = {name: price(results, name, question.costs) for name in names}
    verdicts = {(one.deployment, one.indicator): one.verdict for one in findings}
    analysis = results.manifest.campaign.analysis
    judge = _Judge(runs, analysis.test, verdicts, analysis.horizon_seconds)
    found: list[Advice] = []
    for name in names:
        ended = lifetimes(results, name)
        each = [
            judge.of(
                _Known(name, indicator, groups.get((name, indicator), []), limited[name, indicator]),
                prices[name],
                ended,
            )
            for indicator in indicators[name]
        ]
        first = min(each, key=_first)
        first = replace(first, open=[one.indicator for one in each if one is not first and one.reason == "growth_open"])
        found.append(_with_replay(first, groups.get((name, first.indicator), [])) if question.replay else first)
    if question.limit is not None:
        _check_levels(found, groups)
    return found


def _check_levels(found: Sequence[Advice], groups: Mapping[tuple[str, str], Sequence[IndicatorAnalysis]]) -> None:
    """Refuse a given limit that fresh servers exceed."""
    mistakes = []
    for one in found:
        if one.reason == "above_limit" and one.limit is not None:
            level = format.level(one.indicator, _fresh(groups[one.deployment, one.indicator]))
            what = f"{one.indicator} of {one.deployment} is {level} at its first samples, above {one.limit.name}"
            mistakes.append(Mistake("--limit", f"{what}; give a higher limit", MistakeCode.OUT_OF_RANGE))
    if mistakes:
        raise MistakesError("aging rejuvenate", mistakes)


def _first(advice: Advice) -> tuple[int, float]:
    """The indicator that limits the age of a restart first; growth before what is undecided, that before none."""
    rank = {"every": 0, "provisional": 0, "undecided": 1, "never": 2}[advice.answer]
    return rank, advice.optimum.seconds if advice.optimum is not None else math.inf


@dataclass(frozen=True, slots=True)
class _Known:
    """One indicator of a deployment: its series with their statistics, and its limit."""

    deployment: str
    indicator: str
    group: Sequence[IndicatorAnalysis]
    limit: NamedLimit


@dataclass(frozen=True, slots=True)
class _Judge:
    runs: Sequence[RunValidity]
    test: str
    verdicts: Mapping[tuple[str, str], Verdict]
    """Those of the campaign's findings, after false-discovery control over all of them."""
    horizon: float

    def of(self, known: _Known, cost: Price, ended: Sequence[Lifetime]) -> Advice:
        """The advice by one indicator, at these costs; ``ended`` are the lifetimes of the deployment's generations."""
        name, indicator, group, limit = known.deployment, known.indicator, known.group, known.limit
        failures = sum(one.failed for one in ended)
        finding = sound_finding(group, self.runs, self.test) if group else None
        advice = Advice(
            name,
            indicator,
            "undecided",
            "no_series",
            limit,
            cost,
            self.verdicts.get((name, indicator), "inconclusive"),
            rate_per_hour=None if finding is None else _rate(finding)[0],
            rate_limits=None if finding is None else _rate(finding)[1],
            failures=failures,
            generations=len(ended),
            note_codes=() if finding is None else finding.note_codes,
            notes=() if finding is None else finding.notes,
            seen_seconds=max((float(one.series.t[-1]) for one in group if one.series.t.size), default=None),
            died_after=min((one.seconds for one in ended if one.failed), default=None),
        )
        if failures >= _ENOUGH_FAILURES:
            seconds, failed = [one.seconds for one in ended], [one.failed for one in ended]
            best = optimum_of_lifetimes(seconds, failed, cost.costs)
            return _answered(advice, "failures", best, complete(seconds, failed))
        courses = courses_of(group, self.runs) if group else []
        if finding is None or not courses:
            return advice
        if _fresh(group) >= limit.value:
            return _with(advice, "undecided", "above_limit")
        advice = replace(advice, outlook=outlook_of(courses, limit.value, self.horizon))
        if advice.verdict == "aging" and all(one.low > 0 for one in courses):
            return self._of_growth(advice, group, courses, limit.value)
        return _without_age(advice)

    def _of_growth(
        self, advice: Advice, group: Sequence[IndicatorAnalysis], courses: Sequence[Course], limit: float
    ) -> Advice:
        """The age by a growth that goes on; none where a generation died earlier than that: it fails of another cause,
        or at a lower level.
        """
        crossed = [age for one in group if (age := _crossing(one, limit)) is not None]
        spread = max(_spread(one) for one in group)
        parts = [_growth(one, one.end, limit - one.level, spread) for one in courses]
        reason: Reason = "growth"
        if crossed:
            parts, reason = [_growth(one, age, 0.0, spread) for age in crossed for one in courses], "at_limit"
        best = optimum_of_growth(parts, advice.price.costs)
        survival = Survival.mixture([one.survival() for one in parts])
        life = survival.quantile(0.5)
        if advice.died_after is not None and advice.died_after < min(best.seconds, life):
            return _with(advice, "undecided", "died")
        answered = _answered(advice, reason, best, survival)
        far = advice.seen_seconds is not None and life >= _FAR * advice.seen_seconds
        return replace(answered, answer="provisional") if far and answered.answer == "every" else answered


def _without_age(advice: Advice) -> Advice:
    """No age follows from an indicator that is not known to grow."""
    if advice.failures:
        return _with(advice, "undecided", "died")
    grows = advice.verdict not in _NO_GROWTH
    if advice.outlook is not None and advice.outlook.answer == "safe":
        return _with(advice, "never", "safe" if grows else "no_growth")
    return _with(advice, "undecided", "growth_open" if grows else "may_grow")


def _growth(course: Course, age: float, left: float, spread: float) -> GrowthLifetime:
    """The next generation that grows like this course, of which ``left`` to the limit was left at ``age``."""
    high = max(course.high, course.rate)
    return GrowthLifetime(age, left, course.rate, course.low, high, spread).next_generation()


def _spread(one: IndicatorAnalysis) -> float:
    """Half the width of the 95 % limits of a rise between two moments: of its noise at both, around a line through its
    second half.
    """
    t, y = (each[each.size // 2 :] for each in (one.series.t, one.series.y))
    if t.size < _FEWEST:
        return 0.0
    return _NOISE_AT_BOTH * float(np.std(y - np.polyval(np.polyfit(t - t[0], y, 1), t - t[0])))


def _answered(advice: Advice, reason: Reason, best: Optimum, survival: Survival) -> Advice:
    told = _with(advice, "every" if best.pays else "never", reason if best.pays else "costs")
    life = survival.quantile(0.5), survival.quantile(0.025), survival.quantile(0.975)
    middle = best.seconds if math.isfinite(best.seconds) else life[0]
    costs, ages = advice.price.costs, sorted({middle * share for share in _SHARES})
    rates, s = cost_rate(survival, costs, np.array(ages)), survival.before_age(np.array(ages))
    points = [
        CurvePoint(age, float(rate) * _HOUR, float(1 - alive)) for age, rate, alive in zip(ages, rates, s, strict=True)
    ]
    points.append(CurvePoint(math.inf, best.never * _HOUR, 1 - survival.never))
    return replace(told, lifetime=life, optimum=best, curve=tuple(points))


def _with(advice: Advice, answer: Answer, reason: Reason) -> Advice:
    return replace(advice, answer=answer, reason=reason)


def _with_replay(advice: Advice, group: Sequence[IndicatorAnalysis]) -> Advice:
    if advice.limit is None or not group or advice.lifetime is None or advice.optimum is None:
        return advice
    shown = replayed(group, advice.limit.value, advice.price, advice.lifetime[0], advice.optimum.seconds)
    return replace(advice, replay=shown)


def _rate(finding: Finding) -> tuple[float | None, tuple[float, float] | None]:
    if finding.current_per_hour is not None:
        return finding.current_per_hour, finding.current_ci_per_hour
    return finding.slope_per_hour, finding.ci_per_hour


def _fresh(group: Sequence[IndicatorAnalysis]) -> float:
    """The level of a fresh server: the lowest median of the first twentieth of a series; infinite without one."""
    begins = (one.series.y[: max(one.series.y.size // 20, 3)] for one in group if one.series.y.size)
    return min((float(np.median(y)) for y in begins), default=math.inf)


def _crossing(one: IndicatorAnalysis, limit: float) -> float | None:
    """The age at which a series reached the limit; None where it did not."""
    over = np.flatnonzero(one.series.y >= limit)
    return float(max(one.series.t[over[0]], 1.0)) if over.size else None


def _deployments(known: Sequence[str], question: Question) -> list[str]:
    unknown = [name for name in question.deployments if name not in known]
    if unknown:
        raise MistakesError(
            "aging rejuvenate",
            [
                Mistake(
                    "--deployment",
                    f"{name!r} is not in the results; {suggestion(name, known)}",
                    MistakeCode.UNKNOWN_NAME,
                )
                for name in unknown
            ],
        )
    return [name for name in known if not question.deployments or name in question.deployments]


def _limits(measured: Measured, question: Question) -> Mapping[tuple[str, str], NamedLimit]:
    """By deployment and indicator: the given one, else what the results know."""
    indicator = question.indicator or PRIMARY
    if ages_downwards(indicator):
        raise InputError(f"--indicator {indicator}: a fall of it is aging, and a limit from above never ends it")
    found = dict(limits(measured.results, Asked(), measured.series))
    if question.limit is not None:
        value = question.limit.value
        named = NamedLimit(value, f"the given limit of {format.level(indicator, value)}")
        found |= {(name, indicator): named for name in measured.results.deployments}
    return found


def _indicators(
    names: Sequence[str],
    question: Question,
    limited: Mapping[tuple[str, str], NamedLimit],
    sampled: set[tuple[str, str]],
) -> Mapping[str, Sequence[str]]:
    """By deployment the indicators to judge, each of which has a limit."""
    asked = question.indicator or (PRIMARY if question.limit is not None else None)
    found = {}
    mistakes: list[Mistake] = []
    if asked is not None and question.limit is not None and question.limit.in_bytes and not asked.endswith("_bytes"):
        what = f"a size, but {asked} is not in bytes; give a number in its unit, like 1024"
        mistakes.append(Mistake("--limit", what, MistakeCode.WRONG_TYPE))
    for name in names:
        wanted = (asked,) if asked else _CANDIDATES
        known = [one for one in wanted if (name, one) in limited and ((name, one) in sampled or one == asked)]
        found[name] = known
        if asked is not None and (name, asked) not in sampled:
            mistakes += _not_sampled(name, asked, sampled)
        elif not known:
            example = "8GiB" if asked is None or asked.endswith("_bytes") else "a number in the unit of the indicator"
            what = f"no limit of {name} is in the results; give the one at which it fails: {example}"
            mistakes.append(Mistake("--limit", what, MistakeCode.MISSING_KEY))
    if mistakes:
        raise MistakesError("aging rejuvenate", mistakes)
    return found


def _not_sampled(name: str, asked: str, sampled: set[tuple[str, str]]) -> Iterator[Mistake]:
    known = sorted(indicator for owner, indicator in sampled if owner == name)
    if known:  # else its load never started: there are no series of it at all, and that is no mistake of the option
        what = f"{asked!r} is not among the series of {name}; {suggestion(asked, known)}"
        yield Mistake("--indicator", what, MistakeCode.UNKNOWN_NAME)
