"""The replay of a trace: which rows are replayed, which are left out, and when they arrive."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

import aging.load.traces
from aging.core.errors import AgingError
from aging.core.plugins import discover
from aging.load.schedule.rng import Draws
from aging.load.traces.base import SECOND, Row, TraceFormat, Wrong

_COPY_GAPS = 10
"""Repeated requests come within so many mean gaps of the first: longer bursts stay."""

_REPETITION_BITS = 40
"""Blocks of another repetition have ids from here on: they are as new to the server as the first ones were."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of a trace: where it lies, which stretch of it and which rows (seconds), how long they may be (tokens)."""

    path: str
    format: str = "auto"
    start: float = 0.0
    window: float | None = None
    model: str | None = None
    log_type: str | None = None
    with_failures: bool = False
    max_prompt: int | None = None
    max_output: int | None = None
    max_total: int | None = None
    clip: bool = True
    bin: float | None = None


@dataclass(slots=True)
class Losses:
    """How many rows there were, and how many were left out or changed, by reason."""

    rows: int = 0
    outside: int = 0
    other_kinds: int = 0
    failures: int = 0
    beyond: int = 0

    @property
    def account(self) -> str:
        """Why all rows were left out, with the counts."""
        why = {
            "before `start` or behind `window`": self.outside,
            "of another `model` or `log_type`": self.other_kinds,
            "failed": self.failures,
            "longer than the bounds": self.beyond,
        }
        counts = ", ".join(f"{count} {what}" for what, count in why.items() if count)
        return f"of {self.rows} rows {counts}" if self.rows else "it has no rows"


