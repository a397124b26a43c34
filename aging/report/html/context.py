"""The input of every section of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.first_limit import runs_out
from aging.findings.rejuvenation.advice import Advice
from aging.findings.series import Measured
from aging.findings.types import Finding, Findings
from aging.report.charts.chart import Chart
from aging.report.charts.latency import latency_chart
from aging.report.charts.memory import memory_chart
from aging.report.restart_advice import restarts_of
from aging.store.events import DeploymentDied, Event
from aging.store.manifest import Manifest
from aging.store.results import Results

_ADDRESS = 40
_MOST_DRAWN = 64


@dataclass(frozen=True)
class Context:
    """A result directory with its findings, and values that several sections use."""

    measured: Measured
    findings: Findings

    @property
    def results(self) -> Results:
        return self.measured.results

    @property
    def manifest(self) -> Manifest:
        return self.results.manifest

    @cached_property
    def found(self) -> Mapping[tuple[str, str], Finding]:
        """Findings by deployment and indicator."""
        return {(finding.deployment, finding.indicator): finding for finding in self.findings.findings}

    @cached_property
    def known_aging(self) -> frozenset[str]:
        """Deployments that are controls: their aging is configured."""
        return frozenset(one.name for one in self.manifest.deployments if one.known_ageing is not None)

    @cached_property
    def under_test(self) -> Sequence[str]:
        """Deployments whose aging is the question, in the campaign's order."""
        return [name for name in self.results.deployments if name not in self.known_aging]

    @cached_property
    def runs(self) -> Sequence[tuple[str, int]]:
        """Every run, deployment and replica, in the campaign's order; a deployment without data has one."""
        replicas = self.results.replicas
        return [(name, replica) for name in self.results.deployments for replica in replicas(name) or (1,)]

    @property
    def replicated(self) -> bool:
        """Whether any deployment has more than one run."""
        return len(self.runs) > len(self.results.deployments)

    @property
    def drawn(self) -> Sequence[tuple[str, int]]:
        """The runs with a large plot of their own: the first 64, each plot takes some 20 KB."""
        return self.runs[:_MOST_DRAWN]

    def rows_of_runs(self) -> Sequence[Sequence[tuple[str, int]]]:
        """The drawn runs by row of plots: a row per deployment where there are replicas, else one row."""
        if not self.replicated:
            return [self.drawn] if self.drawn else []
        rows = ([run for run in self.drawn if run[0] == name] for name in self.results.deployments)
        return [row for row in rows if row]

    @property
    def undrawn(self) -> int:
        """Runs without one."""
        return len(self.runs) - len(self.drawn)

    @cached_property
    def memory(self) -> Mapping[tuple[str, int], Chart]:
        """The primary indicator of every run that has one."""
        charts = {run: memory_chart(self.measured, *run, self.found.get((run[0], PRIMARY))) for run in self.drawn}
        return {run: chart for run, chart in charts.items() if chart is not None}

    @cached_property
    def latency(self) -> Mapping[tuple[str, int], Chart]:
        """Times to first token of every run that has requests."""
        charts = {run: latency_chart(self.measured, *run) for run in self.drawn}
        return {run: chart for run, chart in charts.items() if chart is not None}

    @cached_property
    def anchors(self) -> Mapping[str, str]:
        """The anchor of each deployment's block: its place and what of its name an address can hold."""
        names = self.results.deployments
        return {name: f"deployment-{place}-{_address(name)}".rstrip("-") for place, name in enumerate(names, 1)}

    @cached_property
    def measured_seconds(self) -> float:
        """How long the longest run was measured: its load, or what was watched; 0 without one."""
        return max((one.load_end - one.load_start for one in self.measured.windows.values()), default=0.0)

    @cached_property
    def advice(self) -> Mapping[str, Advice]:
        """How often to restart the deployments that reach a limit, where limits and costs are known."""
        names = [
            name
            for name in self.under_test or self.results.deployments
            if any(runs_out(one) for (of, _), one in self.found.items() if of == name)
        ]
        return restarts_of(self.measured, self.findings.findings, names)

    def since_start(self, event: Event) -> float | None:
        """Seconds from the campaign's start to an event."""
        started = self.results.state.started
        return None if started is None else event.stamp.mono - started.mono

    def death(self, deployment: str, at_seconds: float | None) -> DeploymentDied | None:
        """The death behind a problem of ``deployment`` at ``at_seconds``; None where the journal has none."""
        for event in self.results.events:
            if isinstance(event, DeploymentDied) and event.deployment == deployment:
                since = self.since_start(event)
                if at_seconds is None or since is None or abs(since - at_seconds) < 0.1:
                    return event
        return None

    def harness(self) -> Sequence[Finding]:
        """Findings about the processes of the harness."""
        return [finding for finding in self.findings.findings if finding.deployment.startswith(f"{HARNESS}/")]


def _address(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_ADDRESS]
