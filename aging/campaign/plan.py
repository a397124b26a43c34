"""Which runs there are, in which order, and which of them run together.

Deployments of one slot take turns; slots run side by side in rounds, whose loads begin at one shared instant: at any
time all deployments are at the same place of the same schedule, and what disturbs the host disturbs all of a round
alike. All runs are equally long, so what a slot waits for is the slowest start and stop of a round, not its load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from random import Random

from aging.campaign.schema import Campaign, LoadTable, SubjectOptions

_REPLICA_SEEDS = 1_000_003
"""Distance between the seeds of two replicas: campaigns whose seeds are neighbours share none."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One deployment, one replica. Equal replicas have equal seeds, so every deployment gets the same load.

    ``attempt`` counts its repeats: a run that ended broken may be run again.
    """

    options: SubjectOptions
    replica: int
    seed: int
    load: LoadTable | None
    attempt: int = 1

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from other runs: its deployment and replica."""
        return self.options.name, self.replica

    def again(self) -> PlannedRun:
        """The same run, another attempt."""
        return replace(self, attempt=self.attempt + 1)


PlannedRound = tuple[PlannedRun, ...]


def rounds(campaign: Campaign) -> tuple[PlannedRound, ...]:
    """The campaign as rounds of runs that start together.

    Every replica is finished before the next begins (round-robin), so that a drift of the host hits all deployments
    alike. Within a replica they come as written, or in an order drawn by the seed; points of a designed experiment
    always in one that is drawn, the same in every slot. A deployment without a slot has one to itself.
    """
    slots: dict[str, list[SubjectOptions]] = {}
    for options in campaign.deployment:
        slots.setdefault(slot_of(options), []).append(options)
    lanes = [
        [
            _run(campaign, options, replica)
            for replica in range(1, campaign.replicas + 1)
            for options in _ordered(campaign, slot, lane, replica)
        ]
        for slot, lane in slots.items()
    ]
    return _together(lanes)


def repeated(runs: Sequence[PlannedRun]) -> tuple[PlannedRound, ...]:
    """The rounds in which broken runs are repeated: as they are planned, after all that are planned."""
    return side_by_side([run.again() for run in runs])


def side_by_side(runs: Sequence[PlannedRun]) -> tuple[PlannedRound, ...]:
    """Rounds of these runs, in this order in each slot."""
    slots: dict[str, list[PlannedRun]] = {}
    for run in runs:
        slots.setdefault(slot_of(run.options), []).append(run)
    return _together(list(slots.values()))


def slot_of(options: SubjectOptions) -> str:
    """The slot that a deployment runs in: its own where it names none."""
    return options.slot or f"\0{options.name}"


def planned_seconds(campaign: Campaign) -> float:
    """Load time of the whole campaign; starts and stops of servers, settling and repeats come on top."""
    count = len(rounds(campaign))
    return count * campaign.duration + (count - 1) * campaign.cooldown


def _run(campaign: Campaign, options: SubjectOptions, replica: int) -> PlannedRun:
    treatment = campaign.treatments.get(options.name)
    load = campaign.load if treatment is None else treatment.load
    return PlannedRun(options, replica, campaign.seed + _REPLICA_SEEDS * (replica - 1), load)


def _ordered(campaign: Campaign, slot: str, lane: Sequence[SubjectOptions], replica: int) -> Sequence[SubjectOptions]:
    """A slot's deployments in one replica's order; each order has a generator of its own, seeded by name."""
    place = {options.name: number for number, options in enumerate(lane)}
    if campaign.order == "random":
        names = sorted(place)
        Random(f"{campaign.seed}/order/{replica}/{slot}").shuffle(names)
        place = {name: number for number, name in enumerate(names)}
    points = sorted({treatment.point for treatment in campaign.treatments.values()})
    Random(f"{campaign.seed}/points/{replica}").shuffle(points)
    turn = {point: number for number, point in enumerate(points)}

    def key(options: SubjectOptions) -> tuple[int, int]:
        treatment = campaign.treatments.get(options.name)
        return (-1 if treatment is None else turn[treatment.point], place[options.name])

    return sorted(lane, key=key)


def _together(lanes: Sequence[Sequence[PlannedRun]]) -> tuple[PlannedRound, ...]:
    return tuple(tuple(run for run in together if run is not None) for together in zip_longest(*lanes))
