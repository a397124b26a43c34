"""Restart at a fixed age."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import readable_duration
from aging.core.units import Positive
from aging.rejuvenation.base import Decision, Moment, Policy


class PeriodicOptions(RejuvenationOptions):
    """The age at which a generation ends."""

    policy: Literal["periodic"]
    every: Positive = Field(description="age of a generation at which it is restarted")


class Periodic(Policy[PeriodicOptions]):
    """The classical time-based policy (Huang et al., *Software rejuvenation*, FTCS 1995)."""

    kind = "periodic"
    options_table = PeriodicOptions

    def decide(self, now: Moment) -> Decision | None:
        every = self.options.every
        if now.age < every:
            return None
        return Decision(f"{readable_duration(every)} old", {"age_seconds": now.age, "every_seconds": every})
