"""How a gate decides: each condition on each deployment at one look, and all of them together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aging.check.conditions import Condition
from aging.check.gate import Gate
from aging.check.judged_series import Floats, JudgedRun, JudgedSeries, judged_runs, points
from aging.check.paired import difference
from aging.check.stored_difference import against
from aging.check.stored_rate import StoredRate
from aging.core import format
from aging.core.metrics import resolution
from aging.findings.gate import ConditionResult, Quantity
from aging.stats.rate_test import Design, GrowthTotal, RateDecision, decide, growth_total
from aging.stats.rate_test.spending import level_at
from aging.store.manifest import KnownAgeing
from aging.store.results import Results

_HOUR = 3600.0
_MOST_POINTS = 120
_FEWEST = 4
"""Samples of a growth in all."""

_PER: Mapping[Quantity, str] = {"per_request": "request", "per_hour": "h", "growth_total": ""}
_OUTCOMES: Mapping[str, Literal["passed", "failed", "inconclusive"]] = {
    "above": "failed",
    "below": "passed",
    "undecided": "inconclusive",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of one condition on one deployment. ``futile``: the rest of the budget will not decide it."""

    result: ConditionResult
    futile: bool = False


@dataclass(frozen=True, slots=True)
class _Decided:
    """One run under one condition, in the units of the condition."""

    decision: RateDecision
    limit: float
    series: JudgedSeries
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """At which look, with which probability of a false red, from which change on."""

    look: int
    alpha: float
    resolution: float
    stored: StoredRate | None = None
    """What is subtracted, per unit of the axis."""


