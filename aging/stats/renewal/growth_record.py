"""A series in bounded memory: means and largest values of equally long blocks, and what they say of its growth."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from aging.stats.renewal.growth_lifetime import GrowthLifetime
from aging.stats.renewal.optimum import Costs
from aging.stats.series.lengths import LEAST_FOR_INTERVAL
from aging.stats.series.validation import Floats
from aging.stats.slope.interval import sen_slope_autocorrelated

_MOST = 256
_PEAKS = 0.8
"""Half the width of the 95 % limits of the largest of some hundred normal values, in their standard deviations."""


class GrowthRecord:
    """Readings of one generation as at most 256 blocks; when they are full, neighbors are merged: O(1) per reading.

    ``step`` is the length of the first blocks in seconds; a block without a reading is left out. ``earlier_jump`` is
    the largest rise between two readings of earlier generations, as :attr:`jump` has it.
    """

    def __init__(self, step: float = 1.0, earlier_jump: float = 0.0) -> None:
        self._step, self._earlier_jump = step, earlier_jump
        self._start: float | None = None
        self._sums, self._counts, self._tops = (np.zeros(_MOST) for _ in range(3))
        self._tops -= np.inf
        self._last: float | None = None
        self._rise = self._fall = self._squares = 0.0
        self._readings = 0

    def add(self, age: float, value: float) -> None:
        """Take a reading at this age, in seconds that do not go back."""
        if self._start is None or self._last is None:
            self._start = age
        else:
            rise = value - self._last
            self._rise, self._fall = max(self._rise, rise), max(self._fall, -rise)
            self._squares += rise * rise
            self._readings += 1
        self._last = value
        block = int((age - self._start) / self._step)
        while block >= _MOST:
            self._merge()
            block = int((age - self._start) / self._step)
        self._sums[block] += value
        self._counts[block] += 1
        self._tops[block] = max(self._tops[block], value)

    @property
    def fresh(self) -> float:
        """The level at its start: the median of a twentieth of the blocks, at least three; NaN without readings."""
        _, means, _ = self.blocks()
        return float(np.median(means[: max(means.size // 20, 3)])) if means.size else float("nan")

    @property
    def jump(self) -> float:
        """How much larger the largest rise between two readings is than the largest fall: of noise about 0.

        It is no less than that of earlier generations: a young one has not seen its largest rise yet.
        """
        return max(self._rise - self._fall, self._earlier_jump)

    def margin(self, age: float, costs: Costs) -> float:
        """How close to the limit a level at ``age`` is at which the next reading may be beyond it: stop before.

        One step more is worth c_r / age times its length, and costs c_f - c_r times the probability of crossing (the
        condition of the optimum, hazard * (c_f - c_r) = C). The step is normal, as large as those seen.
        """
        if not self._readings or costs.crash <= costs.restart or self._start is None or age <= self._start:
            return self.jump
        step = (age - self._start) / self._readings
        share = min(step / age * costs.restart / (costs.crash - costs.restart), 0.5)
        return max(-float(ndtri(share)) * math.sqrt(self._squares / self._readings), self.jump)

    def blocks(self) -> tuple[Floats, Floats, Floats]:
        """The middles (seconds of age), means and largest values of blocks that hold readings, all of shape (m,)."""
        held = np.flatnonzero(self._counts)
        middles = np.asarray((self._start or 0.0) + (held + 0.5) * self._step, dtype=np.float64)
        return middles, self._sums[held] / self._counts[held], self._tops[held]

    def lifetime(self, age: float, limit: float) -> GrowthLifetime | None:
        """When the generation reaches ``limit``, seen at ``age``; None with too few readings.

        The rate is Sen's slope of the means with its interval. What is left counts from the line through the means at
        ``age``, plus the most that a reading was above the line and a jump: the limit is met by a peak, not by the
        mean.
        """
        t, means, tops = self.blocks()
        if t.size < LEAST_FOR_INTERVAL:
            return None
        slope = sen_slope_autocorrelated(t, means)
        line = float(np.median(means - slope.slope * t)) + slope.slope * t
        # The line bends where growth is not constant: its end is where the last tenth of the readings is.
        last = max(t.size // 10, 3)
        end = float(np.median(means[-last:] - slope.slope * (t[-last:] - age)))
        peak = max(float(np.max((tops - line)[t.size // 2 :])) - float(np.median((means - line)[-last:])), 0.0)
        spread = _PEAKS * float(np.std(tops - line))
        return GrowthLifetime(age, limit - end - peak - self.jump, slope.slope, slope.low, slope.high, spread)

    def _merge(self) -> None:
        half = _MOST // 2
        for name, merged in (("_sums", np.sum), ("_counts", np.sum), ("_tops", np.max)):
            pairs = merged(getattr(self, name).reshape(half, 2), axis=1)
            setattr(self, name, np.append(pairs, np.full(half, -np.inf if name == "_tops" else 0.0)))
        self._step *= 2
