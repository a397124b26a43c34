"""The findings of a result directory: those of its file where the campaign has ended since, else computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aging.findings.build import analyze
from aging.findings.findings_file import read_findings
from aging.findings.series import Measured
from aging.findings.types import Findings
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results

_ENDED = ("completed", "decided", "interrupted", "halted", "died", "failed")


def current_findings(measured: Measured, tests: Mapping[str, TrendTest]) -> Findings:
    """The findings as they are now; nothing is written."""
    written = written_findings(measured.results)
    return analyze(measured.results, tests, measured) if written is None else written


def written_findings(results: Results) -> Findings | None:
    """Those of the file, where the campaign has ended since; else None."""
    state, file = results.state, results.layout.findings
    current = state.phase in _ENDED and state.last is not None and _modified(file) >= state.last.wall
    return read_findings(file) if current else None


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return -1.0
