"""The live view: a table that refreshes in a terminal, plain lines without one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from aging.core import format
from aging.core.format import readable_duration
from aging.core.sparkline import sparkline
from aging.report.grid import Cell, Grid
from aging.report.progress import TTFT_BASE, RunProgress, Snapshot
from aging.store.state import RunState

_LOAD_COLUMNS = ("requests", "errors", "dropped", f"TTFT since {TTFT_BASE}")


def table(name: str, snapshot: Snapshot) -> Grid:
    """The whole view: phase and times above, a row per run."""
    loaded = not _all_watched(snapshot)
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
    return Grid(Cell(headline(name, snapshot), "bold"), [head, *rows])


def _left(*columns: str) -> tuple[Cell, ...]:
    return tuple(Cell(column, "dim") for column in columns)


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
    return [headline(name, snapshot), *(f"  {_line(run, snapshot.now)}" for run in snapshot.runs)]


def show_lines(console: Console, text: Sequence[str]) -> None:
    for line in text:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _all_watched(snapshot: Snapshot) -> bool:
    return bool(snapshot.runs) and all(run.state.watched for run in snapshot.runs)


def _title_cells(run: RunProgress, now: float) -> tuple[Cell, ...]:
    return Cell(_title(run)), Cell(_phase(run, now), "red" if run.state.phase == "died" else "")


def _phase(run: RunProgress, now: float) -> str:
    """``loading, rejuvenated 3 times, last 12m 03s ago``, ``watching pid 4712, restart 1``."""
    state = run.state
    if not state.watched:
        return ", ".join((_under_way(state, now), *_rejuvenated(state, now)))
    if state.phase == "died":
        return "died, waiting for its return" if state.load_end is None else "died"
    restarts = f", restart {state.generation - 1}" if state.generation > 1 else ""
    return f"{state.phase} pid {state.pid}{restarts}" if state.pid is not None else f"{state.phase}{restarts}"


def _under_way(state: RunState, now: float) -> str:
    """``rejuvenating: restart for 12s``, else its phase."""
    if (one := state.rejuvenating) is None or state.phase == "died" or state.load_end is not None:
        return state.phase
    return f"rejuvenating: {one.action} for {readable_duration(max(now - one.stamp.mono, 0.0))}"


def _rejuvenated(state: RunState, now: float) -> Iterator[str]:
    """How often it was rejuvenated so far, that under way left out."""
    failed = state.rejuvenations_failed
    done = state.rejuvenations - failed - (state.rejuvenating is not None)
    if done > 0:
        recent = state.rejuvenated is not None and state.load_end is None
        ago = f", last {readable_duration(max(now - (state.rejuvenated or now), 0.0))} ago" if recent else ""
        yield f"rejuvenated {_times(done)}{ago}"
    if failed:
        yield f"{failed} rejuvenation{'' if failed == 1 else 's'} failed"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


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
    return f"{_title(run)}: {_phase(run, now)}, {'' if run.state.watched else load}{memory}{slope}"


def _title(run: RunProgress) -> str:
    return run.deployment if run.replica == 1 else f"{run.deployment} r{run.replica:02d}"


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
