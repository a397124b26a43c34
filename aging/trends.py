"""The former name of :mod:`aging.stats`, for one release: it goes in 0.3."""

from __future__ import annotations

import warnings

from aging.stats import *  # noqa: F403
from aging.stats import __all__ as __all__  # noqa: PLC0414

warnings.warn(
    "aging.trends is now called aging.stats, and its old name goes in 0.3: write `from aging import stats`",
    DeprecationWarning,
    stacklevel=2,
)
