"""What is compared: result directories, opened once, and the deployments in them that face each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from aging.core.format import utc
from aging.core.metrics import PRIMARY
from aging.findings.comparison.types import Measurement
from aging.findings.current_findings import current_findings
from aging.findings.run_validity import validities
from aging.findings.series import Measured, Series, Window
from aging.findings.types import Findings, RunValidity
from aging.stats.trend_tests.base import TrendTest
from aging.store.manifest import ManifestDeployment
from aging.store.results import Results

_UNENDED = ("preparing", "running", "draining")


@dataclass(frozen=True, eq=False)
class Source:
    """A result directory with its label, and what is computed of it once."""

    label: str
    results: Results
    tests: Mapping[str, TrendTest] = field(repr=False)

    @cached_property
    def measured(self) -> Measured:
        return Measured(self.results)

    @cached_property
    def validities(self) -> Mapping[tuple[str, int], RunValidity]:
        return {(run.deployment, run.replica): run for run in validities(self.results)}

    @cached_property
    def findings(self) -> Findings:
        """The findings as they are now; nothing is written."""
        return current_findings(self.measured, self.tests)

    @cached_property
    def verdicts(self) -> Mapping[tuple[str, str], str]:
        """The verdict of the findings, by deployment and indicator."""
        return {(one.deployment, one.indicator): one.verdict for one in self.findings.findings}

    @cached_property
    def _sides(self) -> dict[str, Side]:
        return {}

    def side(self, deployment: str) -> Side:
        """One of its deployments, always the same object: what is computed of it is kept."""
        return self._sides.setdefault(deployment, Side(self, deployment))

    @property
    def running(self) -> bool:
        """Whether the campaign has no recorded end."""
        return self.results.state.phase in _UNENDED

    def measurement(self, deployment: str | None = None) -> Measurement:
        """As a side of a comparison: the whole, or one deployment of it."""
        manifest, started = self.results.manifest, self.results.state.started
        return Measurement(
            label=deployment or self.label,
            directory=str(self.results.layout.root),
            campaign=manifest.campaign.name,
            started=utc(started.wall).isoformat() if started else "",
            phase=self.results.state.phase,
            aging_version=manifest.aging_version,
            host=manifest.host.name,
        )


@dataclass(frozen=True, eq=False)
class Side:
    """One deployment of a source. Broken runs are left out."""

    source: Source
    name: str

    @cached_property
    def made(self) -> ManifestDeployment:
        found = self.source.results.manifest.deployment(self.name)
        assert found is not None, self.name
        return found

    @cached_property
    def windows(self) -> Mapping[int, Window]:
        """The windows of its runs that are not broken, by replica."""
        broken = {run for run, one in self.source.validities.items() if one.validity == "broken"}
        return {
            replica: window
            for (name, replica), window in self.source.measured.windows.items()
            if name == self.name and (name, replica) not in broken
        }

    @property
    def broken(self) -> Sequence[RunValidity]:
        """Its runs that are broken."""
        return [one for (name, _), one in self.source.validities.items() if name == self.name and broken(one)]

    @cached_property
    def series(self) -> Mapping[str, Mapping[int, Series]]:
        """The longest generation of each run, by indicator and replica, as the findings choose it."""
        found: dict[str, dict[int, Series]] = {}
        for replica in self.windows:
            for one in self.source.measured.of(self.name, replica):
                runs = found.setdefault(one.indicator, {})
                if replica not in runs or one.t.size > runs[replica].t.size:
                    runs[replica] = one
        return found

    def memory(self, replica: int, begin: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        """Times in seconds of load and all samples of memory of one run between two such times."""
        window = self.windows[replica]
        rows = self.source.results.tree(self.name, replica, columns=("mono", PRIMARY))
        if PRIMARY not in rows:
            return np.empty(0), np.empty(0)
        rows = rows[rows[PRIMARY].notna()]
        t = rows["mono"].to_numpy(dtype=np.float64) - window.load_start
        y = rows[PRIMARY].to_numpy(dtype=np.float64)
        inside = (t >= begin) & (t <= end)
        return t[inside], y[inside]


def broken(run: RunValidity) -> bool:
    """Whether a run decides nothing."""
    return run.validity == "broken"


@dataclass(frozen=True, eq=False)
class Facing:
    """A deployment of the source ``place`` and the one that it is compared with."""

    baseline: Side
    other: Side
    place: int

    @cached_property
    def span(self) -> tuple[float, float]:
        """The seconds of load in which all of their runs were measured: from the latest warm-up to the first end."""
        windows = [*self.baseline.windows.values(), *self.other.windows.values()]
        begin = max(one.warmup for one in windows)
        return begin, min(one.load_end - one.load_start for one in windows)

    @property
    def together(self) -> Collection[int]:
        """The replicas in which both ran side by side, in one campaign from one instant on."""
        if self.baseline.source is not self.other.source:
            return ()
        mine, theirs = self.baseline.windows, self.other.windows
        both = mine.keys() & theirs.keys()
        return sorted(one for one in both if abs(mine[one].load_start - theirs[one].load_start) < mine[one].grid)

    @property
    def paired(self) -> bool:
        """Whether all of their runs did."""
        return bool(self.together) and len(self.together) == len(self.baseline.windows) == len(self.other.windows)
