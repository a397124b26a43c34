"""What a study will take: hosts, time and disk space, computed from its files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from aging.campaign.timetable import timetable
from aging.runner.disk_estimate import disk_need
from aging.sampling.base import Sampler
from aging.study.cells import Cell, cells_of
from aging.study.load import Study


@dataclass(frozen=True, slots=True)
class StudyFigures:
    """The cells of a study and what they take.

    ``least_hosts`` run it one cell after the other, ``most_hosts`` have something to do. ``cell_seconds`` is the sum
    over all cells, load and pauses; starts and settling add at most ``at_most_more``. ``longest`` is the longest cell.
    ``disk`` are the bytes of a cell by name, on its host while it runs; ``input_bytes`` are copied to every host.
    """

    cells: Sequence[Cell]
    least_hosts: int
    most_hosts: int
    cell_seconds: float
    at_most_more: float
    longest: float
    disk: Mapping[str, float]
    input_bytes: int

    def seconds_on(self, hosts: int) -> float:
        """From start to end on that many hosts, if none is lost and all cells are as long as the longest."""
        return ceil(len(self.cells) / hosts) * self.longest

    @property
    def disk_bytes(self) -> float:
        """Of all cells together, as they are collected."""
        return sum(self.disk.values())


def study_figures(study: Study, samplers: Mapping[str, type[Sampler]]) -> StudyFigures:
    """The figures of a valid study, if all of these samplers are available on its hosts."""
    cells = cells_of(study)
    variants = len(study.variants)
    more = [timetable(variant.campaign).at_most_more for variant in study.variants]
    needs = [disk_need(variant.campaign, samplers).total for variant in study.variants]
    most = len(cells) if study.file.hosts.count is None else min(len(cells), study.file.hosts.count)
    return StudyFigures(
        cells=cells,
        least_hosts=study.file.replicates if study.file.hosts.apart else 1,
        most_hosts=most,
        cell_seconds=sum(cell.seconds for cell in cells),
        at_most_more=sum(more) * study.file.replicates,
        longest=max(cell.seconds for cell in cells),
        disk={cell.name: needs[place % variants] for place, cell in enumerate(cells)},
        input_bytes=sum(map(len, study.files.values())),
    )
