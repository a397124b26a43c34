"""Restart at the age that costs least in the long run, by the growth of this generation and earlier lifetimes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import level as written
from aging.core.format import readable_duration
from aging.core.levels import INDICATOR, Level, LevelKey, fitting_limit
from aging.core.metrics import PRIMARY
from aging.core.units import Duration
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.rejuvenation.levels import Ceiling, numbered

if TYPE_CHECKING:
    from aging.stats.renewal.growth_lifetime import GrowthLifetime
    from aging.stats.renewal.optimum import Optimum

_AGAIN, _LOOKS = 0.02, 4
"""The optimum is computed again when a generation has aged by this share, and by a quarter of what is left to it."""

_ENOUGH_FAILURES = 3
"""Failed generations from which their ages alone give an age to restart at."""

_PLAUSIBLE = 0.5
"""A generation that died with at least this part of its room taken may have died of a step over the limit."""


class CostOptimalOptions(RejuvenationOptions):
    """The indicator, its limit, and what a restart and a crash cost."""

    policy: Literal["cost-optimal"]
    indicator: str = Field(PRIMARY, pattern=INDICATOR, description="sampled indicator")
    limit: LevelKey = Field(description="level of the indicator at which the server fails")
    cost_restart: float = Field(gt=0, allow_inf_nan=False, description="cost of a planned restart, in any unit")
    cost_crash: float = Field(
        gt=0, allow_inf_nan=False, description="cost of a crash, in the same unit; the larger one"
    )
    warmup: Duration = Field(0.0, ge=0, description="start of each generation that is left out")
    least: Duration = Field(0.0, ge=0, description="youngest age of a restart, unless the limit is near")
    reserve: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="part of the room between a fresh server's level and the limit; it restarts when only this part is "
        "left, and does not wait when only half of it is",
    )

    @field_validator("limit")
    @classmethod
    def _fits(cls, limit: Level, info: Any) -> Level:
        return fitting_limit(limit, info.data.get("indicator", PRIMARY))

    @property
    def shares(self) -> Mapping[str, str]:
        return {"limit": self.indicator} if self.limit.share else {}

    @model_validator(mode="after")
    def _crash_is_dearer(self) -> CostOptimalOptions:
        if self.cost_crash <= self.cost_restart:
            raise ValueError("cost_crash must be larger than cost_restart; else no restart pays: leave the table out")
        return self


class CostOptimal(Policy[CostOptimalOptions]):
    """Minimizes the long-run cost C(T) of :mod:`aging.stats.renewal.optimum` anew as a generation ages.

    The rate of this generation gives the survival of its rest: what was served already is certain. Where three
    earlier generations or more have failed, the optimum of their lifetimes is kept as well, and the earlier age
    counts. Close to the limit it restarts whatever the rate is: a step or a fast leak may come before a rate is
    known.
    """

    kind = "cost-optimal"
    options_table = CostOptimalOptions
    needs_scipy = True

    def __init__(self, options: CostOptimalOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        from aging.stats.renewal.growth_record import GrowthRecord  # noqa: PLC0415 - scipy: where a table asks for it
        from aging.stats.renewal.observed_lifetimes import complete  # noqa: PLC0415
        from aging.stats.renewal.optimum import Costs, best_age  # noqa: PLC0415

        self._ceiling = Ceiling(options.indicator, subject)
        self._record = GrowthRecord()
        self._costs = Costs(options.cost_restart, options.cost_crash)
        self._level = math.nan
        self._due = 0.0
        self._growth: GrowthLifetime | None = None
        self._best = self._by_lifetimes = math.inf
        self._ended = [one.seconds for one in subject.lifetimes], [one.failed for one in subject.lifetimes]
        if sum(self._ended[1]) >= _ENOUGH_FAILURES:
            self._by_lifetimes = best_age(complete(*self._ended), self._costs)[0]

    @classmethod
    def urgent_part(cls, options: CostOptimalOptions, subject: Subject) -> NearLimit:
        return NearLimit(options, subject)

    @property
    def indicators(self) -> Sequence[str]:
        return (self.options.indicator,)

    def missing(self, read: Collection[str]) -> str | None:
        return super().missing(read) or self._ceiling.missing(self.options.limit)

    def renewed(self, subject: Subject) -> Self:
        from aging.stats.renewal.growth_record import GrowthRecord  # noqa: PLC0415 - scipy, as above

        new = type(self)(self.options, subject)
        new._record = GrowthRecord(earlier_jump=self._largest_jump(subject))
        return new

    def _largest_jump(self, subject: Subject) -> float:
        """Of this generation and earlier ones; one that died near the limit made at least the step to it."""
        jump, limit = self._record.jump, self._limit()
        died = bool(subject.lifetimes) and subject.lifetimes[-1].failed
        if limit is None or not died or math.isnan(self._level):
            return jump
        left = limit - self._level
        return max(jump, left) if left <= (1 - _PLAUSIBLE) * (limit - self._record.fresh) else jump

    def _limit(self) -> float | None:
        return self._ceiling.value(self.options.limit)

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        self._ceiling.see(values)
        value = values.get(self.options.indicator)
        if value is None or not math.isfinite(value) or age < self.options.warmup:
            return
        self._level = value
        self._record.add(age, value)

    def decide(self, now: Moment) -> Decision | None:
        o, limit = self.options, self._limit()
        if limit is None or math.isnan(self._level):
            return None
        reserve = max(o.reserve * max(limit - self._record.fresh, 0.0), self._record.margin(now.age, self._costs))
        if self._level >= limit - reserve:
            reason = (
                f"{o.indicator} is {written(o.indicator, self._level)}, and the next reading may be at its limit of "
                f"{written(o.indicator, limit)}."
            )
            numbers = numbered(o.indicator, level=self._level, limit=limit, reserve=reserve)
            return Decision(reason, numbers, urgent=self._level >= limit - reserve / 2)
        if now.age < o.least:
            return None
        if now.age >= self._due:
            self._look(now.age, limit)
        if now.age < min(self._best, self._by_lifetimes):
            return None
        return self._decision(now.age, limit)

    def _decision(self, age: float, limit: float) -> Decision:
        indicator, best = self.options.indicator, self._optimum()
        rate = 0.0 if self._growth is None else self._growth.rate * 3600
        reason = f"{readable_duration(best.seconds)} is the age at which a restart costs least."
        ages = {"age_seconds": age, "optimum_seconds": best.seconds, "low_seconds": best.low, "high_seconds": best.high}
        levels = numbered(indicator, level=self._level, limit=limit, rate_per_hour=rate)
        return Decision(reason, {**ages, "cost_per_hour": best.cost_rate * 3600, **levels})

    def _look(self, age: float, limit: float) -> None:
        from aging.stats.renewal.optimum import best_age  # noqa: PLC0415 - scipy, as above

        found = self._record.lifetime(age, limit)
        self._growth = None if found is None or found.low <= 0 else found.foreseen()
        self._best = math.inf if self._growth is None else best_age(self._growth.survival(), self._costs)[0]
        far = (self._best - age) / _LOOKS if math.isfinite(self._best) else 0.0
        self._due = age + max(_AGAIN * age, far)

    def _optimum(self) -> Optimum:
        """The optimum that is due first, with its limits."""
        from aging.stats.renewal.growth_lifetime import optimum_of_growth  # noqa: PLC0415 - scipy, as above
        from aging.stats.renewal.observed_lifetimes import optimum_of_lifetimes  # noqa: PLC0415

        if self._growth is not None and self._best <= self._by_lifetimes:
            return optimum_of_growth([self._growth], self._costs)
        return optimum_of_lifetimes(*self._ended, self._costs)


class NearLimit(Policy[CostOptimalOptions]):
    """The urgent part: half the reserve is left, or no more than the level has once risen between two readings."""

    def __init__(self, options: CostOptimalOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        self._ceiling = Ceiling(options.indicator, subject)
        self._fresh = self._level = math.nan
        self._rise = self._fall = 0.0

    @property
    def indicators(self) -> Sequence[str]:
        return (self.options.indicator,)

    def missing(self, read: Collection[str]) -> str | None:
        return super().missing(read) or self._ceiling.missing(self.options.limit)

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        self._ceiling.see(values)
        value = values.get(self.options.indicator)
        if value is None or not math.isfinite(value) or age < self.options.warmup:
            return
        if math.isnan(self._level):
            self._fresh = value
        else:
            self._rise, self._fall = max(self._rise, value - self._level), max(self._fall, self._level - value)
        self._level = value

    def decide(self, now: Moment) -> Decision | None:  # noqa: ARG002 - at any age
        o, limit = self.options, self._ceiling.value(self.options.limit)
        if limit is None:
            return None
        reserve = max(o.reserve * max(limit - self._fresh, 0.0) / 2, self._rise - self._fall)
        if not self._level >= limit - reserve:
            return None
        reason = f"{o.indicator} is {written(o.indicator, self._level)}, and its limit {written(o.indicator, limit)}."
        return Decision(reason, numbered(o.indicator, level=self._level, limit=limit, reserve=reserve), urgent=True)
