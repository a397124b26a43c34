"""The grid of the live view: what rich's own table shows, without laying it out."""

from __future__ import annotations

import io

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aging.report.grid import Cell, Grid

HEAD = (Cell("deployment", "dim"), Cell("requests", "dim", right=True), Cell("course", "dim"))
ROWS = [
    (Cell("a"), Cell("1,234,567", right=True), Cell("▁▂▃")),
    (Cell("a-long-name-服务"), Cell("1", "red", right=True), Cell("")),
]


def printed(what: object, width: int = 120) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system="standard", record=True)
    console.print(what)
    return console.export_text(styles=True)


def plain(what: object, width: int = 120) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(what)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_it_shows_what_a_table_of_rich_does() -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for cell in HEAD:
        table.add_column(cell.text, justify="right" if cell.right else "left", no_wrap=True)
    for row in ROWS:
        table.add_row(*(Text(cell.text, style=cell.style) for cell in row))
    assert plain(Grid(Cell("title", "bold"), [HEAD, *ROWS])) == ["title", *plain(table)]


def test_styles_are_kept() -> None:
    text = printed(Grid(Cell("title", "bold"), [HEAD, *ROWS]))
    assert "\x1b[1mtitle\x1b[0m" in text
    assert "\x1b[31m1\x1b[0m" in text


def test_what_is_wider_than_the_console_is_cut() -> None:
    lines = plain(Grid(Cell("a title that is long"), [HEAD, *ROWS]), width=12)
    assert lines[0] == "a title that"
    assert len(lines) == 4


def test_a_grid_without_rows_is_its_title() -> None:
    assert plain(Grid(Cell("title"), [])) == ["title"]


def test_it_can_be_live() -> None:
    console = Console(width=120, file=(out := io.StringIO()), force_terminal=True)
    with Live(console=console, auto_refresh=False) as live:
        live.update(Grid(Cell("title"), [HEAD, *ROWS]), refresh=True)
    assert "1,234,567" in out.getvalue()


def test_columns_that_a_narrow_console_does_without() -> None:
    grid = Grid(Cell("title"), [HEAD, *ROWS], ("absent", "requests", "deployment"))
    assert plain(grid, 40)[2] == "a                 1,234,567  ▁▂▃"
    assert plain(grid, 25)[1:3] == ["deployment        course", "a                 ▁▂▃"]
    assert plain(grid, 10)[2] == "▁▂▃"
