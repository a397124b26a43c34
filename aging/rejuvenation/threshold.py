"""Rejuvenate when an indicator has stayed above a limit."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

from pydantic import Field

from aging.campaign.schema import RejuvenationOptions
from aging.campaign.units import Positive
from aging.rejuvenation import Observed, Policy


class ThresholdOptions(RejuvenationOptions):
    """Which indicator, which limit, for how long."""

    policy: Literal["threshold"]
    indicator: str = Field(pattern="^[a-z][a-z0-9_]*$", description="sampled indicator, like process_anon_swap_bytes")
    above: float = Field(description="limit in the indicator's unit")
    window: Positive = Field(10.0, description="the median over this long must be above the limit")


class Threshold(Policy[ThresholdOptions]):
    """The median over the window is compared, so that one spike restarts nothing."""

    kind = "threshold"
    options_table = ThresholdOptions

    def reason(self, age: float, recent: Sequence[Observed]) -> str | None:
        o = self.options
        if age < o.window or not recent:
            return None
        since = recent[-1].mono - o.window
        values = [seen.values[o.indicator] for seen in recent if seen.mono >= since and o.indicator in seen.values]
        if not values or median(values) <= o.above:
            return None
        return f"median {o.indicator} over {o.window:g} s is {median(values):,.0f}, above {o.above:,.0f}"