@dataclass(slots=True)
class Facts:
    """The result of reading a selection once. ``span_ns`` is how long its rows last, with the gap after the last."""

    losses: Losses = field(default_factory=Losses)
    refused: int = 0
    replayed: int = 0
    last_ns: int = 0
    span_ns: int = 0
    longest_prompt: int = 0
    longest_output: int = 0
    longest_total: int = 0

    @property
    def rate(self) -> float:
        """Requests per second that are replayed at time scale 1."""
        return self.replayed * SECOND / self.span_ns

    def count(self, row: Row) -> None:
        """One more row that is replayed."""
        self.last_ns = row.at
        self.replayed += 1
        self.longest_prompt = max(self.longest_prompt, row.prompt_tokens)
        self.longest_output = max(self.longest_output, row.output_tokens)
        self.longest_total = max(self.longest_total, row.prompt_tokens + row.output_tokens)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a selection is replayed: ``time_scale`` times as fast, each row ``copies`` times on average.

    Copies come within ``spread_ns`` nanoseconds of the trace's clock after the row; with ``loop`` it starts again.
    """

    time_scale: float = 1.0
    copies: float = 1.0
    spread_ns: float = 0.0
    loop: bool = False

    @classmethod
    def at_rate(cls, rate: float, native_rate: float, time_scale: float, loop: bool) -> Pace:
        """``rate`` requests per second on average of a trace that has ``native_rate`` at time scale 1."""
        return cls(time_scale, rate / (native_rate * time_scale), _COPY_GAPS * SECOND / native_rate, loop)


class TraceError(AgingError):
    """A trace that cannot be replayed; the message names file, line and column."""


class Replayed(NamedTuple):
    """An arrival: nanoseconds from the start of load, its row, its conversation (−1: none) and its shared blocks."""

    at: int
    row: Row
    session: int
    blocks: tuple[int, ...]


def format_of(selection: Selection) -> TraceFormat:
    """The format a selection names, or the one that recognises it. Raises :class:`TraceError`."""
    known: Mapping[str, TraceFormat] = discover(aging.load.traces, TraceFormat)
    path = Path(selection.path)
    if not path.exists():
        raise TraceError(f"there is no {selection.path!r}")
    if not (path.is_file() or path.is_dir()):
        raise TraceError(f"{selection.path} is neither a file nor a folder")
    if path.is_file() and path.stat().st_size == 0:
        raise TraceError(f"{selection.path} is empty")
    if selection.format != "auto":
        if selection.format not in known:
            raise TraceError(f"unknown format {selection.format!r}; known: auto, {', '.join(known)}")
        return known[selection.format]
    try:
        found = next((each for each in known.values() if each.recognises(path)), None)
    except OSError as error:
        raise TraceError(f"{selection.path} cannot be read: {error.strerror}") from None
    if found is None:
        what = "has no request records" if path.is_dir() else "is of no format that is known: " + ", ".join(known)
        raise TraceError(f"{selection.path} {what}")
    return found


def facts(selection: Selection, refuse: Callable[[str], None] | None = None) -> Facts:
    """Read a trace once, to its end. Mistakes go to ``refuse``; by default the first raises :class:`TraceError`."""
    found, trace = Facts(), format_of(selection)
    refuse = _refuse if refuse is None else refuse
    rows = _sound(selection, trace, found, refuse)
    for _ in _selected(rows, selection, trace, found):
        pass
    for _ in rows:  # behind the window, but they must be readable too
        found.losses.outside += 1
    if not found.replayed and not found.refused:
        refuse(f"{selection.path}: no row is left to replay: {found.losses.account}")
    return found


def _sound(selection: Selection, trace: TraceFormat, found: Facts, refuse: Callable[[str], None]) -> Iterator[Row]:
    """The rows that can be read and are in order, their times from the start of the window; others are refused."""
    begin = round(selection.start * SECOND)
    origin = previous = None
    for row in trace.rows(Path(selection.path)):
        if isinstance(row, Wrong):
            wrong = row
        elif previous is not None and row.at < previous:
            wrong = Wrong(row.line, trace.time_column, "is before the row above it; sort the trace by time")
        else:
            origin, previous = row.at if origin is None else origin, row.at
            found.losses.rows += 1
            yield row._replace(at=row.at - origin - begin)
            continue
        found.refused += 1
        refuse(located(selection.path, wrong))


def _selected(rows: Iterator[Row], selection: Selection, trace: TraceFormat, found: Facts) -> Iterator[Row]:
    """The rows that are replayed, lengths within their bounds; ends at the end of the window.

    ``found`` counts them, and has the span when the rows have ended.
    """
    width = None if selection.window is None else round(selection.window * SECOND)
    for row in rows:
        if width is not None and row.at >= width:
            found.losses.outside += 1
            found.span_ns = width
            return
        if row.at < 0:
            found.losses.outside += 1
        elif (kept := _kept(row, selection, found)) is not None:
            found.count(kept)
            yield kept
    gap = max(found.last_ns // max(found.replayed - 1, 1), bin_ns(selection, trace)) or SECOND
    found.span_ns = found.last_ns + gap


def bin_ns(selection: Selection, trace: TraceFormat) -> int:
    """Nanoseconds over which requests with one stamp are spread."""
    return round((trace.bin if selection.bin is None else selection.bin) * SECOND)


def _refuse(what: str) -> None:
    raise TraceError(what)


def _kept(row: Row, selection: Selection, found: Facts) -> Row | None:
    """A row with its lengths within their bounds, or None where it is left out."""
    if (selection.model is not None and row.model != selection.model) or (
        selection.log_type is not None and row.log_type != selection.log_type
    ):
        found.losses.other_kinds += 1
        return None
    if row.failed:
        found.losses.failures += 1
        if not selection.with_failures:
            return None
    prompt, output = row.prompt_tokens or 1, row.output_tokens or 1
    shorter, shorter_output = _bounded(prompt, output, selection)
    if shorter != prompt or shorter_output != output:
        found.losses.beyond += 1
        if not selection.clip:
            return None
    return Row(row.line, row.at, shorter, shorter_output, *row[4:])


def _bounded(prompt: int, output: int, bounds: Selection) -> tuple[int, int]:
    """Lengths within their bounds; of a total that is too long the prompt keeps what it has, but for one token."""
    if bounds.max_prompt is not None and prompt > bounds.max_prompt:
        prompt = bounds.max_prompt
    if bounds.max_output is not None and output > bounds.max_output:
        output = bounds.max_output
    if bounds.max_total is not None and prompt + output > bounds.max_total:
        prompt = min(prompt, bounds.max_total - 1)
        output = min(output, bounds.max_total - prompt)
    return prompt, output


def located(path: str, wrong: Wrong) -> str:
    """Where in a file something is wrong, and what."""
    where = path + (f", line {wrong.line}" if wrong.line else "")
    return f"{where}: {f'column {wrong.column!r}: ' if wrong.column else ''}{wrong.what}"


def replay(selection: Selection, pace: Pace, draws: Draws) -> Iterator[Replayed]:
    """The arrivals of a selection.

    Below one copy whole conversations are kept or left out, and rows that stand alone by themselves.
    """
    trace, now = format_of(selection), 0
    most_copies = math.ceil(pace.copies) if pace.copies > 1 else 1
    for at, row, lap, copy in _copies(_laps(selection, trace, pace.loop, draws.of("jitter")), pace, draws):
        now = max(now, round(at / pace.time_scale))  # where a lap meets the next, stamps may be spread over its start
        repetition = lap * most_copies + copy
        blocks = tuple(repetition << _REPETITION_BITS | block for block in row.blocks) if repetition else row.blocks
        yield Replayed(now, row, _session(row, repetition), blocks)


_Timed = tuple[int, Row, int]
"""Nanoseconds of the trace's clock, a row, and in which lap."""


