"""Weekly arrivals: a profile of the days times a profile of the hours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import fsum
from typing import Literal

from pydantic import Field, field_validator

from aging.campaign.schema import ArrivalsOptions
from aging.core.units import Duration
from aging.load.arrivals.base import Arrivals, Phase
from aging.load.schedule.arrival_times import Times, poisson_in
from aging.load.schedule.phases import until
from aging.load.schedule.rng import Draws

_HOUR = 3600.0
_DAYS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.4)
_HOURS = (
    *(0.3, 0.2, 0.15, 0.15, 0.15, 0.2, 0.35, 0.6, 0.9, 1.2, 1.4, 1.4),
    *(1.3, 1.4, 1.5, 1.5, 1.4, 1.3, 1.2, 1.1, 1.0, 0.8, 0.6, 0.4),
)


class WeeklyOptions(ArrivalsOptions):
    """Poisson arrivals whose rate is constant within each hour of the week."""

    kind: Literal["weekly"]
    rate: float = Field(gt=0, le=100_000, description="requests per second on average over a week")
    days: tuple[float, ...] = Field(_DAYS, description="seven weights, Monday first; only their ratios matter")
    hours: tuple[float, ...] = Field(_HOURS, description="24 weights, from midnight; only their ratios matter")
    start: Duration = Field(
        0.0, ge=0, lt=168 * _HOUR, description="where in the week the load begins, from Monday 0:00"
    )

    @field_validator("days")
    @classmethod
    def _a_week(cls, days: tuple[float, ...]) -> tuple[float, ...]:
        return _weights(days, 7)

    @field_validator("hours")
    @classmethod
    def _a_day(cls, hours: tuple[float, ...]) -> tuple[float, ...]:
        return _weights(hours, 24)


class Weekly(Arrivals[WeeklyOptions]):
    """Load as people make it."""

    kind = "weekly"
    options_table = WeeklyOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        return poisson_in(self._endless(), draws)

    def phases(self, draws: Draws, duration: float) -> tuple[Phase, ...]:  # noqa: ARG002 - nothing of it is drawn
        return until(duration, self._endless())

    def mean_rate(self) -> float:
        return self.options.rate

    def at_rate(self, rate: float) -> Weekly:
        return Weekly(self.options.model_copy(update={"rate": rate}))

    def _endless(self) -> Iterator[Phase]:
        o = self.options
        unit = o.rate * (7 * 24) / (fsum(o.days) * fsum(o.hours))  # rounded once: Python's sum changed in 3.12
        for hour in count(int(o.start // _HOUR)):
            rate = unit * o.days[hour // 24 % 7] * o.hours[hour % 24]
            yield Phase(max(hour * _HOUR - o.start, 0.0), (hour + 1) * _HOUR - o.start, rate)


def _weights(given: tuple[float, ...], count: int) -> tuple[float, ...]:
    if len(given) != count or min(given) < 0 or sum(given) <= 0:
        raise ValueError(f"needs {count} weights, none below 0 and not all 0, got {len(given)}: {list(given)}")
    return given
