"""The report's plots as matplotlib axes: ``results.plot``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aging.api.arguments import check_name
from aging.api.contents import Contents
from aging.core.errors import InputError
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Plots:
    """The report's plots as matplotlib axes."""

    contents: Contents

    def memory(self, deployment: str, replica: int = 1, axes: Axes | None = None) -> Axes:
        """A run's memory: samples pale, the judged medians over them, the slope with its interval."""
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415
        from aging.report.charts.memory import harness_charts, memory_chart  # noqa: PLC0415

        contents, measured = self.contents, self.contents.measured
        if deployment.startswith(f"{HARNESS}/"):
            own = dict(harness_charts(measured, {}))
            check_name(deployment, own, f"there is no harness process {deployment!r}")
            return figure_axes(own[deployment], deployment, axes)
        contents.check_run(deployment, replica)
        chart = memory_chart(measured, deployment, replica, contents.finding(deployment, PRIMARY))
        if chart is None:
            raise InputError(f"{deployment} has no memory to draw: its load has not begun, or nothing was sampled")
        return figure_axes(chart, _titled(deployment, replica, contents), axes)

    def latency(self, deployment: str, replica: int = 1, axes: Axes | None = None) -> Axes:
        """A run's time to first token since a request was sent: median, band to the 95th percentile, failures."""
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415
        from aging.report.charts.latency import latency_chart  # noqa: PLC0415

        contents = self.contents
        contents.check_run(deployment, replica)
        chart = latency_chart(contents.measured, deployment, replica)
        if chart is None:
            raise InputError(f"{deployment} has no latency to draw: its load has not begun, or no request has ended")
        return figure_axes(chart, _titled(deployment, replica, contents), axes)


def _titled(deployment: str, replica: int, contents: Contents) -> str:
    several = len(contents.stored.replicas(deployment)) > 1
    return f"{deployment}, replica {replica}" if several else deployment
