"""The live view: a table that refreshes in a terminal, plain lines without one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from aging.core import format
from aging.core.sparkline import sparkline
from aging.report.grid import Cell, Grid
from aging.report.phases import all_watched, headline, run_phase, run_title
from aging.report.progress import TTFT_BASE, RunProgress, Snapshot

_LOAD_COLUMNS = ("requests", "errors", "dropped", f"TTFT since {TTFT_BASE}")


def table(name: str, snapshot: Snapshot) -> Grid:
    """The whole view: phase and times above, a row per run."""
    loaded = not all_watched(snapshot)
    numbers = (
        *(_LOAD_COLUMNS if loaded else ()),
        "memory",
        "since load" if loaded else "since start",
        "now per hour",
        "95 %",
    )
    head = (*_left("deployment", "state"), *(Cell(column, "dim", right=True) for column in numbers), *_left("course"))
    rows = [
        (*_title_cells(run, snapshot.now), *(_load_cells(run) if loaded else ()), *_memory_cells(run))
        for run in snapshot.runs
    ]
    return Grid(Cell(headline(name, snapshot), "bold"), [head, *rows], _spare(snapshot))


def _spare(snapshot: Snapshot) -> Sequence[str]:
    """The columns that a narrow terminal does without, the first one first; a count is not left out while it counts."""
    none = {kind: not any(run.requests.get(kind) for run in snapshot.runs) for kind in ("error", "dropped")}
    zero = [head for head, kind in (("dropped", "dropped"), ("errors", "error")) if none[kind]]
    return ["95 %", "since load", "since start", _LOAD_COLUMNS[-1], *zero, "requests"]


def _left(*columns: str) -> tuple[Cell, ...]:
    return tuple(Cell(column, "dim") for column in columns)


def lines(name: str, snapshot: Snapshot) -> list[str]:
    """The view as plain lines, for logs and pipes."""
    return [headline(name, snapshot), *(f"  {_line(run, snapshot.now)}" for run in snapshot.runs)]


def show_lines(console: Console, text: Sequence[str]) -> None:
    for line in text:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _title_cells(run: RunProgress, now: float) -> tuple[Cell, ...]:
    return Cell(run_title(run)), Cell(run_phase(run, now), "red" if run.state.phase == "died" else "")


def _load_cells(run: RunProgress) -> tuple[Cell, ...]:
    errors, dropped = run.requests.get("error", 0), run.requests.get("dropped", 0)
    return (
        Cell(f"{sum(run.requests.values()):,}", right=True),
        Cell(str(errors), "red" if errors else "dim", right=True),
        Cell(str(dropped), "yellow" if dropped else "dim", right=True),
        Cell(_seconds(run.ttft_seconds), right=True),
    )


def _memory_cells(run: RunProgress) -> tuple[Cell, ...]:
    return (
        Cell(format.byte_size(run.memory), right=True),
        Cell(_since_start(run), right=True),
        Cell(_per_hour(run), right=True),
        Cell(_interval(run), right=True),
        Cell(sparkline(run.course, least_span=2**20)),  # a few pages fill no bar
    )


def _line(run: RunProgress, now: float) -> str:
    load = (
        f"{sum(run.requests.values())} requests, "
        f"{run.requests.get('error', 0)} errors, {run.requests.get('dropped', 0)} dropped, "
        f"TTFT since {TTFT_BASE} {_seconds(run.ttft_seconds)}, "
    )
    memory = f"memory {format.byte_size(run.memory)} ({_since_start(run)})"
    slope = "" if run.memory_rate is None else f", now {_per_hour(run)} per hour ({_interval(run)})"
    return f"{run_title(run)}: {run_phase(run, now)}, {'' if run.state.watched else load}{memory}{slope}"


def _seconds(seconds: float | None) -> str:
    return format.level("_seconds", seconds)


def _since_start(run: RunProgress) -> str:
    if run.memory is None or run.memory_at_start is None:
        return format.NONE
    return format.byte_size(run.memory - run.memory_at_start, signed=True)


def _per_hour(run: RunProgress) -> str:
    hourly = None if run.memory_rate is None else run.memory_rate.per_second * 3600
    return format.byte_size(hourly, signed=True)


def _interval(run: RunProgress) -> str:
    if run.memory_rate is None:
        return format.NONE
    low, high = (format.byte_size(bound * 3600, signed=True) for bound in (run.memory_rate.low, run.memory_rate.high))
    return f"{low} to {high}"


def turns(snapshot: Snapshot) -> list[tuple[str, int, int, bool]]:
    """What has changed only if a watched process died or returned: deployment, replica, generation, whether it died."""
    return [
        (run.deployment, run.replica, run.state.generation, run.state.phase == "died")
        for run in snapshot.runs
        if run.state.watched
    ]
