"""From a result directory to its report: the page, or its tables as Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from aging.core.errors import writing
from aging.findings.findings_file import written_since_the_end
from aging.findings.types import Findings
from aging.report.tables.content import Table, tables
from aging.report.tables.latex import latex
from aging.report.tables.markdown import markdown
from aging.store.results import Results, open_results

TABLES: Mapping[str, Callable[[Sequence[Table], str], str]] = {"markdown": markdown, "latex": latex}
"""The formats of the tables, with what writes them."""


def write_page(root: Path, path: Path | None = None) -> Path:
    """Write the page to ``path``, by default into the directory, whose findings are then brought up to date as well.

    Where it was written. Nothing is computed that ``findings.json`` has of this release.
    """
    results = open_results(root)
    found = _current(results)
    if found is None and path is None:
        from aging.app.analyze import derive  # noqa: PLC0415 - the statistics take two seconds to import

        derive(root)
        return results.layout.report
    from aging.findings.series import Measured  # noqa: PLC0415 - pandas
    from aging.report.html.page import write_report  # noqa: PLC0415 - matplotlib

    target = results.layout.report if path is None else path
    write_report(Measured(results), found or _computed(results), target)
    return target


def write_all_figures(root: Path, folder: Path) -> Path:
    """Write every figure into ``folder``, all or none; the page that lists them."""
    from aging.findings.series import Measured  # noqa: PLC0415 - pandas
    from aging.report.figures import INDEX, write_figures  # noqa: PLC0415 - matplotlib

    results = open_results(root)
    write_figures(Measured(results), _current(results) or _computed(results), folder)
    return folder / INDEX


def table_text(root: Path, format: str) -> str:
    """The tables of a result directory in one of the formats of :data:`TABLES`; nothing is written."""
    results = open_results(root)
    found = _current(results) or _computed(results)
    return TABLES[format](tables(found, results.manifest.deployments), found.campaign)


def write_tables(root: Path, format: str, path: Path) -> None:
    """Write :func:`table_text` to a file, whole or not at all."""
    content = table_text(root, format)
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        temporary.write_text(content, encoding="utf-8", errors="replace")
        temporary.replace(path)


def _current(results: Results) -> Findings | None:
    """The written findings where they are of this release and of the whole campaign."""
    found = written_since_the_end(results)
    return found if found is not None and found.aging_version == version("llm-aging") else None


def _computed(results: Results) -> Findings:
    import aging.stats.trend_tests  # noqa: PLC0415 - the statistics, as above
    from aging.core.plugins import discover  # noqa: PLC0415
    from aging.findings.build import analyze  # noqa: PLC0415
    from aging.stats.trend_tests.base import TrendTest  # noqa: PLC0415

    return analyze(open_results(results.layout.root, checked=True), discover(aging.stats.trend_tests, TrendTest))
