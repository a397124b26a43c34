"""A comparison in the terminal: the decision, what differs, the differences, remarks."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aging.core.format import NONE
from aging.core.plain_text import one_line, shortened
from aging.findings.comparison.types import Comparison
from aging.report.comparison import wording
from aging.report.comparison.content import COLUMNS, cells, rows

_STYLES = {"bad": "bold red", "good": "green", "mute": ""}
_NARROW = 132
_NARROW_COLUMNS = (0, 1, 4, 5, 7)
_MOST_KEYS = 15
_LONGEST_VALUE = 60


def show(found: Comparison, console: Console, *, every: bool = False) -> None:
    """Print it; ``every``: all quantities and all keys that differ."""
    head = wording.headline(found)
    console.print(Text(f"{head.text}.", style=_STYLES[head.tone]), soft_wrap=True)
    for said in wording.sentences(found):
        console.print(Text(one_line(said.text), style=_STYLES[said.tone]), soft_wrap=True)
    _show_what_differs(found, console, every=every)
    narrow = console.width < _NARROW
    for place, match in enumerate(found.matches):
        title = f"{wording.against(found, match)} ({wording.judged(match)})"
        grid = _grid(title)
        shown = _NARROW_COLUMNS if narrow else range(len(COLUMNS))
        for column in shown:
            grid.add_column(COLUMNS[column].title, header_style="dim", no_wrap=not narrow)
        for one in rows(found, place, every=every):
            row = [Text(one_line(cell)) for cell in cells(one)]
            row[7].stylize(_STYLES[wording.tone(one)])
            grid.add_row(*(row[column] for column in shown))
        console.print(grid)
    for remark in found.remarks:
        word, style = ("warning", "yellow") if remark.warning else ("note", "")
        console.print(Text(one_line(f"{word}: {remark.text}"), style=style), soft_wrap=True)


def _show_what_differs(found: Comparison, console: Console, *, every: bool) -> None:
    if not found.what_differs:
        console.print(Text("What differs: no key of the manifests."))
        return
    listed = found.what_differs if every else found.what_differs[:_MOST_KEYS]
    grid = _grid("What differs")
    for title in ("key", *(one.label for one in found.measurements)):
        grid.add_column(one_line(title), header_style="dim")
    for row in listed:
        values = [NONE if one is None else shortened(one_line(one), _LONGEST_VALUE) for one in row.values]
        grid.add_row(*map(Text, (one_line(row.key), *values)))
    console.print(grid)
    if len(listed) < len(found.what_differs):
        console.print(Text(f"{len(found.what_differs) - len(listed)} more keys differ: --all lists them"))


def _grid(title: str) -> Table:
    return Table(title=Text(one_line(title)), title_justify="left", box=None, pad_edge=False)
