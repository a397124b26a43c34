"""Tables as Markdown: pipe tables of GitHub Flavored Markdown, which pandoc and most sites read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from aging.core import format
from aging.core.markdown_text import code
from aging.core.plain_text import one_line, shortened
from aging.report.tables.content import CellKind, Table

_MOST = 2000
"""Characters of a cell."""

_ACTIVE = re.compile(r"[\\`*|<>\[\]~$&#{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.|(?<=http):|(?<=https):")
"""What Markdown acts on inside of a line; an underscore between letters does nothing, and a link needs its colon."""

_MENTION = {ord("@"): "@\u2060"}
"""No escape of ``@`` keeps a user from being mentioned; what follows it does."""


def markdown(tables: Sequence[Table], name: str) -> str:
    """The tables under the name of their campaign."""
    return "\n".join([f"# {_prose(name)}", *(line for one in tables for line in _table(one))]) + "\n"


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {_prose(table.title)}", "")
    yield _row([_prose(column.title) for column in table.columns])
    yield _row(["---:" if column.kind == "number" else "---" for column in table.columns])
    for cells in table.rows:
        yield _row([_cell(cell, column.kind) for cell, column in zip(cells, table.columns, strict=True)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str, kind: CellKind) -> str:
    return code(text, _MOST) if kind == "name" and text != format.NONE else _prose(text)


def _prose(text: str) -> str:
    return _ACTIVE.sub(r"\\\g<0>", shortened(one_line(text), _MOST)).translate(_MENTION)
