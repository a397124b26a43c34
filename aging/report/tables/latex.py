"""Tables as LaTeX: a fragment for ``\\input``, with the rules of booktabs and pages broken by longtable.

It compiles with pdfLaTeX, XeLaTeX and LuaLaTeX: a character that pdfLaTeX has no command for by default is written as
its code point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from aging.core.plain_text import one_line, shortened
from aging.report.tables.content import CellKind, Column, Table

_MOST = 2000
"""Characters of a cell."""

_COMMANDS = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "\\textquotedbl{}",
    "`": "\\textasciigrave{}",
    "\0": "{}",  # stands between two hyphens, which would be a dash
    "[": "{[}",  # after a row's end it would be the length of a gap
    "]": "{]}",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "×": "$\\times$",
    "±": "$\\pm$",
    "≤": "$\\le$",
    "≥": "$\\ge$",
    "≈": "$\\approx$",
    "²": "$^2$",
    "³": "$^3$",
    "·": "$\\cdot$",
    "µ": "\\textmu{}",
    "…": "\\ldots{}",
    "→": "$\\rightarrow$",
    "←": "$\\leftarrow$",
    "\u00a0": "~",
}

_LETTERS = re.compile(r"[ -~À-ÖØ-öø-ſ]")
"""What the encoding T1 has: ASCII, Latin-1 letters, Latin Extended-A."""

_TWO_HYPHENS = re.compile(r"-(?=-)")
_MAY_BREAK = re.compile(r"(\\_|/|\.(?=[A-Za-z]))")
_ALIGNED: dict[CellKind, str] = {"name": "l", "number": "r"}
_TEXT = r"p{0.22\linewidth}"
_WIDE_TEXT = r"p{0.5\linewidth}"
_LONG = 40


def latex(tables: Sequence[Table], name: str, verb: str = "report") -> str:
    """The tables of the campaign ``name``, one longtable each, with the label ``tab:KEY``."""
    head = [
        f"% Tables of the campaign {_one_comment(name)}, written by `aging {verb} --format latex`.",
        "% In the preamble: \\usepackage[T1]{fontenc} \\usepackage{booktabs,longtable,array,textcomp}",
    ]
    return "\n".join([*head, *(line for one in tables for line in _table(one))]) + "\n"


def _table(table: Table) -> Iterator[str]:
    columns = "".join(_alignment(table, place, column) for place, column in enumerate(table.columns))
    titles = " & ".join(_text(column.title) for column in table.columns)
    yield from ("", "\\begingroup\\footnotesize", f"\\begin{{longtable}}{{@{{}}{columns}@{{}}}}")
    yield f"\\caption{{{_text(table.title)}}}\\label{{tab:{table.key}}}\\\\"
    yield from ("\\toprule", f"{titles} \\\\", "\\midrule", "\\endfirsthead")
    yield from ("\\toprule", f"{titles} \\\\", "\\midrule", "\\endhead")
    yield from ("\\bottomrule", "\\endfoot")
    for cells in table.rows:
        row = [_cell(cell, column.kind) for cell, column in zip(cells, table.columns, strict=True)]
        yield f"{' & '.join(row)} \\\\"
    yield from ("\\end{longtable}", "\\endgroup")


def _alignment(table: Table, place: int, column: Column) -> str:
    """A column of sentences is set in lines of its own width."""
    if column.kind != "text":
        return _ALIGNED[column.kind]
    longest = max((len(row[place]) for row in table.rows), default=0)
    ragged = r">{\raggedright\arraybackslash}"
    return "l" if longest <= _LONG // 2 else f"{ragged}{_TEXT if len(table.columns) > 4 else _WIDE_TEXT}"


def _cell(text: str, kind: CellKind) -> str:
    shown = _text(text)
    if kind != "name":
        return shown
    broken = _MAY_BREAK.sub(r"\1\\allowbreak{}", shown)
    return f"\\texttt{{{broken}}}"


def _text(text: str) -> str:
    return "".join(map(_character, _TWO_HYPHENS.sub("-\0", shortened(one_line(text), _MOST))))


def _character(character: str) -> str:
    if character in _COMMANDS:
        return _COMMANDS[character]
    return character if _LETTERS.match(character) else f"{{[}}U+{ord(character):04X}{{]}}"


def _one_comment(text: str) -> str:
    """A name in a comment: one line, which cannot end it."""
    return one_line(text)
