"""Rejuvenate when the median of an indicator exceeds a level."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from statistics import median
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import level as written
from aging.core.levels import INDICATOR, Level, LevelKey, fitting
from aging.core.units import Positive
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.rejuvenation.levels import Ceiling, numbered

_REARMS_AT = 0.9
_NEAR = 0.95


class ThresholdOptions(RejuvenationOptions):
    """The indicator, the levels at which the policy fires and is armed again, and the window."""

    policy: Literal["threshold"]
    indicator: str = Field(pattern=INDICATOR, description="sampled indicator, like `process_anon_swap_bytes`")
    above: LevelKey = Field(description="level above which the policy fires")
    below: LevelKey | None = Field(
        None,
        description="after a rejuvenation the policy does not fire before the indicator was below this level; by "
        "default 90 % of `above`",
    )
    window: Positive = Field(10.0, description="length of the window whose median is compared with the levels")

    @field_validator("above", "below")
    @classmethod
    def _fits(cls, level: Level | None, info: Any) -> Level | None:
        indicator = info.data.get("indicator")
        return level if level is None or indicator is None else fitting(level, indicator)

    @model_validator(mode="after")
    def _ordered(self) -> ThresholdOptions:
        below = self.below
        if below is not None and below.share == self.above.share and below.number > self.above.number:
            raise ValueError(f"`below` = {below} is higher than `above` = {self.above}; write a lower level")
        return self

    @property
    def shares(self) -> Mapping[str, str]:
        given = {"above": self.above, "below": self.below}
        return {key: self.indicator for key, level in given.items() if level is not None and level.share}


class Threshold(Policy[ThresholdOptions]):
    """Compares the median of a window with the level, so that a single spike causes no rejuvenation; above 95 % of
    a known limit one reading is enough.

    Hysteresis: a rejuvenation disarms the policy until the median is below `below`. Where it stays above, the
    rejuvenation was of no use, and another one would be of none either.
    """

    kind = "threshold"
    options_table = ThresholdOptions

    def __init__(self, options: ThresholdOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        self._recent: deque[tuple[float, float]] = deque()
        self._ceiling = Ceiling(options.indicator, subject)
        self._armed = True

    @property
    def indicators(self) -> Sequence[str]:
        return (self.options.indicator,)

    @property
    def armed(self) -> bool:
        """Whether it fires once the level is above `above`."""
        return self._armed

    def missing(self, read: Collection[str]) -> str | None:
        o = self.options
        lacking = super().missing(read) or self._ceiling.missing(o.above, *(() if o.below is None else (o.below,)))
        if lacking is not None or self._armed:
            return lacking
        below = self._below()
        return (
            f"After its rejuvenation {o.indicator} has not been below {_text(o.indicator, below)}: the policy does not "
            "fire until it is. Raise `above` and `below`, or choose an action that helps."
        )

    def renewed(self, subject: Subject) -> Self:
        new = type(self)(self.options, subject)
        new._armed = False
        return new

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        self._ceiling.see(values)
        value = values.get(self.options.indicator)
        if value is not None:
            self._recent.append((age, value))
        while self._recent and self._recent[0][0] < age - self.options.window:
            self._recent.popleft()

    def decide(self, now: Moment) -> Decision | None:
        o = self.options
        above, below = self._ceiling.value(o.above), self._below()
        if not self._recent or above is None or below is None:
            return None
        if self._armed and (decision := self._at_limit(above)) is not None:
            return decision
        if now.age < o.window:
            return None
        middle = median(value for _, value in self._recent)
        if middle <= below:
            self._armed = True
        if middle <= above or not self._armed:
            return None
        reason = (
            f"The median of {o.indicator} over {o.window:g} s is {_text(o.indicator, middle)}, above "
            f"{_text(o.indicator, above)}."
        )
        numbers = numbered(o.indicator, median=middle, above=above, below=below)
        if self._ceiling.limit is not None:
            numbers |= numbered(o.indicator, limit=self._ceiling.limit)
        return Decision(reason, {**numbers, "window_seconds": o.window})

    def _at_limit(self, above: float) -> Decision | None:
        """Near the limit one reading is enough: a window may be over too late."""
        name, limit, level = self.options.indicator, self._ceiling.limit, self._recent[-1][1]
        if limit is None or level < max(_NEAR * limit, above):
            return None
        reason = f"{name} is {_text(name, level)}, at least {_NEAR:.0%} of its limit of {_text(name, limit)}."
        return Decision(reason, numbered(name, level=level, above=above, limit=limit), urgent=True)

    def _below(self) -> float | None:
        o = self.options
        if o.below is not None:
            return self._ceiling.value(o.below)
        above = self._ceiling.value(o.above)
        return None if above is None else _REARMS_AT * above


def _text(indicator: str, value: float | None) -> str:
    return "an unknown level" if value is None else written(indicator, value)
