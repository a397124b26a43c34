"""The runs of a campaign, their order, and the rounds in which they run side by side.

Deployments of one slot run one after the other; slots run side by side in rounds, whose loads begin at one shared
instant. So all deployments of a round are at the same position of the same schedule, and a disturbance of the host
affects them equally. All runs are equally long: a slot waits only for the slowest start and stop of a round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from random import Random

from aging.campaign.schema import Campaign, LoadTable, SubjectOptions

_REPLICA_SEEDS = 1_000_003
"""Distance between the seeds of two replicas, so that campaigns with adjacent seeds share no seed."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One deployment in one replica. All deployments of a replica have the same seed, so they receive the same load.

    ``attempt`` is 1, and more where a broken run is repeated.
    """

    options: SubjectOptions
    replica: int
    seed: int
    load: LoadTable | None
    attempt: int = 1

    @property
    def key(self) -> tuple[str, int]:
        """Deployment and replica, which identify the run."""
        return self.options.name, self.replica

    def next_attempt(self) -> PlannedRun:
        """The same run with the next attempt number."""
        return replace(self, attempt=self.attempt + 1)


PlannedRound = tuple[PlannedRun, ...]


def rounds(campaign: Campaign) -> tuple[PlannedRound, ...]:
    """The campaign as rounds of runs that start together.

    A replica is finished before the next begins (round-robin), so that a drift of the host affects all deployments
    equally. Within a replica deployments are in file order, or in an order drawn from the seed; points of a designed
    experiment are always in a drawn order, the same in every slot. A deployment without `slot` has a slot of its own.
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
    return _zip_lanes(lanes)


def repeated(runs: Sequence[PlannedRun]) -> tuple[PlannedRound, ...]:
    """The rounds that repeat broken runs, after all planned rounds."""
    return side_by_side([run.next_attempt() for run in runs])


def side_by_side(runs: Sequence[PlannedRun]) -> tuple[PlannedRound, ...]:
    """Rounds of these runs; the order within each slot is kept."""
    slots: dict[str, list[PlannedRun]] = {}
    for run in runs:
        slots.setdefault(slot_of(run.options), []).append(run)
    return _zip_lanes(list(slots.values()))


def slot_of(options: SubjectOptions) -> str:
    """The slot of a deployment; one of its own if the file names none."""
    return options.slot or f"\0{options.name}"


def planned_seconds(campaign: Campaign) -> float:
    """Load time of the whole campaign in seconds, without starts and stops of servers, settling and repeats."""
    count = len(rounds(campaign))
    return count * campaign.duration + (count - 1) * campaign.cooldown


def _run(campaign: Campaign, options: SubjectOptions, replica: int) -> PlannedRun:
    treatment = campaign.treatments.get(options.name)
    load = campaign.load if treatment is None else treatment.load
    return PlannedRun(options, replica, campaign.seed + _REPLICA_SEEDS * (replica - 1), load)


def _ordered(campaign: Campaign, slot: str, lane: Sequence[SubjectOptions], replica: int) -> Sequence[SubjectOptions]:
    """A slot's deployments in the order of one replica; every order has a separately seeded generator."""
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


def _zip_lanes(lanes: Sequence[Sequence[PlannedRun]]) -> tuple[PlannedRound, ...]:
    return tuple(tuple(run for run in together if run is not None) for together in zip_longest(*lanes))
