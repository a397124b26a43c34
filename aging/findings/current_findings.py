"""The findings of a result directory: those of its file where the campaign has ended since, else computed anew."""

from __future__ import annotations

from collections.abc import Mapping

from aging.findings.build import analyze
from aging.findings.findings_file import written_since_the_end
from aging.findings.series import Measured
from aging.findings.types import Findings
from aging.stats.trend_tests.base import TrendTest


def current_findings(measured: Measured, tests: Mapping[str, TrendTest]) -> Findings:
    """The findings as they are now; nothing is written."""
    written = written_since_the_end(measured.results)
    return analyze(measured.results, tests, measured) if written is None else written
