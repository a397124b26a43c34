"""The cells of a study in a terminal: a table that is drawn again, plain lines without one, and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from aging.core import format
from aging.core.format import NONE
from aging.report.grid import Cell, Grid
from aging.report.study.accounting import Accounting, CellRow, Status, collected, headline, span

_STYLES: Mapping[Status, str] = {
    "counted": "green",
    "host_lost": "red",
    "lost": "red",
    "given_up": "bold red",
    "no_findings": "bold red",
    "abandoned": "yellow",
    "ended": "yellow",
    "waiting": "dim",
}
_ORDER: Sequence[Status] = (
    *("no_findings", "given_up", "ended", "lost", "host_lost", "abandoned"),
    *("collecting", "starting", "running", "waiting"),
    "counted",
)
_HEADS = ("cell", "host", "attempt", "state", "placed", "remaining", "collected", "why")
_RIGHT = ("attempt", "placed", "remaining", "collected")
_SPARE = ("collected", "placed", "attempt", "remaining")
_MOST_ROWS = 40


def table(account: Accounting, *, most: int = _MOST_ROWS) -> Group:
    """The sentence of the whole, and a row per cell; of more than ``most`` those without a result come first."""
    head = [Cell(one, "dim", right=one in _RIGHT) for one in _HEADS]
    rows = [head, *(_cells(row, account.sentence) for row in _shown(account, most))]
    below = [Text(line, "dim") for line in _left_out(account, most)]
    notes = [Text(line, "yellow") for line in _notes(account)]
    return Group(Text(account.sentence), *notes, Grid(Cell(headline(account), "bold"), rows, _SPARE), *below)


def lines(account: Accounting, *, most: int | None = None) -> list[str]:
    """The same as plain lines, for logs and pipes; by default every cell."""
    limit = len(account.rows) if most is None else most
    listed = (f"  {_line(row, account.sentence)}" for row in _shown(account, limit))
    return [headline(account), account.sentence, *_notes(account), *listed, *_left_out(account, limit)]


def as_json(account: Accounting) -> dict[str, Any]:
    """The study as JSON: times in seconds (``lost`` of a host in epoch seconds), sizes in bytes."""
    return {
        "study": account.study,
        "state": account.state,
        "stopping": account.stopping,
        "runner_pid": account.runner,
        "started": account.started,
        "elapsed_seconds": account.elapsed,
        "sentence": account.sentence,
        "notes": list(account.notes),
        "complete": not account.missing,
        "missing": [row.cell for row in account.missing],
        "cells": [
            {
                "cell": row.cell,
                "variant": row.variant,
                "replicate": row.replicate,
                "status": row.status,
                "state": row.words,
                "host": row.host,
                "attempt": row.attempt,
                "attempts": row.attempts,
                "placed_seconds_ago": row.since,
                "remaining_seconds": row.remaining,
                "files": row.files,
                "bytes": row.size,
                "why": row.why or None,
            }
            for row in account.rows
        ],
        "hosts": [{"host": one.name, "lost": one.lost, "refused": one.refused} for one in account.hosts],
    }


def turns(account: Accounting) -> tuple[tuple[str, Status, int | None], ...]:
    """What is worth a line of a log when it changes: the status and the attempt of every cell."""
    return tuple((row.cell, row.status, row.attempt) for row in account.rows)


def _shown(account: Accounting, most: int) -> Sequence[CellRow]:
    if len(account.rows) <= most:
        return account.rows
    return sorted(account.rows, key=lambda row: _ORDER.index(row.status))[:most]


def _notes(account: Accounting) -> Iterator[str]:
    return (f"Note: {one}." for one in account.notes)


def _left_out(account: Accounting, most: int) -> Iterator[str]:
    if (rest := len(account.rows) - most) > 0:
        counts = Counter(row.words for row in account.rows)
        yield f"… and {rest:,} more. All cells: {', '.join(f'{count:,} {words}' for words, count in counts.items())}."


def _why(row: CellRow, sentence: str) -> str:
    """Why a cell has no result, where the sentence of the whole has not said it for all that wait."""
    return "" if row.status == "waiting" and row.why in sentence else row.why


def _cells(row: CellRow, sentence: str) -> Sequence[Cell]:
    return (
        Cell(row.cell),
        Cell(row.host or NONE),
        Cell(NONE if row.attempt is None else str(row.attempt), right=True),
        Cell(row.words, _STYLES.get(row.status, "")),
        Cell(NONE if row.since is None else f"{span(row.since)} ago", right=True),
        Cell(NONE if row.remaining is None else span(row.remaining), right=True),
        Cell(format.byte_size(row.size) if row.files else NONE, right=True),
        Cell(_why(row, sentence)),
    )


def _line(row: CellRow, sentence: str) -> str:
    """``v01-r01: running on host a, attempt 1, placed 4 min ago, 56 min remaining, 3 files, 1.20 MiB collected``."""
    parts = [row.words if row.host is None else f"{row.words} on host {row.host}, attempt {row.attempt}"]
    if row.since is not None:
        parts.append(f"placed {span(row.since)} ago")
    if row.remaining is not None:
        parts.append(f"{span(row.remaining)} remaining")
    if row.files:
        parts.append(f"{collected(row.files, row.size)} collected")
    why = _why(row, sentence)
    return f"{row.cell}: {', '.join(parts)}{f'; {why}' if why else ''}"
