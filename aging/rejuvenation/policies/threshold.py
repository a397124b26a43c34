"""Restart when the median of an indicator exceeds a limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

from pydantic import Field

from aging.campaign.schema import RejuvenationOptions
from aging.core.units import Positive
from aging.rejuvenation.base import Decision, Moment, Policy, Subject


class ThresholdOptions(RejuvenationOptions):
    """The indicator, its limit, and the window."""

    policy: Literal["threshold"]
    indicator: str = Field(pattern="^[a-z][a-z0-9_]*$", description="sampled indicator, like `process_anon_swap_bytes`")
    above: float = Field(description="limit, in the unit of the indicator")
    window: Positive = Field(10.0, description="length of the window whose median is compared with the limit")


class Threshold(Policy[ThresholdOptions]):
    """Compares the median of a window with the limit, so that a single spike causes no restart."""

    kind = "threshold"
    options_table = ThresholdOptions

    def __init__(self, options: ThresholdOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        self._recent: deque[tuple[float, float]] = deque()

    @property
    def indicators(self) -> Sequence[str]:
        return (self.options.indicator,)

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        value = values.get(self.options.indicator)
        if value is not None:
            self._recent.append((age, value))
        while self._recent and self._recent[0][0] < age - self.options.window:
            self._recent.popleft()

    def decide(self, now: Moment) -> Decision | None:
        o = self.options
        if now.age < o.window or not self._recent:
            return None
        middle = median(value for _, value in self._recent)
        if middle <= o.above:
            return None
        reason = f"median {o.indicator} over {o.window:g} s is {middle:,.0f}, above {o.above:,.0f}"
        return Decision(reason, {"median": middle, "above": o.above})
