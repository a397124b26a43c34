"""The disk space of a campaign: the number of rows it writes, times the bytes of a row.

Bytes per row are measured (``analysis/benchmarks/row_sizes.py``): a sealed row is a share of a Parquet file, a row of
the current hour is a line of JSON. Rows of devices, and of engines with many metrics, vary most, so the sum is an
estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from aging.campaign.plan import PlannedRun, rounds
from aging.campaign.schema import Campaign
from aging.load.schedule.classes import LoadClass, classes_of
from aging.load.schedule.schedule import class_draws
from aging.sampling.base import Sampler
from aging.sampling.process_rows import LEAST_OFTEN_SECONDS, MOST

_HOUR = 3600.0
_JOURNAL_BYTES = 64 * 2**10
_ANSWER_SECONDS = 1.0
"""Assumed response time of a closed loop, which has no rate."""


@dataclass(frozen=True, slots=True)
class RowSize:
    """Bytes of a row in a sealed hour and in the current hour; ``each``: every deployment has such rows.

    ``processes``: most rows of single processes that each of them has beside, in a tick.
    """

    sealed: float
    line: float
    each: bool
    processes: int = 0


ROWS: Mapping[str, RowSize] = {
    "process": RowSize(60, 900, each=True),
    "cgroup": RowSize(60, 900, each=True),
    "footprint": RowSize(70, 400, each=True, processes=MOST),
    "allocator": RowSize(60, 300, each=True),
    "engine": RowSize(130, 4000, each=True),
    "device": RowSize(60, 900, each=True),
    "host": RowSize(110, 1400, each=False),
    "requests": RowSize(70, 500, each=True),
}
"""By source; a sampler that is not listed counts as ``process``."""


@dataclass(frozen=True, slots=True)
class DiskNeed:
    """Bytes: sealed rows by source, the maximum of the current hour, and the maximum of logs."""

    sealed: Mapping[str, float]
    open_hour: float
    logs: float

    @property
    def total(self) -> float:
        """The maximum at any time."""
        return sum(self.sealed.values()) + self.open_hour + self.logs


def disk_need(campaign: Campaign, samplers: Mapping[str, type[Sampler]]) -> DiskNeed:
    """The disk space of a campaign's results, if all of these samplers are available."""
    planned = rounds(campaign)
    sealed: dict[str, float] = {}
    open_hour = 0.0
    for kind, sampler in samplers.items():
        size, interval = ROWS.get(kind, ROWS["process"]), campaign.sampling.get(kind, sampler.default_interval)
        per_second = [_writers(kind, len(planned_round), size) / interval for planned_round in planned]
        if kind == "process":  # single processes are rarer than its ticks in all but short campaigns
            per_second = [
                rate + len(one) * (MOST + 1) / LEAST_OFTEN_SECONDS
                for rate, one in zip(per_second, planned, strict=True)
            ]
        sealed[kind] = sum(per_second) * campaign.duration * size.sealed
        open_hour += max(per_second) * min(campaign.duration, _HOUR) * size.line
    counts = [sum(_requests(campaign, run) for run in planned_round) for planned_round in planned]
    size = ROWS["requests"]
    sealed["requests"] = sum(counts) * size.sealed
    sealed["journal"] = float(_JOURNAL_BYTES * len(planned))
    open_hour += max(counts) * min(_HOUR / campaign.duration, 1.0) * size.line
    logs = sum(float(run.options.log_size) for planned_round in planned for run in planned_round)
    return DiskNeed(sealed, open_hour, logs)


def _writers(kind: str, runs: int, size: RowSize) -> int:
    """Rows per tick: one per deployment; of processes also one for the runner and one per load client."""
    if not size.each:
        return 1
    return runs * (1 + size.processes) + (1 + runs if kind == "process" else 0)


def _requests(campaign: Campaign, run: PlannedRun) -> float:
    """Expected requests of one run: the sum over its classes and phases."""
    if run.load is None:
        return 0.0
    return sum(_of_class(one, run.seed, campaign.duration) for one in classes_of(run.load, run.options.rate))


def _of_class(one: LoadClass, seed: int, duration: float) -> float:
    places = one.arrivals.places()
    if places is not None:
        return places.concurrency * duration / max(places.think, _ANSWER_SECONDS)
    if phases := one.arrivals.phases(class_draws(one, seed).of("arrivals"), duration):
        return sum((phase.end - phase.start) * phase.rate for phase in phases)
    return float(ceil(one.arrivals.mean_rate() * duration))
