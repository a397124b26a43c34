"""The figures of a comparison: differences as forest plots, and the memory of all sides on one time axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aging.core.metrics import PRIMARY, client_indicator
from aging.findings.comparison.types import Comparison, Difference, Match, Statistic
from aging.findings.series import Measured, Window
from aging.report.charts.cells import CELLS, envelope, few
from aging.report.charts.chart import Chart, Estimate, Floats, Forest, Line, Span
from aging.report.charts.key import figure_key
from aging.report.charts.run import origin
from aging.report.comparison import wording

_LEAST_SPAN = 2.0**20
_LEAST_SHARE = 0.01
_ROOM = 0.05
_QUANTILES: tuple[Statistic, ...] = ("p50", "p95", "p99")
_TITLES = {"ttft": "Time to first token", "tpot": "Time per output token", "e2e": "Time to the last token"}


def forests(found: Comparison) -> Sequence[Forest]:
    """Differences of the growth of memory and of each latency; what was not compared has no row."""
    made = [difference_forest(found, PRIMARY, "per_hour")]
    made += [_latency_forest(found, name) for name in _TITLES]
    return [one for one in made if one is not None]


def difference_forest(found: Comparison, indicator: str, statistic: Statistic) -> Forest | None:
    """The difference of one quantity of every match; None where it was compared in none."""
    chosen = [one for one in found.differences if (one.indicator, one.statistic) == (indicator, statistic)]
    if not chosen:
        return None
    said = wording.STATISTICS[statistic]
    return Forest(
        key=figure_key("difference", indicator, statistic),
        title=f"{indicator}: difference in {said}" if statistic == "per_hour" else f"{indicator}: {said}",
        label=f"Difference of {indicator}, {said}, of every deployment from the baseline",
        quantity=indicator,
        per=wording.per(statistic),
        rows=[_row(one, wording.match_name(found, found.matches[one.match])) for one in chosen],
    )


def memory_charts(found: Comparison, measured: Sequence[Measured]) -> Iterator[tuple[str, Chart]]:
    """By deployment of the baseline: its memory and that of its counterparts, all replicas, on one axis of time.

    ``measured`` are the result directories, the baseline's first; of one directory it alone.
    """
    matches: dict[str, list[Match]] = {}
    for match in found.matches:
        matches.setdefault(match.baseline, []).append(match)
    for baseline, own in matches.items():
        sides = [(0, baseline), *((match.measurement, match.deployment) for match in own)]
        lines, windows, began = [], [], set()
        for place, name in sides:
            source = measured[place] if len(measured) > 1 else measured[0]
            runs = {replica: window for (of, replica), window in source.windows.items() if of == name}
            for replica, window in runs.items():
                label = found.measurements[place].label
                label = f"{label}, replica {replica}" if len(runs) > 1 else label
                line = _line(source, name, replica, window, label)
                if line.t.size:
                    lines.append(line)
                    windows.append(window)
            began |= {origin(source.results, [(name, replica) for replica in runs])} if runs else set()
        if lines:
            yield baseline, _chart(baseline, lines, windows, own[0], " or ".join(sorted(began)))


def _chart(name: str, lines: Sequence[Line], windows: Sequence[Window], match: Match, began: str) -> Chart:
    values = np.concatenate([line.y[np.isfinite(line.y)] for line in lines])
    least, greatest = float(values.min()), float(values.max())
    span = max(greatest - least, _LEAST_SPAN, _LEAST_SHARE * greatest)
    return Chart(
        key=figure_key("memory", name),
        title=f"Memory of {name}",
        label=f"Memory of {name}, one line a run: {', '.join(line.label for line in lines)}",
        quantity=PRIMARY,
        origin=began,
        last=max(one.load_end - one.load_start for one in windows),
        bottom=max(0.0, least - _ROOM * span),
        top=max(greatest, least + span) + _ROOM * span,
        lines=lines,
        spans=[Span("warm-up", 0.0, match.begin_seconds, "not judged")] if match.begin_seconds > 0 else (),
    )


def _line(source: Measured, name: str, replica: int, window: Window, label: str) -> Line:
    """All samples where a screen can show them, else the least and the greatest of every place of it."""
    rows = source.results.tree(name, replica, columns=("mono", PRIMARY))
    if PRIMARY not in rows:
        return Line(label, "series", np.empty(0), np.empty(0))
    rows = rows[rows[PRIMARY].notna()].sort_values("mono")
    t = rows["mono"].to_numpy(dtype=np.float64) - window.load_start
    y = rows[PRIMARY].to_numpy(dtype=np.float64)
    seconds = window.load_end - window.load_start
    inside = (t >= 0) & (t <= seconds)
    t, y = t[inside], y[inside]
    return Line(label, "series", *((t, y) if few(t) else _both_ends(t, y, seconds / CELLS)))


def _both_ends(t: Floats, y: Floats, width: float) -> tuple[Floats, Floats]:
    middles, low, high = envelope(t, y, width)
    ends = np.column_stack([middles - width / 4, middles + width / 4]).ravel()
    return ends, np.column_stack([low, high]).ravel()


def _latency_forest(found: Comparison, name: str) -> Forest | None:
    indicator = client_indicator(f"{name}_seconds")
    chosen = [one for one in found.differences if one.indicator == indicator and one.statistic in _QUANTILES]
    bounded = [one for one in chosen if one.low is not None and one.high is not None]
    if not bounded:
        return None

    def labelled(one: Difference) -> str:
        of = wording.match_name(found, found.matches[one.match])
        quantile = {"p50": "median"}.get(one.statistic, one.statistic)
        return quantile if len(found.matches) == 1 else f"{of}: {quantile}"

    return Forest(
        key=figure_key("difference", indicator),
        title=f"{_TITLES[name]}: difference",
        label=f"Difference of {indicator} of every deployment from the baseline: median, p95, p99",
        quantity=indicator,
        per="",
        rows=[_row(one, labelled(one)) for one in bounded],
    )


def _row(one: Difference, label: str) -> Estimate:
    return Estimate(label, one.value, one.low, one.high, note=one.verdict)
