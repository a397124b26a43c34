"""Formats of request traces, one a file: the base contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ENTRY_POINT_GROUP = "aging.traces"

SECOND = 1_000_000_000


class Row(NamedTuple):
    """One request of a trace. ``at`` is nanoseconds on the trace's own clock, ``line`` where it stands (from 1).

    ``blocks`` are the shared blocks of 512 tokens that its prompt consists of, the last one in part; ``session`` is
    the conversation it belongs to, ``model`` and ``log_type`` what the trace calls them; empty where it has none.
    """

    line: int
    at: int
    prompt_tokens: int
    output_tokens: int
    failed: bool = False
    session: str = ""
    model: str = ""
    log_type: str = ""
    blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a trace: in which line (0: the whole file), in which column (empty: the line), and why."""

    line: int
    column: str
    what: str


@dataclass(frozen=True, slots=True)
class TraceFormat:
    """A format of traces.

    ``recognises`` is whether a path holds this format; ``rows`` reads it from start to end, in constant memory, and
    an unreadable row as :class:`Wrong`. ``time_column`` is where the time stands. Stamps are whole multiples of
    about ``bin`` seconds, so that requests came within so long after theirs; 0: stamps are exact.
    """

    kind: str
    time_column: str
    bin: float
    recognises: Callable[[Path], bool]
    rows: Callable[[Path], Iterator[Row | Wrong]]
