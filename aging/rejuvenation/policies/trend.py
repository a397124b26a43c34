"""Rejuvenate when an indicator grows and may reach its limit soon; at once when the limit is all but reached."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, field_validator

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import level as written
from aging.core.format import readable_duration, slope
from aging.core.levels import INDICATOR, Level, LevelKey, fitting_limit
from aging.core.metrics import PRIMARY, resolution
from aging.core.units import Duration, Positive
from aging.rejuvenation.approach import Approach
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.rejuvenation.levels import Ceiling, numbered

if TYPE_CHECKING:
    from aging.stats.sequential_watch import Rise, TrendWatch


_SEEN = 2 / 3
"""Least part of the way to the limit, from the lowest level of the watch, that growth was seen on: a cache that fills
looks like a leak, and is full before."""


class TrendOptions(RejuvenationOptions):
    """The indicator, its limit, and the sequential test."""

    policy: Literal["trend"]
    indicator: str = Field(PRIMARY, pattern=INDICATOR, description="sampled indicator")
    limit: LevelKey = Field(
        Level(1.0, share=True, written="100%"), description="level that the indicator must not reach"
    )
    within: Positive = Field(description="the policy fires when the limit may be reached within this time")
    backstop: LevelKey = Field(
        Level(0.95, share=True, written="95%"),
        description="share of `limit` at which the policy fires at once, whatever the trend",
    )
    lead: Positive = Field(
        60.0,
        description="the policy also fires at once when the last readings go on rising and would reach `limit` within "
        "this time: what its action takes",
    )
    watch: Positive = Field(86400.0, description="length of one watch, over which the looks are spread")
    looks: int = Field(20, ge=1, le=200, description="number of tests of the trend in one watch, ever more rarely")
    alpha: float = Field(0.05, gt=0, lt=1, description="probability of a false alarm in one watch")
    warmup: Duration = Field(0.0, ge=0, description="start of each generation that is left out, but for `backstop`")

    @field_validator("limit")
    @classmethod
    def _fits(cls, limit: Level, info: Any) -> Level:
        return fitting_limit(limit, info.data.get("indicator", PRIMARY))

    @field_validator("backstop")
    @classmethod
    def _is_share(cls, backstop: Level) -> Level:
        if not backstop.share:
            raise ValueError(f'{backstop} is not a share of `limit`; write "1%" to "100%", like "95%"')
        return backstop

    @property
    def shares(self) -> Mapping[str, str]:
        return {"limit": self.indicator} if self.limit.share else {}


class TrendPolicy(Policy[TrendOptions]):
    """Measurement-based rejuvenation (Garg et al., ISSRE 1998) with error probabilities.

    It fires for one of three reasons:

    - A look of the watch (:class:`~aging.stats.sequential_watch.TrendWatch`) finds sustained growth, and the earliest
      time to exhaustion, (limit - level) / upper 95 % limit of the current rate, is inside `within`. Two thirds of the
      way to the limit were seen in this watch, and neither an earlier watch nor the warm-up saw as high a level: else
      what grows may be a cache, which is full before.
    - Urgent: the level is at `backstop` of the limit, however young the generation is. A step runs past no watch.
    - Urgent: the last readings go on rising and reach the limit within `lead` (:class:`~aging.rejuvenation.approach.
      Approach`). A leak that fills the limit in a minute runs past no watch.
    """

    kind = "trend"
    options_table = TrendOptions
    needs_scipy = True

    def __init__(self, options: TrendOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        self._ceiling = Ceiling(options.indicator, subject)
        self._approach = Approach(options.lead)
        self._began = options.warmup
        self._watch: TrendWatch | None = None
        self._again: float | None = None
        self._standing: Decision | None = None
        self._level = math.nan
        self._peak = self._peak_before = -math.inf
        self._watches = True

    @classmethod
    def urgent_part(cls, options: TrendOptions, subject: Subject) -> Self | None:
        policy = cls(options, subject)
        policy._watches = False
        return policy

    @property
    def indicators(self) -> Sequence[str]:
        return (self.options.indicator,)

    def missing(self, read: Collection[str]) -> str | None:
        return super().missing(read) or self._ceiling.missing(self.options.limit)

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        self._ceiling.see(values)
        value = values.get(self.options.indicator)
        if value is None:
            return
        self._level = value
        self._approach.see(age, value)
        if age < self.options.warmup:
            self._peak = self._peak_before = max(self._peak, value)
            return
        self._peak = max(self._peak, value)
        if not self._watches:
            return
        if self._watch is None:
            self._watch = self._new_watch(age)
        self._watch.add(age - self._began, value)

    def decide(self, now: Moment) -> Decision | None:
        limit = self._ceiling.value(self.options.limit)
        if limit is None or math.isnan(self._level):
            return None
        return self._at_backstop(limit) or self._about_to_reach(now.age, limit) or self._by_trend(now.age, limit)

    def _at_backstop(self, limit: float) -> Decision | None:
        name, backstop = self.options.indicator, self.options.backstop.number * limit
        if self._level < backstop:
            return None
        reason = f"{name} is {written(name, self._level)}, at least {self.options.backstop} of {written(name, limit)}."
        return Decision(reason, numbered(name, level=self._level, limit=limit, backstop=backstop), urgent=True)

    def _about_to_reach(self, age: float, limit: float) -> Decision | None:
        if age < self.options.warmup:
            return None
        name, left = self.options.indicator, self._approach.seconds_left(limit)
        if left > self.options.lead:
            return None
        rate = (limit - self._level) / left * 3600
        reason = (
            f"{name} is {written(name, self._level)} and rises by {slope(name, rate, 'h')}: it reaches "
            f"{written(name, limit)} in {readable_duration(left)}."
        )
        numbers = numbered(name, level=self._level, limit=limit, rate_per_hour=rate)
        return Decision(reason, {**numbers, "left_seconds": left, "lead_seconds": self.options.lead}, urgent=True)

    def _by_trend(self, age: float, limit: float) -> Decision | None:
        watch, t = self._watch, age - self._began
        if watch is None or t < 0:
            return None
        if self._again is not None and t < self._again:
            return self._standing
        rise = watch.look(t) if self._again is None else watch.again()
        if rise is None:
            if self._again is not None or watch.over:  # it has ended, or none was found
                self._watch, self._peak_before = self._new_watch(age), self._peak
                self._again = self._standing = None
            return None
        self._standing = self._of_rise(rise, watch, t, limit)
        return self._standing

    def _of_rise(self, rise: Rise, watch: TrendWatch, t: float, limit: float) -> Decision | None:
        from aging.stats.growth.exhaustion import time_to_exhaustion  # noqa: PLC0415 - with the watch

        course = rise.trend.course
        if course is None:
            return None
        o, level = self.options, max(self._level, course.level)
        left = time_to_exhaustion(level, limit, course.rate, course.low, max(course.high, course.rate))
        self._again = watch.next_after(t, (left.earliest - o.within) / 2)
        began = float(watch.blocks()[1].min())
        if left.earliest > o.within or level - began < _SEEN * (limit - began) or self._level <= self._peak_before:
            return None
        rate, low, high = (each * 3600 for each in (course.rate, course.low, course.high))
        reason = (
            f"{o.indicator} grows by {slope(o.indicator, rate, 'h')} (95 %: {slope(o.indicator, low, 'h')} to "
            f"{slope(o.indicator, high, 'h')}) from {written(o.indicator, level)} and reaches "
            f"{written(o.indicator, limit)} in {readable_duration(left.earliest)} at the earliest."
        )
        numbers = numbered(
            o.indicator, level=level, limit=limit, rate_per_hour=rate, low_per_hour=low, high_per_hour=high
        )
        times = {"earliest_seconds": left.earliest, "left_seconds": left.seconds, "within_seconds": o.within}
        test = {"p": rise.trend.p, "p_allowed": rise.level, "look": float(rise.look)}
        return Decision(reason, {**numbers, **times, **test})

    def _new_watch(self, age: float) -> TrendWatch:
        from aging.stats.sequential_watch import TrendWatch  # noqa: PLC0415 - scipy: for a campaign with this policy

        o = self.options
        self._began = age
        least = resolution(o.indicator, abs(self._level))
        return TrendWatch(o.watch, o.looks, o.alpha, origin=age, resolution=least)
