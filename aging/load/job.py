"""The job of a load process, which it reads when it starts: one JSON line, the same types on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from aging.campaign.load_tables import typed_load
from aging.campaign.schema import LoadTable
from aging.core.endpoint import Endpoint
from aging.load.arrivals.base import Phase
from aging.load.requests.written import WrittenRequest
from aging.load.schedule.classes import LoadClass, arrival_kinds, classes_of, length_kinds
from aging.load.schedule.planned_request import ClosedLoop, PlannedRequest
from aging.load.schedule.schedule import ScheduleHash, class_draws, closed_loops, merged, written_of

_MOST_A_SECOND = 1_000_000
"""More requests than a closed loop ever sends."""


@dataclass(frozen=True, slots=True)
class Job:
    """One deployment's load. ``load_start`` is monotonic seconds of this boot; ``rate`` overrides the arrivals' own.

    ``resumed`` marks a load that another process had begun: requests that are due already are not sent. ``shift`` is
    how far the campaign's timeline is ahead of the monotonic clock. ``generation`` is that of the server at
    ``endpoint``. ``held``: arrivals wait from the start, because a rejuvenation is under way.
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
    generation: int = 1
    held: bool = False

    def requests(self) -> Iterator[PlannedRequest]:
        """The open loops' requests, in order of time."""
        return merged(self._classes(), self.seed, self.duration)

    def closed(self, driven: float = 0.0) -> tuple[ClosedLoop, ...]:
        """The closed loops; their requests do not end.

        ``driven`` is how many seconds another process has driven them; numbers it may have used are not used again.
        """
        return closed_loops(self._classes(), self.seed, int(driven * _MOST_A_SECOND), driven)

    def written(self) -> tuple[WrittenRequest, ...]:
        """The plain requests, by their places."""
        return written_of(self._classes())

    def digest(self) -> ScheduleHash:
        """The hash of this job's schedule, to which the requests of the open loops are still to be added."""
        return ScheduleHash(self.closed(), self.written())

    def phases(self) -> tuple[Phase, ...]:
        """Stretches of different load of the first class that has some; empty where the load is steady."""
        for each in self._classes():
            draws = class_draws(each, self.seed).of("arrivals")
            if phases := each.arrivals.phases(draws, self.duration):
                return phases
        return ()

    def to_json(self) -> str:
        """One line of JSON that :meth:`from_json` turns back."""
        load = self.load.model_dump(mode="json", by_alias=True)
        names = ("rate", "seed", "duration", "load_start", "resumed", "shift", "generation", "held")
        fields = {name: getattr(self, name) for name in names}
        return json.dumps(fields | {"endpoint": asdict(self.endpoint), "load": load, "folder": str(self.folder)})

    @classmethod
    def from_json(cls, line: str) -> Job:
        """The job that :meth:`to_json` wrote."""
        fields = json.loads(line)
        load = load_table(fields.pop("load"))
        endpoint = Endpoint(**fields.pop("endpoint"))
        return cls(endpoint=endpoint, load=load, folder=Path(fields.pop("folder")), **fields)

    def _classes(self) -> tuple[LoadClass, ...]:
        return classes_of(self.load, self.rate)


def load_table(raw: dict[str, object]) -> LoadTable:
    """A load as a campaign file has it, with the tables of its kinds. Raises CampaignError."""
    arrivals = {kind: plugin.options_table for kind, plugin in arrival_kinds().items()}
    lengths = {kind: plugin.options_table for kind, plugin in length_kinds().items()}
    return typed_load(raw, arrivals, lengths)
