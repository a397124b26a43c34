"""What happened to an observed process, from the journal: its restarts, and its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any

from aging.core.format import readable_duration, utc
from aging.store import events
from aging.store.results import Results


@dataclass(frozen=True, slots=True)
class Death:
    """An end of the process: when (epoch seconds), how long it had been observed until then, and how it ended."""

    generation: int
    wall: float
    observed_seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Restart:
    """The next process was found: its generation and pid, when, and how many seconds after the end of the last."""

    generation: int
    wall: float
    pid: int | None
    gone_seconds: float


@dataclass(frozen=True, slots=True)
class Observation:
    """One observed deployment. ``died`` is its end, where it had not returned when the observation was over.

    ``observed`` is what the manifest says of the process; ``title`` the one line of text.
    """

    name: str
    title: str
    observed: Mapping[str, Any]
    restarts: Sequence[Restart]
    deaths: Sequence[Death]
    died: Death | None

    @classmethod
    def of(cls, results: Results) -> Observation:
        """The observation in a result directory of ``aging observe``."""
        deployment = results.content["deployments"][0]
        deaths, restarts = _lives(results.events, deployment["name"])
        gone = deaths[-1] if deaths and len(deaths) > len(restarts) else None
        return cls(deployment["name"], results.description, deployment.get("observed") or {}, restarts, deaths, gone)

    @property
    def every(self) -> float | None:
        """Seconds from one end to the next, the median; None of fewer than two."""
        between = [after.wall - before.wall for before, after in pairwise(self.deaths)]
        return median(between) if between else None

    def lines(self) -> Iterator[str]:
        """A sentence for its restarts, and one for its end."""
        if self.restarts:
            times = f"{len(self.restarts)} time{'' if len(self.restarts) == 1 else 's'}"
            at = ", ".join(f"{_time(one.wall)} (pid {one.pid})" for one in self.restarts[-5:])
            often = "" if self.every is None else f", about every {readable_duration(self.every)}"
            told = f"restarted {times}{often}: {'… ' if len(self.restarts) > 5 else ''}{at}"
            yield f"{told}; each is judged from its own start, and the outlook is of one that is not restarted"
        if self.died is not None:
            after = readable_duration(self.died.observed_seconds)
            yield f"died at {_time(self.died.wall)}, after {after} of observation: {self.died.why}"

    def as_json(self) -> dict[str, Any]:
        """What is known, with times in epoch seconds."""
        return {
            "name": self.name,
            "title": self.title,
            "observed": dict(self.observed),
            "restarts": [asdict(one) for one in self.restarts],
            "restarted_every_seconds": self.every,
            "deaths": [asdict(one) for one in self.deaths],
            "died": None if self.died is None else asdict(self.died),
        }


def _lives(journal: Sequence[events.Event], name: str) -> tuple[Sequence[Death], Sequence[Restart]]:
    deaths: list[Death] = []
    restarts: list[Restart] = []
    began: float | None = None
    ended: float | None = None
    for event in journal:
        if event.deployment != name:
            continue
        match event:
            case events.WatchStarted(load_start=start):
                began = start
            case events.DeploymentDied(generation=generation, why=why):
                ended = event.stamp.mono
                deaths.append(Death(generation, event.stamp.wall, max(ended - (began or ended), 0.0), why))
            case events.DeploymentStarted(generation=generation, pid=pid) if ended is not None:
                restarts.append(Restart(generation, event.stamp.wall, pid, event.stamp.mono - ended))
                ended = None
    return deaths, restarts


def _time(wall: float) -> str:
    today = utc(wall).date() == datetime.now(UTC).date()
    return f"{utc(wall):{'%H:%M:%S' if today else '%Y-%m-%d %H:%M:%S'}} UTC"
