"""Rejuvenate at a fixed age."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import readable_duration
from aging.core.units import Duration, Flag
from aging.rejuvenation.base import Decision, Moment, Policy, Subject


class PeriodicOptions(RejuvenationOptions):
    """The age at which a generation ends."""

    policy: Literal["periodic"]
    every: Annotated[Duration, Field(ge=1)] = Field(
        description="age of a generation at which it is rejuvenated; at least 1 s"
    )
    stagger: Flag = Field(
        True,
        description="`true`: the first generations of the table's deployments end one after the other, spread over "
        "`every`, so that deployments that start together are not rejuvenated together",
    )

    @property
    def shortest_life(self) -> float:
        return self.every


class Periodic(Policy[PeriodicOptions]):
    """The classical time-based policy (Huang et al., *Software rejuvenation*, FTCS 1995).

    A generation ends at the age T = ``every``. With ``stagger``, the first generation of server i of n (i from 0) ends
    at T * (n - i) / n: i * T / n sooner, never later, since a server that lives longer than T may not survive it. From
    then on servers that take equally long to come back stay T / n apart.
    """

    kind = "periodic"
    options_table = PeriodicOptions

    def __init__(self, options: PeriodicOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        self._staggers = options.stagger and subject.generation == 1

    def renewed(self, subject: Subject) -> Self:
        new = super().renewed(subject)
        new._staggers = False  # also where the action starts no new generation
        return new

    @property
    def due(self) -> float:
        """The age in seconds at which this generation ends."""
        every, subject = self.options.every, self.subject
        if not self._staggers:
            return every
        return every * (subject.count - subject.index) / subject.count

    def decide(self, now: Moment) -> Decision | None:
        due, every = self.due, self.options.every
        if now.age < due:
            return None
        reason = f"The server has run for {readable_duration(now.age)}; it is due after {readable_duration(due)}."
        return Decision(reason, {"age_seconds": now.age, "due_seconds": due, "every_seconds": every})
