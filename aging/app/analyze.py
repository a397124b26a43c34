"""From a result directory to ``findings.json`` and ``report.html``.

It imports nothing that runs a campaign: neither an HTTP client nor the plug-ins of runtimes.
"""

from __future__ import annotations

from pathlib import Path

import aging.stats.trend_tests
from aging.core.plugins import discover
from aging.findings.build import analyse, write_findings
from aging.findings.series import Measured
from aging.findings.types import Findings
from aging.report import write_report
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import open_results


def derive(root: Path) -> Findings:
    """Rebuild ``findings.json`` and ``report.html`` of a result directory."""
    measured = Measured(open_results(root, checked=True))
    findings = analyse(measured.results, discover(aging.stats.trend_tests, TrendTest), measured)
    write_findings(findings, measured.results.layout.findings)
    write_report(measured, findings, measured.results.layout.report)
    return findings
