"""The live view: a table that refreshes in a terminal, plain lines without one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from aging.core import format
from aging.core.format import readable_duration
from aging.report.progress import TTFT_BASE, RunProgress, Snapshot

_BARS = "▁▂▃▄▅▆▇█"
_COURSE_WIDTH = 20
_LOAD_COLUMNS = ("requests", "errors", "dropped", f"TTFT since {TTFT_BASE}")


def table(name: str, snapshot: Snapshot) -> Group:
    """The whole view: phase and times above, a row per run."""
    loaded = not _all_watched(snapshot)
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("deployment", "state"):
        grid.add_column(column, no_wrap=True)
    for column in (*(_LOAD_COLUMNS if loaded else ()), "memory", "since load" if loaded else "since start", "per hour"):
        grid.add_column(column, justify="right", no_wrap=True)
    grid.add_column("course", no_wrap=True)
    for run in snapshot.runs:
        grid.add_row(*_title_cells(run), *(_load_cells(run) if loaded else ()), *_memory_cells(run))
    return Group(Text(headline(name, snapshot), style="bold"), grid)


def headline(name: str, snapshot: Snapshot) -> str:
    """``quickstart · running · 1m 05s elapsed, 1m 55s of load remaining``."""
    state = snapshot.state
    if state.started is None:
        return f"{name} · {state.phase}"
    until = state.ended.mono if state.ended else snapshot.now
    text = f"{name} · {state.phase} · {readable_duration(until - state.started.mono)} elapsed"
    if state.phase not in ("running", "draining"):
        return text
    if state.pid is not None and not snapshot.runner_alive:
        return (
            f"{name} · the runner (pid {state.pid}) is gone; aging resume continues, aging analyze builds the findings"
        )
    if state.phase == "draining":
        return f"{text}, Ctrl-C again stops at once"
    loading = [run.state for run in snapshot.runs if run.state.load_start is not None and run.state.load_end is None]
    planned = state.planned_seconds or 0.0
    if not loading:
        return f"{text}, {readable_duration(planned)} planned" if planned else text
    done = max(until - (run.load_start or until) for run in loading)
    whole = max(run.planned_seconds or 0.0 for run in loading)
    of = f" of {readable_duration(planned)} planned" if planned > whole else ""
    left = f"{readable_duration(max(whole - done, 0.0))} {'' if _all_watched(snapshot) else 'of load '}remaining"
    return f"{text}{of}, {left}{' in this round' if of else ''}"


def lines(name: str, snapshot: Snapshot) -> list[str]:
    """The view as plain lines, for logs and pipes."""
    return [headline(name, snapshot), *(f"  {_line(run)}" for run in snapshot.runs)]


def show_lines(console: Console, text: Sequence[str]) -> None:
    for line in text:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def sparkline(values: Sequence[float], least_span: float = 0.0, width: int = _COURSE_WIDTH) -> str:
    """``▁▂▃▅▇``: the course of a series between its extremes, or over ``least_span`` where they are closer."""
    if not values:
        return ""
    step = max(len(values) / width, 1.0)
    shown = [values[min(int(k * step), len(values) - 1)] for k in range(min(width, len(values)))]
    low, high = min(shown), max(shown)
    span = max(high - low, least_span) or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in shown)


def _all_watched(snapshot: Snapshot) -> bool:
    return bool(snapshot.runs) and all(run.state.watched for run in snapshot.runs)


def _title_cells(run: RunProgress) -> tuple[str | Text, ...]:
    return _title(run), Text(run.state.phase, style="red" if run.state.phase == "died" else "")


def _load_cells(run: RunProgress) -> tuple[str | Text, ...]:
    errors, dropped = run.requests.get("error", 0), run.requests.get("dropped", 0)
    return (
        f"{sum(run.requests.values()):,}",
        Text(str(errors), style="red" if errors else "dim"),
        Text(str(dropped), style="yellow" if dropped else "dim"),
        _seconds(run.ttft_seconds),
    )


def _memory_cells(run: RunProgress) -> tuple[str | Text, ...]:
    return (
        format.byte_size(run.memory),
        _since_start(run),
        _per_hour(run),
        sparkline(run.course, least_span=2**20),  # a few pages fill no bar
    )


def _line(run: RunProgress) -> str:
    load = (
        f"{sum(run.requests.values())} requests, "
        f"{run.requests.get('error', 0)} errors, {run.requests.get('dropped', 0)} dropped, "
        f"TTFT since {TTFT_BASE} {_seconds(run.ttft_seconds)}, "
    )
    memory = f"memory {format.byte_size(run.memory)} ({_since_start(run)})"
    slope = "" if run.memory_per_second is None else f", {_per_hour(run)} per hour so far"
    return f"{_title(run)}: {run.state.phase}, {'' if run.state.watched else load}{memory}{slope}"


def _title(run: RunProgress) -> str:
    return run.deployment if run.replica == 1 else f"{run.deployment} r{run.replica:02d}"


def _seconds(seconds: float | None) -> str:
    return format.level("_seconds", seconds)


def _since_start(run: RunProgress) -> str:
    if run.memory is None or run.memory_at_start is None:
        return format.NONE
    return format.byte_size(run.memory - run.memory_at_start, signed=True)


def _per_hour(run: RunProgress) -> str:
    hourly = None if run.memory_per_second is None else run.memory_per_second * 3600
    return format.byte_size(hourly, signed=True)
