"""What a campaign will do and when, as far as its file tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aging.campaign.plan import rounds
from aging.campaign.schema import Campaign


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run: its round and slot, when its load begins at the earliest (seconds from the start), and its levels."""

    round: int
    begins: float
    slot: str
    deployment: str
    replica: int
    seed: int
    levels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timetable:
    """The runs in order. Seconds: the load's and the pauses', and the most that starting and settling may add."""

    runs: Sequence[PlannedRun]
    load: float
    pauses: float
    at_most_more: float


def timetable(campaign: Campaign) -> Timetable:
    """The timetable of a campaign. Starts of servers and settling are not in ``begins``: they take what they take."""
    planned = rounds(campaign)
    step = campaign.duration + campaign.cooldown
    runs = [
        PlannedRun(
            round=number + 1,
            begins=number * step,
            slot=run.options.slot or run.options.name,
            deployment=run.options.name,
            replica=run.replica,
            seed=run.seed,
            levels=_levels(campaign, run.options.name),
        )
        for number, together in enumerate(planned)
        for run in together
    ]
    starting = sum(max(run.options.ready_timeout for run in together) for together in planned)
    between = len(planned) - 1
    return Timetable(
        runs=runs,
        load=len(planned) * campaign.duration,
        pauses=between * campaign.cooldown,
        at_most_more=starting + between * campaign.settle,
    )


def _levels(campaign: Campaign, name: str) -> Mapping[str, Any]:
    treatment = campaign.treatments.get(name)
    return {} if treatment is None else treatment.levels
