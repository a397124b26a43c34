"""Memory over a run: the leak indicator of deployments and of the harness, and where it grew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.series import Measured
from aging.findings.types import Finding
from aging.report.charts.chart import Chart
from aging.report.charts.indicator import indicator_chart, process_chart
from aging.report.charts.key import run_key


def memory_chart(measured: Measured, deployment: str, replica: int, finding: Finding | None) -> Chart | None:
    """The leak indicator of one run; None for a run without load or without samples."""
    chart = indicator_chart(measured, deployment, replica, PRIMARY, finding)
    return None if chart is None else _named(chart, run_key("memory", deployment, replica))


def harness_charts(measured: Measured, found: Mapping[tuple[str, str], Finding]) -> Iterator[tuple[str, Chart]]:
    """The leak indicator of each process of the harness, with its owner's name; findings by owner and indicator."""
    rows = measured.results.samples(HARNESS, "process", columns=("mono", "entity", "generation", PRIMARY))
    if rows.empty:
        return
    for entity in sorted(rows["entity"].unique()):
        owner = f"{HARNESS}/{entity}"
        chart = process_chart(measured, entity, PRIMARY, found.get((owner, PRIMARY)))
        if chart is not None:
            yield owner, _named(chart, run_key("memory", owner, 1))


def _named(chart: Chart, key: str) -> Chart:
    return replace(chart, key=key, label=chart.label.replace(PRIMARY, "Memory", 1))
