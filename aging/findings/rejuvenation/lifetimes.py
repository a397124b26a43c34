"""How long the generations of a deployment lived, and whether they failed."""

from __future__ import annotations

from collections.abc import Sequence

from aging.rejuvenation.base import Lifetime
from aging.store.events import (
    DeploymentDied,
    DeploymentReady,
    DeploymentStopped,
    LoadFinished,
    RejuvenationStarted,
    WatchFinished,
)
from aging.store.results import Results

_ENDS = (DeploymentStopped, LoadFinished, RejuvenationStarted, WatchFinished)


def lifetimes(results: Results, deployment: str) -> Sequence[Lifetime]:
    """Of every generation that became ready, in all replicas: seconds until it died, was ended, or the run ended."""
    found: list[Lifetime] = []
    for replica in results.replicas(deployment):
        since: float | None = None
        for event in results.events_of(deployment, replica):
            if isinstance(event, DeploymentReady):
                since = event.stamp.mono
            elif since is not None and isinstance(event, (DeploymentDied, *_ENDS)):
                found.append(Lifetime(max(event.stamp.mono - since, 1e-3), isinstance(event, DeploymentDied)))
                since = None
    return found
