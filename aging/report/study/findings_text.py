"""The findings of a study in the terminal: the decision, what is missing, hosts that differ, and the tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from aging.core.plain_text import one_line, shortened
from aging.findings.study.types import StudyFindings
from aging.report.study import wording
from aging.report.study.accounting import Accounting
from aging.report.study.content import tables
from aging.report.tables.content import Table
from aging.report.terminal import STYLES

_TONES = {"bad": "bold red", "good": "green", "warn": "yellow", "mute": ""}
_ALWAYS = ("decisions", "differences", "between-hosts", "facts", "problems")
"""The tables that are printed; cells and attempts where not all cells have a result."""

_LONGEST = 120
_MOST_ROWS = 40
_VERDICT = "Verdict"


def show(findings: StudyFindings, account: Accounting, console: Console) -> None:
    """Print the decision first, then every table of it; of each at most 40 rows."""
    head = wording.headline(findings)
    console.print(Text(one_line(f"{head.text}."), style=_TONES[head.tone]), soft_wrap=True)
    console.print(Text(account.sentence, style="" if findings.complete else "yellow"), soft_wrap=True)
    for one in findings.outliers:
        console.print(Text(one_line(f"outlier: {wording.outlier(findings, one)}"), style="yellow"), soft_wrap=True)
    for table in tables(findings, account):
        if table.key in _ALWAYS or (table.key in ("cells", "attempts") and not findings.complete):
            _show(table, console)


def _show(table: Table, console: Console) -> None:
    grid = Grid(title=Text(table.title), title_justify="left", box=None, pad_edge=False)
    for column in table.columns:
        grid.add_column(column.title, header_style="dim", justify="right" if column.kind == "number" else "left")
    for row in table.rows[:_MOST_ROWS]:
        cells = [Text(shortened(one_line(cell), _LONGEST)) for cell in row]
        for cell, column in zip(cells, table.columns, strict=True):
            if column.title == _VERDICT:
                cell.stylize(STYLES.get(cell.plain, ""))
        grid.add_row(*cells)
    console.print(grid)
    if (more := len(table.rows) - _MOST_ROWS) > 0:
        console.print(Text(f"{more} more rows: aging report STUDYDIR --format markdown has all"))
