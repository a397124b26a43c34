"""Which runs there are, and which of them run together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from aging.campaign.schema import Campaign, DeploymentOptions

_REPLICA_SEEDS = 1_000_003
"""Distance between the seeds of two replicas: campaigns whose seeds are neighbours share none."""


@dataclass(frozen=True, slots=True)
class Run:
    """One deployment, one replica. Equal replicas have equal seeds, so every deployment gets the same load."""

    options: DeploymentOptions
    replica: int
    seed: int


Round = tuple[Run, ...]


def rounds(campaign: Campaign) -> tuple[Round, ...]:
    """The campaign as rounds of runs that start together.

    Deployments of one slot take turns, replica by replica (round-robin, so that a
    drift of the host hits all alike); a deployment without a slot has one to itself.
    """
    slots: dict[str, list[DeploymentOptions]] = {}
    for options in campaign.deployment:
        slots.setdefault(options.slot or f"\0{options.name}", []).append(options)
    lanes = [
        [
            Run(options, replica, campaign.seed + _REPLICA_SEEDS * (replica - 1))
            for replica in range(1, campaign.replicas + 1)
            for options in lane
        ]
        for lane in slots.values()
    ]
    return tuple(tuple(run for run in together if run is not None) for together in zip_longest(*lanes))


def planned_seconds(campaign: Campaign) -> float:
    """Load time of the whole campaign; starts and stops of servers come on top."""
    count = len(rounds(campaign))
    return count * campaign.duration + (count - 1) * campaign.cooldown
