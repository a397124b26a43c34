"""Whether the present rate of a series is above or below a limit, looked at repeatedly, with declared errors.

A name is imported from its module when it is asked for: the process that measures plans looks without scipy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aging.stats.rate_test.decision import Outcome, RateDecision, decide
    from aging.stats.rate_test.design import Design, planned_looks
    from aging.stats.rate_test.sample_size import RequiredTime, least_limit, required_seconds
    from aging.stats.rate_test.total import GrowthTotal, growth_total

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

_NAMES = {
    "decision": ("Outcome", "RateDecision", "decide"),
    "design": ("Design", "planned_looks"),
    "sample_size": ("RequiredTime", "least_limit", "required_seconds"),
    "total": ("GrowthTotal", "growth_total"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
