"""Replicas of one deployment's indicator, pooled into one finding; disagreement is a note, never averaged away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from aging.core.errors import require
from aging.core.metrics import ages_downwards, resolution
from aging.findings.indicator_analysis import IndicatorAnalysis
from aging.findings.types import Finding, ReplicaEstimate, RunValidity
from aging.findings.verdict import of_replicas, of_runs
from aging.stats import Course, Pooled, pool, stouffer
from aging.stats.growth.axis import CLOCK
from aging.stats.multiple.pooling import width_beside_one_more
from aging.stats.note import Note

_HOUR = 3600.0
_Z975 = float(ndtri(0.975))
_FEWEST = 2


def sound_finding(group: Sequence[IndicatorAnalysis], runs: Sequence[RunValidity], test: str) -> Finding:
    """The finding of one indicator of one deployment, of the ``runs`` that are sound.

    A broken run decides nothing and is averaged with nothing; a short run is a note.
    """
    owner = group[0].series.owner
    own = {run.replica: run for run in runs if run.deployment == owner}
    sound = _sound(group, runs)
    marks = [_run_note(run, several=len(own) > 1) for run in own.values() if run.validity != "complete"]
    if sound:
        finding = finding_of(sound, test)
        return finding.with_notes([*marks, *finding.noted()])
    left = sorted({one.series.replica for one in group})
    # What one broken run left can be looked at; of several there is no mean.
    alone = finding_of(group, test) if len(left) == 1 else _finding_without_trend(group[0], len(left))
    verdict = of_runs(alone.verdict, len(sound))
    return replace(alone, verdict=verdict, p=None, q=None, exhaustion_hours=None).with_notes(marks)


def courses_of(group: Sequence[IndicatorAnalysis], runs: Sequence[RunValidity]) -> list[Course]:
    """How the indicator may go on in each of the ``runs`` that are sound, by the longest generation."""
    trends = [one.result.trend for one in _longest(_sound(group, runs))]
    return [trend.course for trend in trends if trend is not None and trend.course is not None]


def _sound(group: Sequence[IndicatorAnalysis], runs: Sequence[RunValidity]) -> list[IndicatorAnalysis]:
    broken = {(run.deployment, run.replica) for run in runs if run.validity == "broken"}
    return [one for one in group if (one.series.owner, one.series.replica) not in broken]


def _run_note(run: RunValidity, *, several: bool) -> Note:
    what = f"Replica {run.replica}" if several else "The run"
    left_out = " and left out" if several and run.validity == "broken" else ""
    return Note(f"run_{run.validity}", f"{what} is {run.validity}{left_out}: {' '.join(run.reasons)}")


def finding_of(group: Sequence[IndicatorAnalysis], test: str) -> Finding:
    """The finding of one indicator of one deployment: the longest generation of each replica stands for it.

    One replica is reported as it is. Several are pooled by random effects with
    Hartung and Knapp's interval, their p by Stouffer's method.
    """
    chosen = _longest(group)
    tested = [one for one in chosen if one.result.trend is not None]
    untested = [_estimate(_finding_without_trend(one, 1), one, None) for one in chosen if one.result.trend is None]
    if not tested:
        return replace(_finding_without_trend(chosen[0], len(chosen)), by_replica=untested)
    single = [_single(one, test) for one in tested]
    finding, weights = (single[0], (1.0,)) if len(single) == 1 else _pooled(single, tested, test)
    estimates = [_estimate(*each) for each in zip(single, tested, weights, strict=True)]
    by_replica = sorted((*estimates, *untested), key=lambda one: one.replica)
    return replace(finding, replicas=len(chosen), by_replica=by_replica)


def _estimate(finding: Finding, one: IndicatorAnalysis, weight: float | None) -> ReplicaEstimate:
    return ReplicaEstimate(
        replica=one.series.replica,
        n=finding.n,
        verdict=finding.verdict,
        slope_per_hour=finding.slope_per_hour,
        ci_per_hour=finding.ci_per_hour,
        current_per_hour=finding.current_per_hour,
        current_ci_per_hour=finding.current_ci_per_hour,
        weight=weight,
    )


def _longest(group: Sequence[IndicatorAnalysis]) -> list[IndicatorAnalysis]:
    longest: dict[int, IndicatorAnalysis] = {}
    for one in group:
        rival = longest.get(one.series.replica)
        if rival is None or one.series.t.size > rival.series.t.size:
            longest[one.series.replica] = one
    return [longest[replica] for replica in sorted(longest)]


def _finding_without_trend(one: IndicatorAnalysis, replicas: int) -> Finding:
    return Finding(
        deployment=one.series.owner,
        indicator=one.series.indicator,
        replicas=replicas,
        n=one.series.t.size,
        verdict="inconclusive",
        shape=None,
        slope_per_hour=None,
        ci_per_hour=None,
        slope_per_request=None,
        ci_per_request=None,
        p=None,
        q=None,
        minimum_detectable_per_hour=None,
        tests=one.result.tests,
    ).with_notes(one.result.notes)


def _single(one: IndicatorAnalysis, test: str) -> Finding:
    trend, driver = require(one.result.trend, f"the trend of {one.series.indicator}"), one.driver
    requests, tokens = one.series.per_second("requests"), one.series.per_second("tokens")
    least = trend.minimum_detectable
    if least is None:  # a constant series: its resolution is the least that can be found
        least = resolution(one.series.indicator) / float(np.ptp(one.series.t)) or None
    exponent, current, pace = trend.exponent, trend.current, trend.per_second
    worked = current is not None and trend.axis != CLOCK
    slope, low, high, late = trend.slope, trend.low, trend.high, trend.late_slope
    if ages_downwards(one.series.indicator):  # its trend is that of its negative
        slope, low, high, late = -slope, -high, -low, -late
        current = (
            None if current is None else replace(current, rate=-current.rate, low=-current.high, high=-current.low)
        )
    return replace(
        _finding_without_trend(one, 1),
        verdict=one.verdict,
        shape=trend.shape,
        slope_per_hour=slope * _HOUR,
        ci_per_hour=(low * _HOUR, high * _HOUR),
        slope_per_request=slope / requests if requests else None,
        ci_per_request=(low / requests, high / requests) if requests else None,
        slope_per_token=slope / tokens if tokens else None,
        ci_per_token=(low / tokens, high / tokens) if tokens else None,
        driver=driver.driver if driver else None,
        dose=driver.dose if driver else None,
        p=one.result.tests.get(test),
        minimum_detectable_per_hour=None if least is None else least * _HOUR,
        n_effective=trend.n_effective,
        late_slope_per_hour=late * _HOUR,
        exponent=None if exponent is None else (exponent.b, exponent.low, exponent.high),
        mechanism=one.mechanism,
        current_per_hour=None if current is None else current.rate * pace * _HOUR,
        current_ci_per_hour=None if current is None else (current.low * pace * _HOUR, current.high * pace * _HOUR),
        growth_axis=None if current is None else trend.axis,
        current_per_unit=current.rate if current is not None and worked else None,
        current_ci_per_unit=(current.low, current.high) if current is not None and worked else None,
        share=None if current is None else (_finite(current.share[0]), _finite(current.share[1])),
        steps=None if trend.steps is None else trend.steps.steps,
    ).with_notes([*one.result.notes, *_test_note(test, one), *(driver.notes if driver else ())])


def _pooled(
    single: Sequence[Finding], analyzed: Sequence[IndicatorAnalysis], test: str
) -> tuple[Finding, Sequence[float | None]]:
    """The finding of several replicas, and the weight of each in its slope."""
    per_hour = _pool(single, "per_hour")
    per_request, per_token = _pool(single, "per_request"), _pool(single, "per_token")
    now, axis = _pool(single, "per_hour", "current_"), _common([one.growth_axis for one in single])
    per_unit = _pool(single, "per_unit", "current_") if axis is not None else None
    decision = of_replicas([finding.verdict for finding in single])
    notes = [note for one, finding in zip(analyzed, single, strict=True) for note in _replica_notes(one, finding)]
    least = [one.minimum_detectable_per_hour for one in single if one.minimum_detectable_per_hour is not None]
    weights = [None] * len(single) if per_hour is None else list(per_hour.weights)
    finding = replace(
        single[0],
        n=min(one.n for one in single),
        verdict=decision.verdict,
        shape=_common([one.shape for one in single]),
        slope_per_hour=per_hour.slope if per_hour else None,
        ci_per_hour=(per_hour.low, per_hour.high) if per_hour else None,
        slope_per_request=per_request.slope if per_request else None,
        ci_per_request=(per_request.low, per_request.high) if per_request else None,
        slope_per_token=per_token.slope if per_token else None,
        ci_per_token=(per_token.low, per_token.high) if per_token else None,
        driver=_common([one.driver for one in single]),
        dose=None,  # each replica's is in the notes
        p=_combined_p(single, test),
        minimum_detectable_per_hour=float(np.median(least)) if least else None,
        tests={kind: _combined_p(single, kind) for kind in single[0].tests},
        n_effective=_median([one.n_effective for one in single]),
        late_slope_per_hour=_median([one.late_slope_per_hour for one in single]),
        exponent=None,  # a power of growth is not averaged
        disagreement=per_hour.i2 if per_hour else None,
        mechanism=_common([one.mechanism for one in single]),
        current_per_hour=now.slope if now else None,
        current_ci_per_hour=(now.low, now.high) if now else None,
        growth_axis=axis,
        current_per_unit=per_unit.slope if per_unit else None,
        current_ci_per_unit=(per_unit.low, per_unit.high) if per_unit else None,
        share=None,  # neither are bounds of a share, nor counts of steps
        steps=None,
    ).with_notes([*decision.notes, *notes, *_few(per_hour, now)])
    return finding, weights


def _pool(single: Sequence[Finding], per: str, rate: str = "") -> Pooled | None:
    slopes = [getattr(one, f"{rate or 'slope_'}{per}") for one in single]
    intervals = [getattr(one, f"{rate}ci_{per}") for one in single]
    if None in slopes or None in intervals:
        return None
    # An interval of no width (a constant series) still has a finite weight: a tenth of the narrowest other one.
    widths = np.array([high - low for low, high in intervals])
    positive = widths[widths > 0]
    if not positive.size:
        return Pooled(
            slope=float(np.mean(slopes)),
            se=0.0,
            low=float(min(slopes)),
            high=float(max(slopes)),
            p=np.nan,
            tau2=0.0,
            i2=0.0,
            q=0.0,
            q_p=np.nan,
            weights=(1 / len(slopes),) * len(slopes),
        )
    errors = np.maximum(widths, positive.min() / 10) / (2 * _Z975)
    return pool(slopes, errors, method="hartung-knapp")


def _few(*pooled: Pooled | None) -> list[Note]:
    """Why the interval of two replicas is so wide."""
    if not any(one is not None and len(one.weights) == _FEWEST and one.se > 0 for one in pooled):
        return []
    message = (
        "Two replicas leave 1 degree of freedom: the interval of their pooled rate is about "
        f"{width_beside_one_more(_FEWEST):.1f} times as wide as that of three such replicas. "
        "by_replica has each replica's own interval."
    )
    return [Note("few_replicas", message)]


def _replica_notes(one: IndicatorAnalysis, finding: Finding) -> list[Note]:
    """The verdict of one replica and its notes."""
    who = f"Replica {one.series.replica}"
    own = [Note(note.code, f"{who}: {note}") for note in finding.noted()]
    return [Note("replica_verdict", f"{who}: {finding.verdict}."), *own]


def _test_note(test: str, one: IndicatorAnalysis) -> list[Note]:
    why = one.result.why_untested(test)
    message = f"The test '{test}' could not be computed for this series: {why}."
    return [] if why is None else [Note("test_not_computed", message)]


def _combined_p(single: Sequence[Finding], test: str) -> float | None:
    """Stouffer's p of the replicas' two-sided p values, each with the sign of its slope."""
    values = [(one.tests.get(test), one.slope_per_hour or 0.0) for one in single]
    if any(p is None for p, _ in values):
        return None
    z = [float(-np.sign(slope) * ndtri(max(p or 0.0, 1e-300) / 2)) for p, slope in values]
    return float(stouffer(z)[1])


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _common(values: Sequence[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else None
