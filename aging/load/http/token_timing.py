"""The times between tokens, summarised in bounded memory while they come."""

from __future__ import annotations

import math
from collections import Counter
from itertools import accumulate

_RATIO = 1.02
"""Width of a bucket: a quantile is within 1 % of the exact one (the idea of DDSketch, Masson et al. 2019)."""

_LEAST_SECONDS = 1e-6
_LOG_RATIO = math.log(_RATIO)


class TokenGaps:
    """Quantiles and the longest of many times in seconds.

    An answer of a million tokens takes some hundred counters: one for every 2 % between a
    microsecond, below which tokens came together, and the longest.
    """

    __slots__ = ("_counts", "longest")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.longest: float | None = None

    def add(self, seconds: float) -> None:
        bucket = int(math.log(seconds / _LEAST_SECONDS) / _LOG_RATIO) + 1 if seconds > _LEAST_SECONDS else 0
        self._counts[bucket] += 1
        if self.longest is None or seconds > self.longest:
            self.longest = seconds

    def quantile(self, share: float) -> float | None:
        """The least time that ``share`` of all do not exceed, to 1 %; None where there are no times."""
        if self.longest is None:
            return None
        buckets = sorted(self._counts)
        passed = accumulate(self._counts[bucket] for bucket in buckets)
        wanted = share * self._counts.total()
        bucket = next(bucket for bucket, count in zip(buckets, passed, strict=True) if count >= wanted)
        middle = _LEAST_SECONDS * _RATIO ** (bucket - 0.5) if bucket else 0.0
        return min(middle, self.longest)
