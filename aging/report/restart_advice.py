"""How often to restart the deployments that reach a limit, as far as the results say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aging.stats.trend_tests
from aging.core.errors import InputError, MistakesError
from aging.core.plugins import discover
from aging.findings.rejuvenation.advice import Advice, Question, advise
from aging.findings.series import Measured
from aging.findings.types import Finding
from aging.stats.trend_tests.base import TrendTest


def restarts_of(measured: Measured, findings: Sequence[Finding], names: Sequence[str]) -> Mapping[str, Advice]:
    """The advice on these deployments; of one without a limit or costs there is none."""
    found: dict[str, Advice] = {}
    tests = discover(aging.stats.trend_tests, TrendTest) if names else {}
    for name in names:
        try:
            found[name] = advise(measured, tests, Question(deployments=(name,), replay=False), findings)[0]
        except (MistakesError, InputError):
            continue
    return found
