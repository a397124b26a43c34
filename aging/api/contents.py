"""The contents of a result directory by name; a name that is not there is an InputError that says which are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

import aging.stats.trend_tests
from aging.api.arguments import check_name, listed
from aging.core.errors import InputError
from aging.core.metrics import indicators
from aging.core.plugins import discover
from aging.core.records import HARNESS
from aging.findings.current_findings import current_findings
from aging.findings.frames import utc_times
from aging.findings.series import Measured, Series, load_classes
from aging.findings.types import Finding, Findings
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results

SINCE_LOAD, SINCE_FIRST = "seconds_of_load", "seconds_since_first_row"
"""Names of an index of times."""


@dataclass(frozen=True)
class Contents:
    """What a result directory holds; what is computed of it is computed once."""

    stored: Results

    @cached_property
    def tests(self) -> Mapping[str, TrendTest]:
        """Every trend test by its kind."""
        return discover(aging.stats.trend_tests, TrendTest)

    @cached_property
    def measured(self) -> Measured:
        """Windows and series."""
        return Measured(self.stored)

    @cached_property
    def findings(self) -> Findings:
        """Those of the file where the campaign has ended since, else computed."""
        return current_findings(self.measured, self.tests)

    def finding(self, deployment: str, indicator: str) -> Finding | None:
        """The finding of one indicator; None where it has none."""
        of_it = (one for one in self.findings.findings if (one.deployment, one.indicator) == (deployment, indicator))
        return next(of_it, None)

    def check_run(self, deployment: str, replica: int, more: Iterable[str] = ()) -> None:
        """Raise where there is no such deployment, or no such replica of it; ``more`` are names beside deployments."""
        stored = self.stored
        there = (*stored.deployments, *more)
        check_name(deployment, there, f"{stored.layout.root}: there is no deployment {deployment!r}")
        left = stored.replicas(deployment)
        if deployment in stored.deployments and replica not in left:
            begun = (
                f"it has: {listed(left)}" if left else f"it has not begun yet (the campaign is {stored.state.phase})"
            )
            raise InputError(f"{deployment} has no replica {replica!r}; {begun}")

    def rows(self, deployment: str, source: str, replica: int) -> pd.DataFrame:
        """Rows of one source of one run; ``_harness`` is an owner, too."""
        self.check_run(deployment, replica, (HARNESS,))
        folder = self.stored.layout.run(deployment, replica)
        there = [one.name for one in sorted(folder.glob("*")) if one.is_dir() and one.name != "logs"]
        check_name(source, there, f"{deployment} left no rows of {source!r}")
        frame = self.stored.samples(deployment, source, replica)
        if frame.empty:
            raise InputError(f"{deployment} has no rows of {source!r} yet (the campaign is {self.stored.state.phase})")
        return frame

    def indexed(self, frame: pd.DataFrame, deployment: str, replica: int, time: str) -> pd.DataFrame:
        """The same rows, indexed by the seconds of load of their column ``time``."""
        runs = self.stored.state.runs
        starts = [
            run.load_start
            for (name, number), run in runs.items()
            if run.load_start is not None and (deployment == HARNESS or (name, number) == (deployment, replica))
        ]
        origin, name = (min(starts), SINCE_LOAD) if starts else (float(frame[time].iloc[0]), SINCE_FIRST)
        indexed = frame.set_index(pd.Index(frame[time].to_numpy(dtype=np.float64) - origin, name=name))
        return indexed.assign(wall=utc_times(indexed["wall"])) if "wall" in indexed else indexed

    def of_run(self, deployment: str, replica: int) -> Sequence[Series]:
        """The series of one run, or of a process of the harness (``_harness/runner``)."""
        processes = dict.fromkeys(one.owner for one in self.measured.harness)
        if deployment in processes:
            return [one for one in self.measured.harness if one.owner == deployment]
        self.check_run(deployment, replica, processes)
        return self.measured.of(deployment, replica)

    def no_series(self, deployment: str, replica: int, indicator: str, found: Sequence[Series]) -> None:
        """Raise, for an ``indicator`` of which a run left no series."""
        there = dict.fromkeys(one.indicator for one in found if one.t.size)
        if not there:
            raise InputError(
                f"{deployment} has no series yet: its load has not begun, or nothing was sampled after the warm-up "
                f"(the campaign is {self.stored.state.phase})"
            )
        classes = load_classes(self.stored, deployment) if deployment in self.stored.deployments else ()
        if indicator in indicators(classes):
            raise InputError(f"{deployment}, replica {replica}, has no series of {indicator}; it has: {listed(there)}")
        check_name(indicator, there, f"there is no indicator {indicator!r}")
