"""The same rows, judged with other settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aging.stats.trend_tests
from aging.api.contents import Contents
from aging.core.errors import InputError, MistakesError
from aging.core.plugins import discover
from aging.findings.settings import checked_settings, with_settings
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results


def variant(stored: Results, given: Mapping[str, Any]) -> Contents:
    """The contents of a result directory under ``given`` settings. Raises InputError with all mistakes."""
    tests = discover(aging.stats.trend_tests, TrendTest)
    try:
        settings = checked_settings(given, stored, tests)
    except MistakesError as error:
        raise InputError("; ".join(map(str, error.mistakes))) from None
    return Contents(with_settings(stored, settings), settings)
