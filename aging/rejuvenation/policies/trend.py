"""Restart when an indicator rises significantly and is about to reach its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import readable_duration
from aging.core.units import Duration, Positive
from aging.rejuvenation.base import Decision, Moment, Policy, Subject

if TYPE_CHECKING:
    from aging.stats.sequential_watch import TrendWatch


class TrendOptions(RejuvenationOptions):
    """The indicator, its limit, and the sequential test."""

    policy: Literal["trend"]
    indicator: str = Field("process_anon_swap_bytes", pattern="^[a-z][a-z0-9_]*$", description="sampled indicator")
    limit: float = Field(description="largest permitted value of the indicator, in its unit")
    within: Positive = Field(description="restart when the limit would be reached within this time")
    watch: Positive = Field(86400.0, description="length of one watch, over which the looks are spread evenly")
    looks: int = Field(20, ge=1, le=200, description="number of tests of the trend in one watch")
    alpha: float = Field(0.05, gt=0, lt=1, description="probability of a false alarm in one watch")
    warmup: Duration = Field(0.0, ge=0, description="start of each generation that is left out")


class TrendPolicy(Policy[TrendOptions]):
    """Measurement-based rejuvenation: a sequential trend test, then the time to exhaustion at Sen's slope."""

    kind = "trend"
    options_table = TrendOptions
    needs_scipy = True

    def __init__(self, options: TrendOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        self._began = options.warmup
        self._watch = self._new_watch()
        self._rising = False
        self._level = 0.0

    @property
    def indicators(self) -> Sequence[str]:
        return (self.options.indicator,)

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        value = values.get(self.options.indicator)
        if value is None or age < self._began:
            return
        self._level = value
        self._watch.add(age - self._began, value)

    def decide(self, now: Moment) -> Decision | None:
        age = now.age
        if age < self._began:
            return None
        self._rising |= self._watch.rising(age - self._began)
        if not self._rising:
            if self._watch.over:
                self._began, self._watch = age, self._new_watch()
            return None
        slope, room = self._watch.slope(), self.options.limit - self._level
        if slope <= 0 or room / slope >= self.options.within:
            return None
        left = readable_duration(max(room / slope, 0.0))
        reason = f"{self.options.indicator} rises by {slope * 3600:,.0f} per hour and reaches its limit in {left}"
        return Decision(reason, {"slope_per_hour": slope * 3600, "level": self._level, "limit": self.options.limit})

    def _new_watch(self) -> TrendWatch:
        from aging.stats.sequential_watch import TrendWatch  # noqa: PLC0415 - scipy: for a campaign with this policy

        return TrendWatch(self.options.watch, self.options.looks, self.options.alpha)
