"""What a load process is told when it starts: one JSON line, the same types on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aging.load.arrivals
from aging.campaign.schema import LoadTable
from aging.deployments import Endpoint
from aging.load.arrivals import Arrivals, Phase
from aging.load.planned import PlannedRequest
from aging.load.schedule import arrivals_generator, schedule
from aging.plugins import discover


@dataclass(frozen=True, slots=True)
class Job:
    """One deployment's load. ``load_start`` is monotonic seconds of this boot; ``rate`` overrides the arrivals' own.

    ``resumed`` is of a load that another process had begun: what is due already is not sent. ``shift`` is
    what the campaign's timeline is ahead of the monotonic clock.
    """

    endpoint: Endpoint
    load: LoadTable
    rate: float | None
    seed: int
    duration: float
    load_start: float
    folder: Path
    resumed: bool = False
    shift: float = 0.0

    def requests(self) -> Iterator[PlannedRequest]:
        """The schedule of this job."""
        return schedule(self.load, arrivals_of(self.load, self.rate), self.seed, self.duration)

    def phases(self) -> tuple[Phase, ...]:
        """Its stretches of different load; empty where the load is steady."""
        return arrivals_of(self.load, self.rate).phases(arrivals_generator(self.seed), self.duration)

    def to_json(self) -> str:
        """One line of JSON that :meth:`from_json` turns back."""
        load = self.load.model_dump(mode="json")
        load["arrivals"] = self.load.arrivals.model_dump(mode="json")
        names = ("rate", "seed", "duration", "load_start", "resumed", "shift")
        fields = {name: getattr(self, name) for name in names}
        return json.dumps(fields | {"endpoint": asdict(self.endpoint), "load": load, "folder": str(self.folder)})

    @classmethod
    def from_json(cls, line: str) -> Job:
        """The job that :meth:`to_json` wrote."""
        fields = json.loads(line)
        load = LoadTable.model_validate(fields.pop("load"))
        table = _arrival_kinds()[load.arrivals["kind"]].options_table
        load = load.model_copy(update={"arrivals": table.model_validate(load.arrivals)})
        endpoint = Endpoint(**fields.pop("endpoint"))
        return cls(endpoint=endpoint, load=load, folder=Path(fields.pop("folder")), **fields)


def arrivals_of(load: LoadTable, rate: float | None) -> Arrivals[Any]:
    """The load's arrival process, at ``rate`` requests per second where one is given."""
    arrivals: Arrivals[Any] = _arrival_kinds()[load.arrivals.kind](load.arrivals)
    return arrivals if rate is None else arrivals.at_rate(rate)


def _arrival_kinds() -> dict[str, type[Arrivals[Any]]]:
    return discover(aging.load.arrivals, Arrivals)
