"""The page of a comparison: one offline file, the decision first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

from aging.core.errors import writing
from aging.findings.comparison.types import Comparison, Difference
from aging.findings.series import Measured
from aging.report.charts.svg import LARGE, Shape, figure_svg
from aging.report.comparison import wording
from aging.report.comparison.content import cells, rows
from aging.report.comparison.figures import forests, memory_charts
from aging.report.html.figure import figure_element
from aging.report.html.scripts import chart_scripts
from aging.report.html.templates import environment
from aging.store.results import Results

_WIDE = Shape(760, 300)


@dataclass(frozen=True, slots=True)
class Row:
    """A difference as it is shown; ``growth`` are the verdicts of both series where growth is compared."""

    indicator: str
    quantity: str
    baseline: str
    other: str
    change: str
    limits: str
    q: str
    verdict: str
    smallest: str
    relative: str
    growth: tuple[str, str] | None
    tone: str


@dataclass(frozen=True, slots=True)
class Group:
    """The differences of one match: the key ones, and the others, which are folded."""

    anchor: str
    title: str
    judged: str
    rows: Sequence[Row]
    others: Sequence[Row]


def write_page(found: Comparison, results: Sequence[Results], path: Path) -> None:
    """Write the page whole or not at all; ``results`` as for :func:`page`."""
    content = page(found, results)
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        temporary.write_text(content, encoding="utf-8", errors="replace")
        temporary.replace(path)


def page(found: Comparison, results: Sequence[Results]) -> str:
    """The page as HTML; ``results`` are the directories that were compared, the baseline first."""
    measured = [Measured(one) for one in results]
    charts = [figure_element(one, figure_svg(one, _WIDE)) for _, one in memory_charts(found, measured)]
    return (
        environment()
        .get_template("comparison.html.j2")
        .render(
            found=found,
            css=Markup(resources.files("aging.report.html").joinpath("report.css").read_text("utf-8")),
            charts=chart_scripts(),
            title=" and ".join(one.label for one in found.measurements),
            headline=wording.headline(found),
            sentences=list(wording.sentences(found)),
            groups=[_group(found, place) for place in range(len(found.matches))],
            forests=[figure_element(one, figure_svg(one, LARGE)) for one in forests(found)],
            memory=charts,
            version=version("llm-aging"),
        )
    )


def _group(found: Comparison, place: int) -> Group:
    match = found.matches[place]
    key = rows(found, place, every=False)
    every = rows(found, place, every=True)
    return Group(
        f"differences-{place + 1}",
        wording.against(found, match),
        wording.judged(match),
        [_row(one) for one in key],
        [_row(one) for one in every if one not in key],
    )


def _row(one: Difference) -> Row:
    before, after = one.baseline.growth, one.other.growth
    growth = None if before is None or after is None else (before, after)
    indicator, quantity, baseline, other, change, limits, q, verdict, smallest = cells(one)
    relative, tone = wording.relative(one), wording.tone(one)
    return Row(indicator, quantity, baseline, other, change, limits, q, verdict, smallest, relative, growth, tone)
