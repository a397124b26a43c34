"""Restart at a fixed age."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import readable_duration
from aging.core.units import Positive
from aging.rejuvenation.base import Policy


class PeriodicOptions(RejuvenationOptions):
    """The age at which a generation ends."""

    policy: Literal["periodic"]
    every: Positive = Field(description="age of a generation at which it is restarted")


class Periodic(Policy[PeriodicOptions]):
    """The classical time-based policy (Huang et al., *Software rejuvenation*, FTCS 1995)."""

    kind = "periodic"
    options_table = PeriodicOptions

    def reason(self, age: float) -> str | None:
        return f"{readable_duration(self.options.every)} old" if age >= self.options.every else None
