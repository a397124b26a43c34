"""Advice from a result directory: how often to restart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aging.stats.trend_tests
from aging.core.plugins import discover
from aging.findings.current_findings import current_findings
from aging.findings.rejuvenation.advice import Advice, Question, advise
from aging.findings.series import Measured
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import open_results


def rejuvenate(root: Path, question: Question) -> Sequence[Advice]:
    """The advice for the deployments of a result directory; nothing in it is changed."""
    measured, tests = Measured(open_results(root)), discover(aging.stats.trend_tests, TrendTest)
    return advise(measured, tests, question, current_findings(measured, tests).findings)
