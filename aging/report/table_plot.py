"""The series of a table with their slopes, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aging.core.errors import AgingError
from aging.findings.table_analysis import TableAnalysis
from aging.findings.table_generations import Generation
from aging.tables.series import Floats
from aging.tables.series_unit import unit_of_series

_HOUR = 3600.0


def write_plot(analyzed: Sequence[TableAnalysis], path: Path) -> None:
    """Draw the series one below the other. Raises AgingError where the file cannot be written."""
    figure = Figure(figsize=(8, 2.6 * len(analyzed)), layout="constrained")
    for axes, one in zip(figure.subplots(len(analyzed), 1, squeeze=False)[:, 0], analyzed, strict=True):
        _draw(axes, one)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise AgingError(f"{path}: cannot be written: {error}") from None


def _draw(axes: Axes, one: TableAnalysis) -> None:
    count = one.series.axis.count
    width = _HOUR if count is None else 1.0
    unit = unit_of_series(one.series)
    factor, name = unit.scale(float(np.max(np.abs(one.y), initial=0.0)))
    axes.plot(one.t / width, one.y / factor, linewidth=0.8)
    if one.trend is not None:
        for each in one.generations:
            t, line = _slope(one, each)
            axes.plot(t / width, line / factor, "--", linewidth=1.2)
    for restart in one.restarts:
        axes.axvline(restart.at / width, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_title(f"{one.name}: {one.verdict}", loc="left", fontsize=10)
    axes.set_ylabel(f"{name}{unit.suffix}")
    axes.set_xlabel("hours since the start of load" if count is None else count)


def _slope(one: TableAnalysis, generation: Generation) -> tuple[Floats, Floats]:
    """The ends of the line with the series' slope through one generation; empty where nothing of it was judged."""
    kept = (one.t >= generation.start) & (one.t <= generation.end)
    t, y = one.t[kept], one.y[kept]
    if one.trend is None or not t.size:
        return t, y
    middle = float(np.median(t))
    ends = np.array([t[0], t[-1]])
    return ends, float(np.median(y - one.trend.slope * (t - middle))) + one.trend.slope * (ends - middle)