def _laps(selection: Selection, trace: TraceFormat, loop: bool, jitter: Draws) -> Iterator[_Timed]:
    before = 0
    for lap in count():
        found = Facts()
        rows = _selected(_sound(selection, trace, found, _refuse), selection, trace, found)
        for at, row in _spread(rows, bin_ns(selection, trace), jitter):
            yield before + at, row, lap
        if not loop or not found.replayed:
            return
        before += found.span_ns


def _spread(rows: Iterator[Row], width: int, draws: Draws) -> Iterator[tuple[int, Row]]:
    """Rows of one stamp spread at random, in their order, until the next stamp, but no further than ``width``."""
    if width <= 0:
        yield from ((row.at, row) for row in rows)
        return
    together: list[Row] = []
    for row in rows:
        if together and row.at != together[0].at:
            yield from _within(together, min(width, row.at - together[0].at), draws)
            together = []
        together.append(row)
    yield from _within(together, width, draws)


def _within(rows: list[Row], width: int, draws: Draws) -> Iterator[tuple[int, Row]]:
    if rows:
        for share, row in zip(sorted(draws.uniform(len(rows)).tolist()), rows, strict=True):
            yield row.at + int(share * width), row


def _copies(rows: Iterator[_Timed], pace: Pace, draws: Draws) -> Iterator[tuple[int, Row, int, int]]:
    """Rows left out or repeated, in order of time; the last number is that of the copy."""
    if pace.copies == 1.0:
        yield from ((*timed, 0) for timed in rows)
        return
    keeping, later = (_one_by_one(draws.of(name)) for name in ("keeping", "later"))
    salt = f"{next(_one_by_one(draws.of('conversations')))!r}"
    whole = math.floor(pace.copies)
    waiting: list[tuple[int, int, int, Row, int]] = []
    for number, (at, row, lap) in enumerate(rows):
        while waiting and waiting[0][0] <= at:
            due, _, copy, repeated, its_lap = heapq.heappop(waiting)
            yield due, repeated, its_lap, copy
        # A conversation is kept, repeated and moved as a whole, so that its turns keep their distances.
        chance = _share(f"{salt}/{lap}/{row.session}") if row.session else next(keeping)
        times = whole + (chance < pace.copies - whole)
        if times:
            yield at, row, lap, 0
        for copy in range(1, times):
            distance = _share(f"{salt}/{lap}/{copy}/{row.session}") if row.session else next(later)
            heapq.heappush(waiting, (at + int(distance * pace.spread_ns), number, copy, row, lap))
    while waiting:
        due, _, copy, repeated, its_lap = heapq.heappop(waiting)
        yield due, repeated, its_lap, copy


def _one_by_one(draws: Draws) -> Iterator[float]:
    while True:
        yield from draws.uniform(256).tolist()


def _session(row: Row, repetition: int) -> int:
    return _hashed(f"{repetition}/{row.session}") if row.session else -1


def _share(name: str) -> float:
    return _hashed(name) / 2**60


def _hashed(name: str) -> int:
    """60 bits that follow from a name, so that no list of names is kept."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") >> 4
