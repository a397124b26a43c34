"""One compared quantity before the control of false discoveries: two estimates and their difference."""

from __future__ import annotations

from dataclasses import dataclass

from aging.core.metrics import ages_downwards, is_engine_series, resolution
from aging.findings.comparison.types import Family, Statistic
from aging.stats.difference.uncertain import Uncertain
from aging.stats.difference.welch import Difference

_RELEVANT_SHARE = 0.025
"""Campaigns on one host differ by this part in speed with what else the host does; resolutions have the same part."""

ANSWERS = "client_answers_total"
"""Requests that were answered, as a rate per second."""

OUTPUT_TOKENS = "client_output_tokens_total"
"""Tokens of complete answers, as a rate per second."""

FAILED = "client_failed_ratio"
"""The share of requests that failed or were dropped."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """``baseline`` and ``other`` with their ``difference``, None where a side has no error that is known.

    ``relevant`` is the least difference that matters, in the same unit.
    """

    indicator: str
    statistic: Statistic
    baseline: Uncertain
    other: Uncertain
    difference: Difference | None
    relevant: float

    @property
    def family(self) -> Family:
        """The differences that it is controlled with."""
        if self.indicator.startswith("client_"):
            return "requests"
        return "engine" if is_engine_series(self.indicator) else "server"

    @property
    def more_is_worse(self) -> bool:
        """Whether a greater value is worse than the baseline's."""
        return not (self.indicator in (ANSWERS, OUTPUT_TOKENS) or ages_downwards(self.indicator))


def relevant_level(indicator: str, level: float) -> float:
    """The least difference of two levels that matters, where the baseline's is ``level``."""
    if indicator in (ANSWERS, OUTPUT_TOKENS):
        return _RELEVANT_SHARE * abs(level)
    return 0.0 if indicator == FAILED else resolution(indicator, abs(level))
