"""From a result directory to ``findings.json`` and ``report.html``.

It imports nothing that runs a campaign: neither an HTTP client nor the plug-ins of runtimes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aging.stats.trend_tests
from aging.core.parts import REPORT, SEALED
from aging.core.plugins import discover
from aging.findings.asked import AS_IN_CAMPAIGN, Asked
from aging.findings.build import analyze
from aging.findings.findings_file import read_findings, write_findings
from aging.findings.gate import GateResult
from aging.findings.indicator_analysis import Mapper, on_all_cores
from aging.findings.series import Measured
from aging.findings.settings import Settings, checked_settings, with_settings
from aging.findings.types import Findings
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import open_results


def derive(
    root: Path,
    asked: Asked = AS_IN_CAMPAIGN,
    judge: Callable[[Measured, Findings], GateResult] | None = None,
    mapper: Mapper = on_all_cores,
) -> Findings:
    """Rebuild ``findings.json`` of a result directory and, where that part is installed, ``report.html``.

    ``judge`` makes the result of its gate; without it the one that was found before stays.
    """
    measured = Measured(open_results(root, checked=True))
    before = read_findings(measured.results.layout.findings)
    findings = analyze(measured.results, discover(aging.stats.trend_tests, TrendTest), measured, asked, mapper)
    gate = (None if before is None else before.gate) if judge is None else judge(measured, findings)
    findings = replace(findings, gate=gate)
    write_findings(findings, measured.results.layout.findings)
    write_report(measured, findings, measured.results.layout.report)
    return findings


def write_report(measured: Measured, findings: Findings, path: Path) -> None:
    """Write the page where that part is installed; else remove an earlier one, which is not of these findings."""
    if not REPORT.installed:
        path.unlink(missing_ok=True)
        return
    from aging.report.html import page  # noqa: PLC0415 - an optional part

    page.write_report(measured, findings, path)


def vary(
    root: Path, asked: Asked, given: Mapping[str, Any], mapper: Mapper = on_all_cores
) -> tuple[Settings, Findings]:
    """The findings under the settings that were ``given`` on a command line; nothing is written.

    Raises MistakesError.
    """
    results, tests = open_results(root, checked=True), discover(aging.stats.trend_tests, TrendTest)
    settings = checked_settings(given, results, tests, option="--")
    return settings, analyze(with_settings(results, settings), tests, asked=asked, mapper=mapper)


def seal_and_analyze(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Seal and analyze the campaign of ``job["root"]``, in a worker process; the findings are in its files."""
    root = Path(job["root"])
    unsealed = _sealed(root, tolerated=job["halted"])
    derive(root)
    return {"unsealed": unsealed, "found": None}


def _sealed(root: Path, *, tolerated: bool) -> str | None:
    """Seal all hours where pyarrow is installed; else they stay lines of JSON, which every reader reads."""
    if not SEALED.installed:
        return None
    from aging.store.sealing import seal_all  # noqa: PLC0415 - an optional part

    return seal_all(root, tolerated=tolerated)
