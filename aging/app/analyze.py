"""From what a campaign wrote to ``findings.json`` and ``report.html``.

Apart from what runs a campaign: neither an HTTP client nor a runtime's plug-in is needed to read results.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aging.stats.trend_tests
from aging.core.plugins import discover
from aging.findings.build import analyze
from aging.findings.findings_file import write_findings
from aging.findings.series import Measured
from aging.findings.types import Findings
from aging.report.html.page import write_report
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import open_results
from aging.store.sealing import seal_all


def derive(root: Path) -> Findings:
    """(Re)build ``findings.json`` and ``report.html`` from what a campaign wrote."""
    measured = Measured(open_results(root, checked=True))
    findings = analyze(measured.results, discover(aging.stats.trend_tests, TrendTest), measured)
    write_findings(findings, measured.results.layout.findings)
    write_report(measured, findings, measured.results.layout.report)
    return findings


def concluded(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """A worker's function: seal and analyse the campaign of ``job["root"]``; the findings are in its files."""
    root = Path(job["root"])
    unsealed = seal_all(root, tolerated=job["halted"])
    derive(root)
    return {"unsealed": unsealed, "found": None}
