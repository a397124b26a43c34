"""Markdown that the generators share."""

from __future__ import annotations

from collections.abc import Iterable

Row = tuple[str, ...]


def table(head: Row, rows: Iterable[Row]) -> str:
    """A table, with a newline at its end."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def made_by(tool: str, described_in: str) -> str:
    """The comment that says where a page comes from."""
    return f"<!-- Made by tools/{tool}.py from {described_in}: change it there, then run: make docs -->\n"


def listed(names: Iterable[str]) -> str:
    """Names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)
