"""From paths to a comparison, and to what is printed or written of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import aging.stats.trend_tests
from aging.core.plugins import discover
from aging.findings.comparison.build import compare
from aging.findings.comparison.matching import AS_GIVEN, Asked, opened
from aging.findings.comparison.types import Comparison
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results


def compared(
    paths: Sequence[Path], baseline: Path | None = None, asked: Asked = AS_GIVEN
) -> tuple[Comparison, Sequence[Results]]:
    """The comparison of result directories, and these, the baseline first. Raises MistakesError."""
    results = opened(paths, baseline)
    return compare(results, discover(aging.stats.trend_tests, TrendTest), asked), results


def to_json(found: Comparison) -> str:
    """The text of ``aging compare --json``: every key is there, null where not known."""
    return json.dumps(asdict(found), indent=1, allow_nan=False)
