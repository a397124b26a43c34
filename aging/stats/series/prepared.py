"""One series with what several tests and the analysis ask of it, each computed at most once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.noise.autoregression import Autoregression, autoregressive_autocorrelation
from aging.stats.noise.fractional import fractional_autocorrelation, memory
from aging.stats.noise.har_variance import cosines_of_test, slope_variance
from aging.stats.noise.models import detrend, inflation, is_zero, models
from aging.stats.noise.prewhitening import without_lag_one
from aging.stats.series.validation import Floats, SeriesError, as_series
from aging.stats.slope.kendall import Ranked, kendall_s, ranked
from aging.stats.slope.pairwise_selection import select_slopes
from aging.stats.slope.sen import middle_ranks, steps_from_one


@dataclass(frozen=True)
class Observed:
    """Values ``y`` at times ``t`` (seconds, strictly increasing), both shape (n,), and pure functions of them.

    Arrays are shared: do not write to them.
    """

    t: Floats
    y: Floats
    _slopes: dict[int, float] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, t: ArrayLike, y: ArrayLike, least: int = 1) -> Observed:
        """Take a series as it is given; raises as :func:`~aging.stats.series.validation.as_series` does."""
        return cls(*as_series(t, y, least))

    @property
    def n(self) -> int:
        return self.t.size

    def at_least(self, least: int) -> Observed:
        """Return this series if it has as many samples; raises :class:`~aging.stats.SeriesError` otherwise."""
        if self.n < least:
            raise SeriesError(f"the series has {self.n} distinct times; at least {least} are needed")
        return self

    def slopes(self, ranks: Sequence[int]) -> list[float]:
        """Return the pairwise slopes of these ranks, 0 the least."""
        missing = [rank for rank in dict.fromkeys(ranks) if rank not in self._slopes]
        if missing:
            self._slopes.update(zip(missing, select_slopes(self.t, self.y, missing).tolist(), strict=True))
        return [self._slopes[rank] for rank in ranks]

    @property
    def sen_slope(self) -> float:
        """The median pairwise slope."""
        lower, upper = self.slopes(middle_ranks(self.n))
        return (lower + upper) / 2 + 0.0  # + 0.0 turns -0.0 into 0.0

    @cached_property
    def ranked(self) -> Ranked:
        """Ranks and Kendall's S of the values."""
        return ranked(self.y)

    @cached_property
    def rank_trend(self) -> tuple[float, Floats]:
        """The least-squares slope of the ranks, times sqrt(S_tt), and their residuals."""
        return detrend(self.ranked.ranks)

    @cached_property
    def rank_noise(self) -> tuple[Autoregression, Autoregression] | None:
        """The AR models, long-memory and parsimonious, of the ranks' residuals; None where those are zero."""
        _, residuals = self.rank_trend
        return None if is_zero(residuals, self.n) else models(residuals)

    @cached_property
    def rank_trend_variance(self) -> float:
        """The variance of the ranks' slope under those models and fractional noise; 0 where there is no noise."""
        _, residuals = self.rank_trend
        if self.rank_noise is None:
            return 0.0
        return slope_variance(residuals, self._autocorrelations(self.rank_noise), cosines_of_test(self.n))

    def _autocorrelations(self, noise: tuple[Autoregression, Autoregression]) -> Iterator[Floats]:
        yield autoregressive_autocorrelation(noise[0].phi, self.n)
        yield self._parsimonious
        d = memory(self.rank_trend[1], noise)
        if d is not None:
            yield fractional_autocorrelation(d, self.n)

    @cached_property
    def _parsimonious(self) -> Floats:
        return (
            autoregressive_autocorrelation(self.rank_noise[1].phi, self.n) if self.rank_noise else np.eye(1, self.n)[0]
        )

    @property
    def rank_inflation(self) -> float:
        """Var S over its value under independence, under the parsimonious model of the ranks' residuals."""
        return inflation(self._parsimonious)

    @cached_property
    def steps(self) -> Floats:
        """Times as the field's tools count them."""
        return steps_from_one(self.t)

    @cached_property
    def without_trend(self) -> Floats:
        """The values less their Sen slope, shape (n,)."""
        return self.y - self.sen_slope * self.steps

    @cached_property
    def s_pre_whitened(self) -> tuple[int, float]:
        """S and var S of the values less their first autocorrelation."""
        return kendall_s(without_lag_one(self.y))

    @cached_property
    def s_trend_free_pre_whitened(self) -> tuple[int, float]:
        """S and var S of the whitened residuals of the Sen slope with the slope put back."""
        return kendall_s(without_lag_one(self.without_trend) + self.sen_slope * self.steps[:-1])
