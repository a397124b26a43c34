"""The findings of a result directory: those of its file where the campaign has ended since, else computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aging.findings.build import analyze
from aging.findings.findings_file import read_findings
from aging.findings.series import Measured
from aging.findings.types import Findings
from aging.stats.trend_tests.base import TrendTest

_ENDED = ("completed", "decided", "interrupted", "halted", "died", "failed")


def current_findings(measured: Measured, tests: Mapping[str, TrendTest]) -> Findings:
    """The findings as they are now; nothing is written."""
    state, file = measured.results.state, measured.results.layout.findings
    if state.phase in _ENDED and state.last is not None and _modified(file) >= state.last.wall:
        written = read_findings(file)
        if written is not None:
            return written
    return analyze(measured.results, tests, measured)


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return -1.0
