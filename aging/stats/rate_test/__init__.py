"""Whether the present rate of a series is above or below a limit, looked at repeatedly, with declared errors."""

from aging.stats.rate_test.decision import Outcome, RateDecision, decide
from aging.stats.rate_test.design import Design, planned_looks
from aging.stats.rate_test.growth_total import GrowthTotal, growth_total
from aging.stats.rate_test.sample_size import RequiredTime, least_limit, required_seconds

__all__ = [
    "Design",
    "GrowthTotal",
    "Outcome",
    "RateDecision",
    "RequiredTime",
    "decide",
    "growth_total",
    "least_limit",
    "planned_looks",
    "required_seconds",
]
