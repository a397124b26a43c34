"""From series to verdicts: runs the statistics over a result directory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import groupby

import numpy as np

from aging.core.format import utc
from aging.core.metrics import is_engine_series, is_tail
from aging.findings.allocator_retention import with_retention
from aging.findings.asked import AS_IN_CAMPAIGN, Asked
from aging.findings.controls import controls
from aging.findings.factor_effects import experiments
from aging.findings.growth_places import with_places
from aging.findings.indicator_analysis import IndicatorAnalysis, Mapper, analyze_all, on_all_cores
from aging.findings.limits import Limits, limits
from aging.findings.load_rise import with_load
from aging.findings.load_start import with_load_start
from aging.findings.outlook import with_outlook
from aging.findings.pool_replicas import courses_of, sound_finding
from aging.findings.problems import problems_of
from aging.findings.rejuvenation.comparison import policies_of
from aging.findings.rejuvenation.decisions import decisions_of
from aging.findings.rejuvenation.effects import effects_of
from aging.findings.rejuvenation.remarks import problems_of_rejuvenation, with_rejuvenations
from aging.findings.replaced_children import with_replaced
from aging.findings.run_validity import validities
from aging.findings.series import Measured, engine_series
from aging.findings.slo import attainments, classes
from aging.findings.types import SCHEMA, Attainment, Finding, Findings, RunValidity, Unjudged
from aging.findings.verdict import of_finding
from aging.stats import hierarchical_fdr, time_to_exhaustion
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results

_HOUR = 3600.0


def analyze(
    results: Results,
    tests: Mapping[str, TrendTest],
    measured: Measured | None = None,
    asked: Asked = AS_IN_CAMPAIGN,
    mapper: Mapper = on_all_cores,
) -> Findings:
    """Every finding of a result directory, with the outcome of its controls and the problems of the measurement.

    ``tests`` are by kind. ``measured`` holds the windows and series of these results; it is computed where it is not
    given. ``mapper`` computes the statistics of its series. Latencies and rates keep the units of their indicator's
    name, slopes are per hour. Sources of the methods are in the functions of :mod:`aging.stats`; false-discovery
    control is that of Benjamini and Bogomolov (2014).
    """
    measured = Measured(results) if measured is None else measured
    manifest, series = results.manifest, measured.series
    analysis = manifest.campaign.analysis
    runs, limited = validities(results), limits(results, asked, series)
    horizon = asked.horizon or analysis.horizon_seconds
    # The harness is a control, the tails of the latencies repeat their medians, and an engine may export hundreds of
    # series: as families of their own they do not raise the threshold for the deployments.
    analyzed = analyze_all(series, tests, mapper)
    tails = [one for one in analyzed if is_tail(one.series.indicator)]
    engines = [one for one in analyzed if is_engine_series(one.series.indicator)]
    rest = [one for one in analyzed if not is_tail(one.series.indicator)]
    indicators = [one for one in rest if not is_engine_series(one.series.indicator)]
    of_deployments, of_tails, of_engines, of_harness = (
        _findings(family, runs, analysis.test, analysis.q)
        for family in (indicators, tails, engines, analyze_all(measured.harness, tests, mapper))
    )
    of_engines = [with_load(finding, series) for finding in of_engines]
    findings = [*sorted((*of_deployments, *of_tails, *of_engines), key=_place), *of_harness]
    levels = {(one.owner, one.indicator): float(one.y[-1]) for one in series if one.y.size}
    findings = [with_retention(_with_exhaustion(finding, levels, limited), series) for finding in findings]
    courses = {_of(group): courses_of(group, runs) for group in _by_indicator((*indicators, *engines))}
    ends = {deployment: _end(results, deployment) for deployment in results.deployments}
    findings = [
        with_outlook(one, courses.get(_place(one), ()), limited.get(_place(one)), horizon, ends.get(one.deployment))
        for one in findings
    ]
    findings = [with_load_start(finding, series) for finding in findings]
    findings = [with_replaced(with_places(finding, measured), results) for finding in findings]
    effects, decisions = effects_of(measured, analyzed), decisions_of(results)
    rejuvenated = {name: [one for one in effects if one.deployment == name] for name in results.deployments}
    findings = [with_rejuvenations(finding, series, rejuvenated) for finding in findings]
    started = results.state.started
    return Findings(
        schema=SCHEMA,
        campaign=manifest.campaign.name,
        started=utc(started.wall).isoformat() if started else "",
        findings=findings,
        controls=controls(manifest.deployments, findings, series, loaded=manifest.campaign.load is not None),
        problems=[*problems_of(results), *problems_of_rejuvenation(results, effects, decisions)],
        objectives=_objectives(measured, runs),
        runs=runs,
        experiments=experiments(manifest, analyzed, runs, analysis.test),
        unjudged=_unjudged(results),
        rejuvenations=effects,
        decisions_not_carried_out=decisions,
        policies=policies_of(measured),
        aging_version=version("llm-aging"),
    )


def _unjudged(results: Results) -> list[Unjudged]:
    """The series of the engines that were sampled and are not judged, once a deployment."""
    found: dict[tuple[str, str], Unjudged] = {}
    for deployment in results.deployments:
        for replica in results.replicas(deployment):
            samples = results.samples(deployment, "engine", replica)
            for one in engine_series(samples)[1] if len(samples) else ():
                seen = samples[one.column].dropna().tolist() if one.column in samples else []
                value = float(seen[-1]) if seen else None
                found[deployment, one.column] = Unjudged(deployment, one.column, one.code, one.reason, value)
    return list(found.values())


def _objectives(measured: Measured, runs: Sequence[RunValidity]) -> list[Attainment]:
    """Attainment of every deployment whose load has objectives, over its sound runs, else over all."""
    broken = {(run.deployment, run.replica) for run in runs if run.validity == "broken"}
    kept: list[Attainment] = []
    results = measured.results
    for deployment in results.deployments:
        objectives = classes(results.manifest.load_of(deployment))
        replicas = results.replicas(deployment) if objectives else ()
        sound = [replica for replica in replicas if (deployment, replica) not in broken]
        found = [
            (results.requests(deployment, replica), window.load_start + window.warmup, window.load_end)
            for replica in sound or replicas
            if (window := measured.windows.get((deployment, replica))) is not None
        ]
        kept += attainments(deployment, [one for one in found if not one[0].empty], objectives)
    return kept


def _findings(analyzed: Sequence[IndicatorAnalysis], runs: Sequence[RunValidity], test: str, q: float) -> list[Finding]:
    """Findings under hierarchical false-discovery control."""
    findings = [sound_finding(group, runs, test) for group in _by_indicator(analyzed)]
    families: dict[str, list[Finding]] = {}
    for finding in findings:
        families.setdefault(finding.deployment, []).append(finding)
    adjusted = hierarchical_fdr({name: [finding.p for finding in family] for name, family in families.items()})
    return [
        _under_control(finding, float(value), q)
        for name, family in families.items()
        for finding, value in zip(family, adjusted[name], strict=True)
    ]


def _place(finding: Finding) -> tuple[str, str]:
    return finding.deployment, finding.indicator


def _of(group: Sequence[IndicatorAnalysis]) -> tuple[str, str]:
    return group[0].series.owner, group[0].series.indicator


def _by_indicator(analyzed: Iterable[IndicatorAnalysis]) -> Iterable[list[IndicatorAnalysis]]:
    def key(one: IndicatorAnalysis) -> tuple[str, str]:
        return one.series.owner, one.series.indicator

    return ([*group] for _, group in groupby(sorted(analyzed, key=key), key))


def _under_control(finding: Finding, adjusted: float, level: float) -> Finding:
    q = None if np.isnan(adjusted) else adjusted
    decision = of_finding(finding.verdict, q, level)
    adjusted_finding = replace(finding, q=q, verdict=decision.verdict)
    return adjusted_finding.with_notes([*finding.noted(), *decision.notes])


def _end(results: Results, deployment: str) -> str | None:
    """The UTC time of the last end of its load; None where no end is recorded."""
    began, runs = results.state.started, results.state.runs
    ends = [run.load_end for (name, _), run in runs.items() if name == deployment and run.load_end is not None]
    return utc(began.wall + max(ends) - began.mono).isoformat() if began is not None and ends else None


def _with_exhaustion(finding: Finding, levels: Mapping[tuple[str, str], float], limited: Limits) -> Finding:
    of = (finding.deployment, finding.indicator)
    level, limit = levels.get(of), limited.get(of)
    slope, interval = finding.slope_per_hour, finding.ci_per_hour
    if finding.verdict != "aging" or level is None or limit is None or slope is None or interval is None:
        return finding
    time = time_to_exhaustion(level, limit.value, slope / _HOUR, *(bound / _HOUR for bound in interval))
    hours = (time.seconds / _HOUR, _finite(time.earliest / _HOUR), _finite(time.latest / _HOUR))
    return replace(finding, exhaustion_hours=hours) if math.isfinite(time.seconds) else finding


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
