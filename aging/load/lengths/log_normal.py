"""Log-normal lengths, clipped to `[min, max]`: `min ≤ median ≤ p95 ≤ max`."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from aging.campaign.schema import LengthsOptions
from aging.load.lengths.base import Lengths, Tokens
from aging.load.schedule.portable_math import exp, log, normal_quantile
from aging.load.schedule.rng import Draws

_Z95 = 1.6448536269514722  # 95 % quantile of the standard normal distribution


class LogNormal(LengthsOptions):
    """Token counts drawn log-normally, clipped to ``[min, max]``."""

    kind: Literal["log-normal"] = "log-normal"
    median: float = Field(gt=0, description="median, in tokens")
    p95: float = Field(gt=0, description="95th percentile, in tokens; equal to the median for a constant length")
    min: int = Field(ge=1, description="smallest count; shorter draws are raised to it")
    max: int = Field(ge=1, le=1_000_000, description="largest count; longer draws are cut to it")

    @model_validator(mode="after")
    def _ordered(self) -> LogNormal:
        if not self.min <= self.median <= self.p95 <= self.max:
            got = f"{self.min} / {self.median:g} / {self.p95:g} / {self.max}"
            raise ValueError(f"must be ordered min ≤ median ≤ p95 ≤ max, got {got}")
        return self

    @property
    def longest(self) -> int:
        return self.max


class LogNormalLengths(Lengths[LogNormal]):
    """The exponential of a normal quantile, rounded and clipped."""

    kind = "log-normal"
    options_table = LogNormal

    def tokens(self, draws: Draws, count: int, traced: Tokens | None) -> Tokens:  # noqa: ARG002 - drawn, not replayed
        o = self.options
        if o.p95 == o.median:
            return np.full(count, min(max(round(o.median), o.min), o.max), dtype=np.int64)
        sigma = float(log(np.array([o.p95 / o.median]))[0]) / _Z95
        drawn = o.median * exp(sigma * normal_quantile(draws.uniform(count) + 2.0**-54))
        return np.clip(np.rint(drawn), o.min, o.max).astype(np.int64)
