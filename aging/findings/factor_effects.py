"""What the factors of a designed experiment did to the leak rates of its runs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aging.core.metrics import PRIMARY
from aging.findings.indicator_analysis import IndicatorAnalysis
from aging.findings.pool_replicas import finding_of
from aging.findings.types import Experiment, FactorEffect, RunValidity
from aging.stats.factor_effects import Effect, Effects, Observation, estimate, name
from aging.stats.multiple.fdr import benjamini_hochberg
from aging.store.manifest import Manifest

_HOUR = 3600.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Factors = Mapping[str, Sequence[Any]]


def experiments(
    manifest: Manifest, analysed: Sequence[IndicatorAnalysis], runs: Sequence[RunValidity], test: str
) -> list[Experiment]:
    """The effects on the leak rate per hour and per request, of every deployment that a design was made of.

    Runs that are broken are left out, and that is told.
    """
    factors: Factors = (manifest.experiment or {}).get("factors", {})
    rates: Sequence[Literal["hour", "request"]] = ("hour", "request") if manifest.campaign.load else ("hour",)
    bases = dict.fromkeys(run.base for run in runs if run.base is not None)
    found = {(run.deployment, run.replica): _rates(run, analysed, test) for run in runs if run.base is not None}
    return [
        _experiment(base, per, factors, [run for run in runs if run.base == base], found)
        for base in bases
        for per in rates
    ]


@dataclass(frozen=True, slots=True)
class _Rates:
    """What one run found by itself, and how finely: a page over its window, or over the window's requests."""

    rate: Mapping[str, float | None]
    resolution: Mapping[str, float]


Found = Mapping[tuple[str, int], _Rates | None]
"""By deployment and replica; None where a run left no series, or is broken."""


def _rates(run: RunValidity, analysed: Sequence[IndicatorAnalysis], test: str) -> _Rates | None:
    own = [
        one
        for one in analysed
        if (one.series.owner, one.series.replica, one.series.indicator) == (run.deployment, run.replica, PRIMARY)
    ]
    if not own or run.validity == "broken":
        return None
    finding = finding_of(own, test)
    longest = max((one.series for one in own), key=lambda series: series.t.size)
    span = float(np.ptp(longest.t)) if longest.t.size else 0.0
    requests = span * (longest.per_second("requests") or 0.0)
    return _Rates(
        rate={"hour": finding.slope_per_hour, "request": finding.slope_per_request},
        resolution={
            "hour": _PAGE_BYTES / span * _HOUR if span else 0.0,
            "request": _PAGE_BYTES / requests if requests else 0.0,
        },
    )


def _experiment(
    base: str, per: Literal["hour", "request"], factors: Factors, runs: Sequence[RunValidity], found: Found
) -> Experiment:
    mine = {path: levels for path, levels in factors.items() if path in runs[0].levels}
    observations = list(_observations(per, runs, found, mine))
    notes = list(_left_out(runs, len(observations), per))
    if len(observations) < 2:
        return Experiment(base, PRIMARY, per, len(observations), 0, None, None, 0, None, (), tuple(notes))
    finest = [rates.resolution[per] for run in runs if (rates := found[run.deployment, run.replica]) is not None]
    fitted = estimate(mine, observations, float(np.mean(finest)))
    terms = [*fitted.effects, *([] if fitted.curvature is None else [fitted.curvature])]
    adjusted = benjamini_hochberg([term.p for term in terms])
    return Experiment(
        deployment=base,
        indicator=PRIMARY,
        per=per,
        runs=fitted.observations,
        points=fitted.points,
        mean=fitted.mean,
        error_sd=fitted.error_sd,
        error_df=fitted.error_df,
        lack_of_fit_p=fitted.lack_of_fit_p,
        effects=tuple(_told(term, float(q), mine) for term, q in zip(terms, adjusted, strict=True)),
        notes=(*notes, *fitted.notes, *_fit(fitted)),
    )


def _observations(per: str, runs: Sequence[RunValidity], found: Found, factors: Factors) -> Iterator[Observation]:
    for run in runs:
        rates = found[run.deployment, run.replica]
        rate = None if rates is None else rates.rate[per]
        if rate is not None:
            centre = any(run.levels[path] not in levels for path, levels in factors.items())
            yield Observation(run.levels, float(rate), centre)


def _left_out(runs: Sequence[RunValidity], used: int, per: str) -> Iterator[str]:
    broken = [run for run in runs if run.validity == "broken"]
    for run in broken:
        yield f"{run.deployment}, replica {run.replica}, is broken and left out: {'; '.join(run.reasons)}"
    for run in runs:
        if run.validity == "short":
            yield f"{run.deployment}, replica {run.replica}, is short: {'; '.join(run.reasons)}"
    if rateless := len(runs) - len(broken) - used:
        yield f"{rateless} runs were too short for a rate per {per}, and are left out"


def _fit(fitted: Effects) -> Iterator[str]:
    if fitted.lack_of_fit_p is not None and fitted.lack_of_fit_p < 0.05:
        yield f"the terms do not explain the points (lack of fit, p = {fitted.lack_of_fit_p:.2g})"


def _told(term: Effect, q: float, factors: Factors) -> FactorEffect:
    levels = factors.get(term.term[0], ()) if term.means else ()
    return FactorEffect(
        term=name(term.term),
        effect=term.effect,
        ci=term.ci,
        f=term.f if term.f is None or math.isfinite(term.f) else None,
        df=term.df,
        p=term.p,
        q=None if math.isnan(q) else q,
        means={str(level): None if math.isnan(mean) else mean for level, mean in zip(levels, term.means, strict=True)},
        aliases=term.aliases,
    )