class Judge:
    """Judges the results of one directory as they are at ``look``; None: at the last look that each run has reached.

    ``pairs`` of the gate are judged by their difference. The probability of a false red is shared by all judgements of
    the gate (Bonferroni), so that the gate as a whole has it.
    """

    def __init__(self, results: Results, gate: Gate, look: int | None) -> None:
        self._results = results
        self._gate = gate
        self._look = look
        self._until = gate.budget if look is None else gate.looks[look - 1]
        self._runs: dict[str, list[JudgedRun]] = {}

    def conditions(self) -> list[Judged]:
        """Every condition on every deployment."""
        return [self._judged(name, one) for name in self._gate.deployments for one in self._gate.conditions]

    def alone(self, deployment: str, condition: Condition) -> ConditionResult:
        """A condition on one deployment by itself, such as a baseline."""
        return _together(
            deployment,
            condition,
            [self._of_run(condition, run, 1) for run in self._of(deployment, self._indicators)],
        ).result

    def control(self, deployment: str, known: KnownAgeing) -> str | None:
        """Why a server whose leak is known puts the measurement in doubt; None where half of its leak was seen."""
        for run in self._of(deployment, {known.indicator}):
            series = run.series[known.indicator]
            per_second = series.requests_per_second or 0.0
            expected = known.per_request * per_second + known.per_hour / _HOUR
            if expected > 0 and series.t.size:
                least = resolution(known.indicator, series.level)
                asked = _Asked(self._look_of(run), self._gate.alpha, least)
                decided = self._decide(series, None, expected / 2, asked)
                if decided.outcome == "above":
                    continue
                rate = format.slope(known.indicator, _times(decided.rate, _HOUR), "h")
                return (
                    f"the control {deployment} was to be seen growing by "
                    f"{format.slope(known.indicator, expected * _HOUR, 'h')}, and grew by {rate}"
                )
            return f"the control {deployment} was not measured"
        return None

    def _of(self, deployment: str, indicators: set[str]) -> list[JudgedRun]:
        key = f"{deployment} {sorted(indicators)}"
        if key not in self._runs:
            budget = self._gate.budget
            self._runs[key] = judged_runs(self._results, deployment, indicators, budget, self._until)
        return self._runs[key]

    @property
    def _indicators(self) -> set[str]:
        return {one.indicator for one in self._gate.conditions}

    def _judged(self, name: str, condition: Condition) -> Judged:
        runs = self._of(name, self._indicators)
        if name in self._gate.pairs:
            baselines = self._of(self._gate.pairs[name], self._indicators)
            runs = list(_differences(runs, baselines, condition.indicator, condition.quantity))
        stored = next((one for one in self._gate.stored if one.of(name, condition.indicator, condition.quantity)), None)
        share = len(self._gate.conditions) * len(self._gate.deployments) * max(len(runs), 1)
        decided = [self._of_run(condition, run, share, stored) for run in runs]
        return _together(name, condition, decided)

    def _of_run(self, condition: Condition, run: JudgedRun, share: int, stored: StoredRate | None = None) -> _Decided:
        series = run.series[condition.indicator]
        limit = condition.limit / 100 * series.level if condition.percent else condition.limit
        if not series.t.size or limit <= 0:
            return _Decided(RateDecision("undecided"), max(limit, 0.0), series)
        least = resolution(condition.indicator, series.level)
        asked = _Asked(self._look_of(run), self._gate.alpha / share, least, stored and stored.on_axis)
        if condition.quantity == "growth_total":
            return _Decided(self._total(series, limit, asked), limit, series)
        if condition.quantity == "per_request":
            work = series.w if series.w is not None else np.zeros_like(series.t)
            return _Decided(self._decide(series, work, limit, asked), limit, series)
        return _Decided(_per_hour(self._decide(series, None, limit / _HOUR, asked)), limit, series)

    def _decide(self, series: JudgedSeries, work: Floats | None, limit: float, asked: _Asked) -> RateDecision:
        design = Design(limit, asked.alpha, self._gate.beta, tuple(self._gate.looks))

        def by_itself(design: Design) -> RateDecision:
            return decide(series.t, series.y, work, design, asked.look, resolution=asked.resolution)

        return by_itself(design) if asked.stored is None else against(by_itself, asked.stored, design, asked.look)

    def _look_of(self, run: JudgedRun) -> int:
        return self._gate.look_at(run.seconds) if self._look is None else self._look

    def _total(self, series: JudgedSeries, limit: float, asked: _Asked) -> RateDecision:
        """A growth in all: above as soon as it has grown so much, below only at the end."""
        if series.t.size < _FEWEST:
            return RateDecision("undecided")
        looks = self._gate.looks
        levels = [level_at(looks, asked.look, error) for error in (asked.alpha, self._gate.beta)]
        low, high = (growth_total(series.t, series.y, level, resolution=asked.resolution) for level in levels)
        return _outcome_of_total(low, high, limit, last=asked.look == len(looks))


def _differences(
    judged: Sequence[JudgedRun], baseline: Sequence[JudgedRun], name: str, quantity: Quantity
) -> Iterator[JudgedRun]:
    """The runs less those of the baseline in the same replica; a run without one is left out."""
    by_replica = {run.replica: run for run in baseline}
    for run in judged:
        other = by_replica.get(run.replica)
        if other is not None:
            left = difference(run.series[name], other.series[name], quantity)
            yield JudgedRun(run.replica, min(run.seconds, other.seconds), {name: left})


def _together(name: str, condition: Condition, decided: Sequence[_Decided]) -> Judged:
    """Failed if a replica fails, passed if all pass; the numbers are those of the worst."""
    worst = max(decided, key=_severity, default=None)
    if worst is None or not worst.series.t.size:
        return Judged(_nothing(name, condition, "no_series", f"there are no samples of {condition.indicator}"))
    decision, series = worst.decision, worst.series
    code, reason = _reason(condition, worst)
    return Judged(
        ConditionResult(
            deployment=name,
            condition=str(condition),
            indicator=condition.indicator,
            quantity=condition.quantity,
            limit=worst.limit,
            outcome=_OUTCOMES[decision.outcome],
            estimate=_known(decision.rate),
            interval=_interval(decision),
            smallest_excluded=_excluded(decision),
            growth=decision.growth,
            reason=reason,
            reason_code=code,
            n=int(series.t.size),
            points=points(series, _MOST_POINTS),
            longer_minutes=None if decision.longer is None else decision.longer / 60,
            work_per_minute=_work_per_minute(condition.quantity, series),
            since_minutes=_since(condition.quantity, decision, series) / 60,
        ),
        futile=decision.outcome == "undecided" and decision.futile,
    )


