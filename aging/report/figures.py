"""Every figure of a report as files for papers: SVG, PNG and PDF, its data as CSV, and an index of all of them."""

from __future__ import annotations

import csv
import html
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from aging.core.errors import writing
from aging.core.metrics import PRIMARY
from aging.findings.series import Measured
from aging.findings.types import Finding, Findings
from aging.report.charts import table
from aging.report.charts.chart import Chart, Figure, Forest, HeatMap
from aging.report.charts.draw import draw
from aging.report.charts.forest import deployment_forest, replica_forest
from aging.report.charts.heat_map import heat_map
from aging.report.charts.indicator import indicator_chart
from aging.report.charts.latency import attainment_charts, latency_chart
from aging.report.charts.memory import harness_charts, memory_chart
from aging.report.charts.palette import SCREEN
from aging.report.charts.places import mapping_kinds_chart, process_places_chart

FORMATS = ("svg", "png", "pdf")
INDEX = "index.html"

_DPI = 200
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "svg.fonttype": "none",  # text stays text
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3
    "svg.hashsalt": "aging",
}
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None, "ModDate": None},
    "png": {},
}
"""Without dates: the same results give the same bytes."""

_MOST_NAMED = 30


def figures(measured: Measured, findings: Findings) -> Iterator[Figure]:
    """Every figure of the results, in the order of the campaign; each has a key of its own."""
    results = measured.results
    found = {(one.deployment, one.indicator): one for one in findings.findings}
    overview = heat_map(findings.findings, results.deployments)
    if overview is not None:
        yield overview
    if (forest := deployment_forest(findings.findings, PRIMARY)) is not None:
        yield forest
    for name in results.deployments:
        yield from (one for finding in _of(findings, name) if (one := replica_forest(finding)) is not None)
        for replica in results.replicas(name):
            yield from _of_run(measured, name, replica, found, [one.indicator for one in _of(findings, name)])
    yield from (chart for _, chart in harness_charts(measured, found))


def _of(findings: Findings, deployment: str) -> Sequence[Finding]:
    return [one for one in findings.findings if one.deployment == deployment]


def _of_run(
    measured: Measured,
    name: str,
    replica: int,
    found: dict[tuple[str, str], Finding],
    indicators: Sequence[str],
) -> Iterator[Figure]:
    made: list[Chart | None] = [
        memory_chart(measured, name, replica, found.get((name, PRIMARY))),
        process_places_chart(measured, name, replica),
        mapping_kinds_chart(measured, name, replica),
        latency_chart(measured, name, replica),
        *attainment_charts(measured, name, replica),
    ]
    yield from (one for one in made if one is not None)
    for indicator in indicators:
        if indicator != PRIMARY:
            chart = indicator_chart(measured, name, replica, indicator, found.get((name, indicator)))
            if chart is not None:
                yield chart


def write_figures(measured: Measured, findings: Findings, folder: Path) -> Sequence[str]:
    """Write every figure into ``folder``, all of them or none; their keys.

    Files of an earlier call are replaced; whatever else is in the folder stays. Raises StorageError where there is no
    room or no permission.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            keys = list(_written(measured, findings, made))
            made.chmod(0o755)
            _moved(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return keys


def _moved(made: Path, folder: Path) -> None:
    """A new folder appears whole; of one that is there, each file is replaced whole."""
    if not folder.exists():
        made.rename(folder)
        return
    for file in sorted(made.iterdir(), key=lambda one: one.name == INDEX):
        file.replace(folder / file.name)


def _written(measured: Measured, findings: Findings, folder: Path) -> Iterator[str]:
    rows: list[tuple[str, str]] = []
    with mpl.rc_context(_STYLE):
        for figure in figures(measured, findings):
            drawing = _drawing(figure)
            drawing.draw_without_rendering()
            drawing.set_layout_engine("none")  # it has laid out: once, not again for every format
            for kind in FORMATS:
                drawing.savefig(folder / f"{figure.key}.{kind}", dpi=_DPI, metadata=_METADATA[kind])
            with (folder / f"{figure.key}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(table.rows(figure))
            rows.append((figure.key, figure.label))
            yield figure.key
    (folder / INDEX).write_text(_index(findings.campaign, rows), encoding="utf-8", errors="replace")


def _drawing(figure: Figure) -> Drawing:
    drawing = Drawing(figsize=_inches(figure), layout="constrained")
    axes = drawing.add_subplot()
    draw(figure, axes, SCREEN)
    axes.set_title(_plain(_title(figure)), loc="left", fontsize=11, color=SCREEN.ink, pad=20)
    if isinstance(figure, Chart):
        _legend(drawing, axes)
    return drawing


def _title(figure: Figure) -> str:
    return f"{figure.title}: {figure.quantity}" if isinstance(figure, Chart) else figure.title


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


def _legend(drawing: Drawing, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if 1 < len(labels) <= _MOST_NAMED:
        names = [_plain(label) for label in labels]
        drawing.legend(handles, names, loc="outside lower center", ncols=2, frameon=False, fontsize=9)


def _inches(figure: Figure) -> tuple[float, float]:
    if isinstance(figure, Forest):
        return 7.0, 1.4 + 0.34 * len(figure.rows)
    if isinstance(figure, HeatMap):
        return max(7.0, 3.4 + 1.25 * len(figure.columns)), 1.8 + 0.28 * len(figure.rows)
    return 7.0, 3.6


def _index(campaign: str, rows: Sequence[tuple[str, str]]) -> str:
    """A page with every figure; it loads the SVG files beside it and nothing else."""
    each = "".join(
        f'<figure><img src="{key}.svg" alt="{html.escape(label)}" loading="lazy"><figcaption>{html.escape(label)}<br>'
        + " ".join(f'<a href="{key}.{kind}">{kind.upper()}</a>' for kind in (*FORMATS, "csv"))
        + "</figcaption></figure>\n"
        for key, label in rows
    )
    name = html.escape(campaign)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' file:; "
        "style-src 'unsafe-inline'\">"
        f"<title>Figures of {name}</title><style>"
        "body { margin: 2em auto; max-width: 60em; padding: 0 1em; "
        "font: 15px/1.5 system-ui, sans-serif; background: #fff; color: #1b1f24; } figure { margin: 0 0 2.5em; } "
        "img { max-width: 100%; } figcaption { color: #565e66; overflow-wrap: anywhere; } a { color: #1d5580; }"
        f"</style></head><body><h1>Figures of {name}</h1>\n{each}</body></html>\n"
    )
