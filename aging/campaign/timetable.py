"""The timetable of a campaign, computed from its file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aging.campaign.plan import rounds
from aging.campaign.schema import Campaign


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run: its round, its slot, the earliest start of its load (seconds from the campaign's), and its levels."""

    round: int
    begins: float
    slot: str
    deployment: str
    replica: int
    seed: int
    levels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timetable:
    """The runs in order; seconds of load and of pauses, and the most seconds that starts and settling can add."""

    runs: Sequence[PlannedRun]
    load: float
    pauses: float
    at_most_more: float


def timetable(campaign: Campaign) -> Timetable:
    """The timetable of a campaign. ``begins`` excludes starts of servers and settling, whose lengths are unknown."""
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
