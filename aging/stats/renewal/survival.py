"""The survival of a generation: the probability that it has not failed at an age."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aging.stats.series.validation import Floats, SeriesError


@dataclass(frozen=True)
class Survival:
    """S, linear between the ages ``t`` (seconds, ascending from 0), with jumps at them; all arrays have shape (n,).

    ``before`` is the limit from below at each age, ``after`` the value there: they differ by the probability of failing
    at exactly that age. After the last age S stays at ``after[-1]``, the probability of never failing.
    """

    t: Floats
    before: Floats
    after: Floats

    def __post_init__(self) -> None:
        t, s = self.t, np.ravel(np.column_stack((self.before, self.after)))
        if t.size == 0 or t[0] != 0 or np.any(np.diff(t) <= 0) or not np.all(np.isfinite(t)):
            raise SeriesError("a survival needs finite ages that ascend from 0")
        if self.before[0] != 1 or s.min() < 0 or np.any(np.diff(s) > 1e-12):
            raise SeriesError("a survival falls from 1 and is never below 0")

    @classmethod
    def tabulated(cls, survival: Callable[[Floats], Floats], ages: Floats) -> Survival:
        """A continuous S, given as a function, at these ages from 0 on; after the last of them no generation fails."""
        s = np.asarray(survival(ages), dtype=np.float64)
        return cls(ages, s, s)

    @classmethod
    def stepped(cls, ages: Floats, after: Floats) -> Survival:
        """S that falls to ``after`` at ``ages`` > 0 and is constant between them."""
        return cls(
            np.append(0.0, ages), np.concatenate(([1.0, 1.0], after[:-1]))[: ages.size + 1], np.append(1.0, after)
        )

    @classmethod
    def mixture(cls, parts: Sequence[Survival]) -> Survival:
        """S of a generation that follows each of ``parts`` with the same probability."""
        if len(parts) == 1:
            return parts[0]
        t = np.unique(np.concatenate([one.t for one in parts]))
        before, after = (np.mean(each, axis=0) for each in zip(*(one._limits(t) for one in parts), strict=True))
        return cls(t, before, after)

    @property
    def never(self) -> float:
        """The probability of never failing."""
        return float(self.after[-1])

    @property
    def mean(self) -> float:
        """The mean lifetime in seconds."""
        return float("inf") if self.never > 0 else float(self._areas[-1])

    def before_age(self, ages: Floats) -> Floats:
        """The probability of not failing before each of ``ages`` (the limit from below), shape of ``ages``."""
        return self._limits(np.asarray(ages, dtype=np.float64))[0]

    def served(self, ages: Floats) -> Floats:
        """The mean seconds that a generation serves, if it is restarted at each of ``ages``: the integral of S."""
        ages = np.asarray(ages, dtype=np.float64)
        cell = np.clip(np.searchsorted(self.t, ages, side="left") - 1, 0, self.t.size - 1)
        rest = ages - self.t[cell]
        return np.asarray(self._areas[cell] + rest * (self.after[cell] + self.before_age(ages)) / 2)

    def quantile(self, share: float) -> float:
        """The age in seconds before which this share of the generations has failed; infinite where it never is."""
        if self.never > 1 - share:
            return float("inf")
        there = int(np.argmax(self.after <= 1 - share))
        if self.before[there] > 1 - share or there == 0:
            return float(self.t[there])
        high, low = self.after[there - 1], self.before[there]
        return float(np.interp(1 - share, (low, high), (self.t[there], self.t[there - 1])))

    def _limits(self, ages: Floats) -> tuple[Floats, Floats]:
        """The limits of S from below and from above at ``ages``."""
        at = np.searchsorted(self.t, ages, side="left")
        known = at < self.t.size
        hit = known & (self.t[np.minimum(at, self.t.size - 1)] == ages)
        cell = np.clip(at - 1, 0, self.t.size - 1)
        following = np.minimum(cell + 1, self.t.size - 1)
        width = np.where(known & ~hit, self.t[following] - self.t[cell], 1.0)
        share = np.where(known & ~hit, (ages - self.t[cell]) / width, 0.0)
        between = self.after[cell] + share * (self.before[following] - self.after[cell])
        place = np.minimum(at, self.t.size - 1)
        return np.where(hit, self.before[place], between), np.where(hit, self.after[place], between)

    @cached_property
    def _areas(self) -> Floats:
        """The integral of S up to each of ``t``."""
        return np.append(0.0, np.cumsum(np.diff(self.t) * (self.after[:-1] + self.before[1:]) / 2))
