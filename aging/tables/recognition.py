"""The table of a file: its format, by its first lines, and its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

import aging.tables.formats
from aging.core.errors import Mistake, MistakeCode, MistakesError
from aging.core.plugins import discover
from aging.tables.base import Format, NoRowsError
from aging.tables.table import Table
from aging.tables.text import UnreadableError, head_of

_MARKUP = re.compile(r"[\s\ufeff]*<(!doctype\s+html|html|head|body|table|\?xml)\b", re.IGNORECASE)


def table_of(path: Path, source: str, kind: str | None) -> tuple[Table, str]:
    """The table of a file and the kind of its format, by default the one that recognizes it. Raises MistakesError."""
    formats: Mapping[str, type[Format]] = discover(aging.tables.formats, Format)
    if kind is not None and kind not in formats:
        what = f"no such format: {kind!r}; the formats are: {', '.join(formats)}"
        raise MistakesError(source, [Mistake("--format", what, MistakeCode.UNKNOWN_NAME)])
    try:
        head = head_of(path)
        table, found = _read([formats[kind]] if kind is not None else _recognizing(formats, head, path), path)
    except OSError as error:
        what = f"cannot be read: {error.strerror or 'an error of input or output'}"
        raise MistakesError(source, [Mistake("", what, MistakeCode.UNREADABLE_FILE)]) from None
    except UnreadableError as error:
        raise MistakesError(source, [Mistake("", str(error), MistakeCode.UNREADABLE_FILE)]) from None
    except ValueError as error:
        raise MistakesError(source, [Mistake("", str(error))]) from None
    if not table.columns or not all(np.asarray(column).size for column in table.columns.values()):
        raise MistakesError(source, [Mistake("", "has no rows")])
    return table, found.kind


def _read(candidates: Sequence[type[Format]], path: Path) -> tuple[Table, type[Format]]:
    """The table in the first format that has rows of it. Raises ValueError, with what is wrong by the first."""
    missing: NoRowsError | None = None
    for one in candidates:
        try:
            return one.read(path), one
        except NoRowsError as error:
            missing = missing or error
        except ValueError:
            if missing is None:
                raise
    raise missing or ValueError("is empty")


def _recognizing(formats: Mapping[str, type[Format]], head: Sequence[str], path: Path) -> list[type[Format]]:
    start = head[0] if head else ""
    if start.startswith("PK\x03\x04"):
        raise ValueError(_zipped(path))
    if markup := _MARKUP.match(next((line for line in head if line.strip()), "")):
        kind = "XML" if markup[1].lower() == "?xml" else "HTML"
        raise ValueError(f"is {kind}; export the table as CSV")
    text = "".join(head)[:2000]
    strange = sum(not (one.isprintable() or one.isspace() or one in "\x1b\ufeff") for one in text)
    if strange > 0.1 * len(text) and not start.startswith("PAR1"):
        raise ValueError("is no text; aging reads text tables, logs, JSON and Parquet")
    ordered = sorted(formats.values(), key=lambda one: (one.rank, one.kind))
    return [one for one in ordered if one.recognizes(head)]


def _zipped(path: Path) -> str:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        return "is a damaged ZIP archive or Excel workbook"
    if any(name.startswith("xl/") for name in names):
        return "is an Excel workbook; save the sheet as CSV"
    held = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"is a ZIP archive (of {held}); unpack it: unzip -p FILE | aging trend -"
