"""The public API: results, trends and campaigns from a notebook, a script or a test; docs/api.md has examples.

What a caller gives and it cannot use is an :class:`~aging.core.errors.InputError`: an AgingError and a ValueError.
"""

from aging.api.analysis import analyze
from aging.api.campaign_run import run
from aging.api.comparison import Comparison, compare
from aging.api.own_series import trend
from aging.api.results import Results, load_results, open_results
from aging.api.studies import Study, load_study
from aging.api.trend_result import TrendResult
from aging.core.errors import AgingError

__all__ = [
    "AgingError",
    "Comparison",
    "Results",
    "Study",
    "TrendResult",
    "analyze",
    "compare",
    "load_results",
    "load_study",
    "open_results",
    "run",
    "trend",
]