def _severity(one: _Decided) -> tuple[int, bool, float]:
    """Above is worse than undecided, that worse than below; of equal ones the largest rate."""
    rank = ("below", "undecided", "above").index(one.decision.outcome)
    return rank, one.series.t.size == 0, one.decision.rate or 0.0


def _nothing(name: str, condition: Condition, code: str, reason: str) -> ConditionResult:
    return ConditionResult(
        deployment=name,
        condition=str(condition),
        indicator=condition.indicator,
        quantity=condition.quantity,
        limit=condition.limit,
        outcome="inconclusive",
        estimate=None,
        interval=None,
        smallest_excluded=None,
        growth="inconclusive",
        reason=reason,
        reason_code=code,
    )


def _reason(condition: Condition, one: _Decided) -> tuple[str, str]:
    """Why this outcome: a code and a sentence without its full stop."""
    decision, per = one.decision, _PER[condition.quantity]
    limit = format.size(condition.indicator, one.limit, per)
    low, high = (format.slope(condition.indicator, bound, per, (one.limit,)) for bound in (decision.low, decision.high))
    if decision.outcome == "above":
        return "above", f"the lower bound {low} is above the limit of {limit}"
    if decision.outcome == "below":
        return "below", f"the upper bound {high} is below the limit of {limit}"
    if one.limit <= 0:
        return "no_level", f"{condition.indicator} is 0 at the start, so {condition.written} of it is no limit"
    note = decision.notes[0] if decision.notes else None
    said = str(note).rstrip(".") if note is not None else f"the limit of {limit} lies between {low} and {high}"
    if decision.low is None or decision.high is None:
        return (note.code if note is not None else "few_samples"), said
    would = f"a limit above {high} would pass" + (f", one below {low} fail" if decision.low > 0 else "")
    return (note.code if note is not None else "at_limit"), f"{said}; with these data {would}"


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _interval(decision: RateDecision) -> tuple[float, float] | None:
    low, high = _known(decision.low), _known(decision.high)
    return None if low is None or high is None else (low, high)


def _excluded(decision: RateDecision) -> float | None:
    """The smallest leak that is excluded: the upper bound, never less than what could have been detected."""
    if decision.outcome == "above" or _known(decision.high) is None:
        return None
    return max(decision.high or 0.0, decision.detectable or 0.0)


def _work_per_minute(quantity: Quantity, series: JudgedSeries) -> float | None:
    if quantity == "per_request":
        per_second = series.requests_per_second
        return None if per_second is None else per_second * 60
    return 1 / 60 if quantity == "per_hour" else None


def _since(quantity: Quantity, decision: RateDecision, series: JudgedSeries) -> float:
    """The second of load from which on the present rate was judged."""
    start = decision.start
    if start is None:
        return float(series.t[0])
    if quantity != "per_request" or series.w is None:
        return float(start)
    return float(series.t[min(int((series.w < start).sum()), series.t.size - 1)])


def _per_hour(one: RateDecision) -> RateDecision:
    per_hour = {name: _times(getattr(one, name), _HOUR) for name in ("rate", "low", "high", "detectable")}
    return replace(one, **per_hour)  # type: ignore[arg-type]


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _outcome_of_total(low: GrowthTotal, high: GrowthTotal, limit: float, *, last: bool) -> RateDecision:
    """``low`` and ``high`` are at the levels of a false red and of a false green."""
    outcome: Literal["above", "below", "undecided"] = "undecided"
    if low.low > limit:
        outcome = "above"
    elif last and high.high < limit:
        outcome = "below"
    growth = "inconclusive" if outcome == "undecided" else "stable"
    return RateDecision(outcome, low.growth, low.low, high.high, high.high, growth)
