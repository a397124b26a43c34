"""From series to verdicts: the one place where the statistics meet the campaign."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from aging.clock import utc
from aging.indicators import PRIMARY, Series, deployment_series, harness_series, resolution
from aging.model import HARNESS, Control, Finding, Findings, Verdict
from aging.problems import problems_of
from aging.store.results import Results
from aging.trends import SeriesError, Trend, benjamini_hochberg, trend_test
from aging.trends.tests import TrendTest

SCHEMA = 1
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class _Analysed:
    """One series with what the statistics say of it."""

    series: Series
    trend: Trend | None
    tests: Mapping[str, float | None]


def analyse(results: Results, tests: Mapping[str, TrendTest]) -> Findings:
    """Every finding of a result directory, with the controls' outcome and the measurement's problems."""
    analysis = results.manifest["campaign"]["analysis"]
    series = [
        one
        for deployment in results.deployments
        for replica in results.replicas(deployment)
        for one in deployment_series(results, deployment, replica)
    ]
    analysed = [_analysed(one, tests) for one in [*series, *harness_series(results)]]
    findings = _controlled([_finding(group, analysis["test"]) for group in _grouped(analysed)], analysis["q"])
    started = results.state.started
    return Findings(
        schema=SCHEMA,
        campaign=results.manifest["campaign"]["name"],
        started=utc(started.wall).isoformat() if started else "",
        findings=findings,
        controls=[*_known_controls(results, findings, series), *_harness_controls(findings)],
        problems=problems_of(results),
    )


def _analysed(series: Series, tests: Mapping[str, TrendTest]) -> _Analysed:
    try:
        trend = trend_test(series.t, series.y)
    except SeriesError:
        return _Analysed(series, None, dict.fromkeys(tests))
    return _Analysed(series, trend, {kind: _p(test, series) for kind, test in tests.items()})


def _p(test: TrendTest, series: Series) -> float | None:
    try:
        p = test.run(series.t, series.y).p
    except SeriesError:
        return None
    return None if np.isnan(p) else float(p)


def _grouped(analysed: Iterable[_Analysed]) -> Iterable[list[_Analysed]]:
    def key(one: _Analysed) -> tuple[str, str]:
        return one.series.owner, one.series.indicator

    return ([*group] for _, group in groupby(sorted(analysed, key=key), key))


def _finding(group: Sequence[_Analysed], test: str) -> Finding:
    """One deployment's indicator: the longest generation of each replica stands for it."""
    longest: dict[int, _Analysed] = {}
    for one in group:
        rival = longest.get(one.series.replica)
        if rival is None or one.series.t.size > rival.series.t.size:
            longest[one.series.replica] = one
    chosen = max(longest.values(), key=lambda one: one.series.t.size)
    series, trend = chosen.series, chosen.trend
    finding = Finding(
        deployment=series.owner,
        indicator=series.indicator,
        replicas=len(longest),
        n=series.t.size,
        verdict="inconclusive",
        shape=None,
        slope_per_hour=None,
        ci_per_hour=None,
        slope_per_request=None,
        ci_per_request=None,
        p=None,
        q=None,
        minimum_detectable_per_hour=None,
        tests=chosen.tests,
    )
    if trend is None:
        return finding
    rate = series.requests_per_second
    return replace(
        finding,
        verdict=_worth_a_word(trend.verdict, series),
        shape=trend.shape,
        slope_per_hour=trend.slope * _HOUR,
        ci_per_hour=(trend.low * _HOUR, trend.high * _HOUR),
        slope_per_request=trend.slope / rate if rate else None,
        ci_per_request=(trend.low / rate, trend.high / rate) if rate else None,
        p=chosen.tests.get(test),
        minimum_detectable_per_hour=None if trend.minimum_detectable is None else trend.minimum_detectable * _HOUR,
    )


def _worth_a_word(verdict: Verdict, series: Series) -> Verdict:
    """A step, a cycle or a bounded growth of a few pages is stable for all that anybody can tell."""
    small = verdict in ("step", "cyclic", "bounded") and np.ptp(series.y) <= resolution(series.indicator)
    return "stable" if small else verdict


def _controlled(findings: Sequence[Finding], q: float) -> list[Finding]:
    """False-discovery control over the campaign: a growth that does not survive it is not called aging."""
    adjusted = benjamini_hochberg([np.nan if finding.p is None else finding.p for finding in findings])
    controlled = []
    for finding, value in zip(findings, adjusted, strict=True):
        verdict: Verdict = finding.verdict
        if verdict == "aging" and not value <= q:
            verdict = "inconclusive"
        controlled.append(replace(finding, q=None if np.isnan(value) else float(value), verdict=verdict))
    return controlled


def _known_controls(results: Results, findings: Sequence[Finding], series: Sequence[Series]) -> Iterable[Control]:
    """Deployments whose ageing is configured: was just that found?"""
    found = {(finding.deployment, finding.indicator): finding for finding in findings}
    rates = {(one.owner, one.indicator): one.requests_per_second for one in series}
    for deployment in results.manifest["deployments"]:
        known = deployment["known_ageing"]
        finding = known and found.get((deployment["name"], known["indicator"]))
        if not finding:
            continue
        rate = rates[finding.deployment, finding.indicator] or 0.0
        expected = known["per_request"] * rate * _HOUR + known["per_hour"]
        yield _control(finding, expected)


def _control(finding: Finding, expected: float) -> Control:
    low, high = finding.ci_per_hour or (np.nan, np.nan)
    ages = expected > 0
    return Control(
        deployment=finding.deployment,
        indicator=finding.indicator,
        expected="aging" if ages else "not aging",
        expected_per_hour=expected if ages else 0.0,
        verdict=finding.verdict,
        slope_per_hour=finding.slope_per_hour,
        ci_per_hour=finding.ci_per_hour,
        passed=bool(finding.verdict == "aging" and low <= expected <= high) if ages else finding.verdict != "aging",
    )


def _harness_controls(findings: Sequence[Finding]) -> Iterable[Control]:
    """The harness must not age while it measures."""
    return [
        _control(finding, 0.0)
        for finding in findings
        if finding.deployment.startswith(f"{HARNESS}/") and finding.indicator == PRIMARY
    ]


def write_findings(findings: Findings, path: Path) -> None:
    """Write ``findings.json`` whole or not at all; every key is there, null where not known."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(asdict(findings), indent=1, allow_nan=False, default=list) + "\n")
    os.replace(temporary, path)
