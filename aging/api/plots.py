"""The report's figures as matplotlib axes: ``results.plot``.

Each method draws one figure on ``axes``, or on a new figure, and returns the axes. A ``deployment`` need not be named
where there is only one. Raises an InputError for a name that is not there, and where there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from aging.api.arguments import names_of, no_attribute
from aging.api.contents import Contents
from aging.core.errors import InputError
from aging.core.metrics import PRIMARY, client_indicator
from aging.core.records import HARNESS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aging.report.charts.chart import Chart

_WHOLE_ANSWER = client_indicator("e2e_seconds", "")


@dataclass(frozen=True)
class Plots:
    """The report's figures as matplotlib axes, one call each."""

    contents: Contents

    def memory(self, deployment: str | None = None, replica: int = 1, axes: Axes | None = None) -> Axes:
        """A run's memory: samples pale, the judged medians over them, the slope and the current rate with intervals.

        ``deployment`` may be a process of the harness (``"_harness/runner"``).
        """
        return self.indicator(deployment, PRIMARY, replica, axes)

    def indicator(
        self, deployment: str | None = None, indicator: str = PRIMARY, replica: int = 1, axes: Axes | None = None
    ) -> Axes:
        """The same of any indicator of a run: samples, judged medians, slope and current rate."""
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415
        from aging.report.charts.indicator import indicator_chart, process_chart  # noqa: PLC0415

        contents = self.contents
        name = contents.subject(deployment)
        found = contents.of_run(name, replica)
        known = any(one.indicator == indicator for one in found)
        finding = contents.finding(name, indicator) if known else None
        if name.startswith(f"{HARNESS}/"):
            chart = process_chart(contents.measured, name.removeprefix(f"{HARNESS}/"), indicator, finding)
        else:
            chart = indicator_chart(contents.measured, name, replica, indicator, finding)
        if chart is None or not (chart.lines or chart.bands):
            contents.no_series(name, replica, indicator, found)
        title = self._titled(name, replica)
        return figure_axes(chart, title if indicator == PRIMARY else f"{title}: {indicator}", axes)

    def latency(self, deployment: str | None = None, replica: int = 1, axes: Axes | None = None) -> Axes:
        """A run's time to first token since a request was sent: median, 95th and 99th percentile, greatest, failures.

        Where no answer was streamed: the time to the last byte.
        """
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415
        from aging.report.charts.latency import latency_chart  # noqa: PLC0415

        contents = self.contents
        name = contents.subject(deployment)
        contents.check_run(name, replica)
        chart: Chart | None = latency_chart(contents.measured, name, replica)
        if chart is not None and chart.lines:
            return figure_axes(chart, self._titled(name, replica), axes)
        if chart is not None and any(one.indicator == _WHOLE_ANSWER for one in contents.of_run(name, replica)):
            return self.indicator(name, _WHOLE_ANSWER, replica, axes)
        raise InputError(f"{name} has no latency to draw: its load has not begun, or no request was answered")

    def trend(
        self,
        deployment: str | None = None,
        indicator: str = PRIMARY,
        replica: int = 1,
        generation: int | None = None,
        axes: Axes | None = None,
    ) -> Axes:
        """The series exactly as judged, with Sen's slope and the interval of that."""
        from aging.report.charts.axes import trend_axes  # noqa: PLC0415

        name = self.contents.subject(deployment)
        judged = self.contents.judged(name, indicator, replica, generation)
        analysis = judged.result().analysis
        if analysis.trend is None:
            raise InputError(f"{name} has no trend of {indicator} to draw: {'; '.join(analysis.notes)}")
        return trend_axes(analysis, axes, self._titled(name, replica))

    def forest(self, indicator: str = PRIMARY, deployment: str | None = None, axes: Axes | None = None) -> Axes:
        """Slopes of an indicator with their 95 % intervals: of every replica of every deployment, and pooled.

        With a ``deployment``, or a process of the harness, of this one alone.
        """
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415
        from aging.report.charts.forest import deployment_forest  # noqa: PLC0415

        contents = self.contents
        findings = contents.chosen_findings(deployment, indicator)
        tested = [one for one in findings if deployment is not None or one.deployment in contents.stored.deployments]
        figure = deployment_forest(tested, indicator)
        if figure is None:
            raise InputError(f"{indicator} has no rate to draw: its series are too short to be judged")
        title = indicator if deployment is None else f"{deployment}: {indicator}"
        return figure_axes(figure, title, axes)

    def heat_map(
        self, indicators: Sequence[str] = (), deployments: Sequence[str] = (), axes: Axes | None = None
    ) -> Axes:
        """Indicators by deployments: the verdict of each by its color, the size of its rate by the shade.

        By default all deployments under test, and the indicators that any of them has under a common name, without
        the series that only its engine has.
        """
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415
        from aging.report.charts.heat_map import heat_map  # noqa: PLC0415

        contents = self.contents
        columns = names_of("deployments", deployments) or contents.stored.deployments
        for name in columns:
            contents.check_owner(name)
        rows = names_of("indicators", indicators)
        for indicator in rows:
            contents.chosen_findings(None, indicator)
        figure = heat_map(contents.findings.findings, columns, rows or contents.common_indicators(columns))
        if figure is None:
            raise InputError(f"there are no findings to draw yet (the campaign is {contents.phase})")
        return figure_axes(figure, figure.title, axes)

    def _titled(self, name: str, replica: int) -> str:
        several = len(self.contents.stored.replicas(name)) > 1
        return f"{name}, replica {replica}" if several else name

    def __getattr__(self, name: str) -> NoReturn:
        no_attribute("plot", name, [one for one in vars(Plots) if not one.startswith("_")])
