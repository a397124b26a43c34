"""Zipf lengths: rank k with a chance in proportion to k^-exponent."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from aging.campaign.schema import LengthsOptions
from aging.load.lengths.base import Lengths, Tokens
from aging.load.schedule.portable_math import Floats, exp, log
from aging.load.schedule.rng import Draws


class ZipfOptions(LengthsOptions):
    """Token counts with a power law: many short ones, and a few that are very long.

    Without a ``mean`` the rank is the length. With one, ranks 1 … 2 mean − 1 are drawn and scaled to it, as Llumnix's
    published generator does (``benchmark/benchmark_serving.py``: exponents 2.0, 1.5, 1.15 and 1.0005 for means
    128, 256, 512 and 1024, ``max`` 6144).
    """

    kind: Literal["zipf"]
    exponent: float = Field(gt=0, le=20, description="exponent of the power law")
    max: int = Field(ge=1, le=1_000_000, description="largest count; longer draws are cut to it")
    mean: float | None = Field(
        None,
        ge=1,
        le=500_000,
        description="ranks up to twice this are scaled to it, as Llumnix does; absent: ranks up to `max`, as they are",
    )

    @model_validator(mode="after")
    def _mean_below(self) -> ZipfOptions:
        if self.mean is not None and self.mean > self.max:
            raise ValueError(f"`mean` must not be above `max`, got {self.mean:g} and {self.max}")
        return self

    @property
    def longest(self) -> int:
        return self.max


class Zipf(Lengths[ZipfOptions]):
    """The inverse of the cumulative distribution over all ranks."""

    kind = "zipf"
    options_table = ZipfOptions

    def tokens(self, draws: Draws, count: int, traced: Tokens | None) -> Tokens:  # noqa: ARG002 - drawn, not replayed
        ranks = np.searchsorted(self._cumulative, draws.uniform(count) * self._cumulative[-1], side="right") + 1
        lengths: Tokens = np.minimum(np.ceil(ranks * self._scale), self.options.max).astype(np.int64)
        return lengths

    @cached_property
    def _weights(self) -> Floats:
        o = self.options
        ranks = o.max if o.mean is None else max(round(2 * o.mean) - 1, 1)
        return exp(-o.exponent * log(np.arange(1.0, ranks + 1)))

    @cached_property
    def _cumulative(self) -> Floats:
        return np.cumsum(self._weights)  # one by one, so that it is the same everywhere

    @cached_property
    def _scale(self) -> float:
        if self.options.mean is None:
            return 1.0
        sums = np.cumsum(self._weights * np.arange(1.0, self._weights.size + 1))
        return self.options.mean * float(self._cumulative[-1]) / float(sums[-1])
