"""What a table is measured along: its time column, its dates and clocks in two columns, its rows, or a count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from aging.core.errors import Mistake, MistakeCode
from aging.stats.note import Note
from aging.tables.cells import CellsError, is_missing, read_cells
from aging.tables.choice import Choice
from aging.tables.names import bare, base_of_name, is_count, measure_of_name, time_rank, unit_of_time
from aging.tables.series import CLOCK, Axis, Floats
from aging.tables.stamps import is_stamp
from aging.tables.table import Column, Table
from aging.tables.times import TimeOptions, Times, TimesError, joined_day_and_clock, read_times, zone_named

_SURE = 100
_TRAINING = ("epoch", "epochs")
"""Numbers of passes over the data, if they are small."""

_MOST_FALLS = 0.2
_DAY = 86400.0
_REGULAR = 0.8
_MOST_BLOCKS = 0.1
"""Share of the rows after which times may begin again: those of another subject."""

_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Found:
    """The axis of a table: ``times`` of its ``columns``, or (``every``) seconds between rows without times."""

    columns: tuple[str, ...] = ()
    times: Times | None = None
    every: float | None = None
    axis: Axis = CLOCK
    notes: tuple[Note, ...] = ()


class NoAxis(Exception):  # noqa: N818 - it becomes part of a MistakesError
    """No axis; ``mistake`` says why."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(str(mistake))
        self.mistake = mistake


def axis_of(table: Table, choice: Choice, chosen: str | None) -> Found:
    """The axis; ``chosen`` is the name of the time column that the user asked for.

    Raises NoAxis, also for an option that does not apply to the times that there are.
    """
    if choice.every is not None and chosen is not None:
        raise NoAxis(Mistake("--every", f"is for rows without times, and --time names {chosen!r}; give one of them"))
    if choice.every is not None:
        return _every(table, choice, choice.every)
    found = _found(table, choice, chosen)
    if choice.time_unit is not None and (found.times is None or not found.times.plain):
        raise NoAxis(_no_unit(table, found))
    return found


def _every(table: Table, choice: Choice, every: float) -> Found:
    """Rows at equal distances, where no column has times."""
    if choice.time_unit is not None or choice.time_format is not None:
        option = "--time-unit" if choice.time_unit is not None else "--time-format"
        raise NoAxis(Mistake(option, "is for a column of times, and --every for rows without times; give one of them"))
    try:
        found = _found(table, replace(choice, every=None), None)
    except NoAxis:
        return Found(every=every)
    if found.times is None or found.axis != CLOCK or _repeated_days(found.times):
        return Found(every=every)
    name = found.columns[0]
    example = example_of(np.asarray(table.columns[name]))
    what = f"is for rows without times, but {name!r} holds times, like {example}; leave it out"
    if found.times.plain:
        what += f", or, where {name!r} counts in another unit than seconds, give --time-unit"
    raise NoAxis(Mistake("--every", what))


def _repeated_days(times: Times) -> bool:
    """Whether times are dates without a clock, of many rows each."""
    known = times.seconds[np.isfinite(times.seconds)]
    days = times.kind == "local" and not np.any(np.mod(known, _DAY))
    return bool(days and np.unique(known).size < known.size)


def _no_unit(table: Table, found: Found) -> Mistake:
    if not found.columns:
        return Mistake("--time-unit", "is for a column of plain numbers, and there is no column of times")
    name = found.columns[0]
    example = example_of(np.asarray(table.columns[name]))
    if found.axis != CLOCK:
        what = f"is for times, and {name!r} is a count, like {example}; if it is a time, add --time {name}"
    else:
        what = f"is for times that are plain numbers, and {name!r} holds times like {example}; leave it out"
    return Mistake("--time-unit", what)


def _found(table: Table, choice: Choice, chosen: str | None) -> Found:  # noqa: PLR0912
    options = options_of(choice)
    columns = {str(name): np.asarray(column) for name, column in table.columns.items()}
    if chosen is not None or table.time is not None:
        return _named(columns, chosen or str(table.time), choice, options, asked=chosen is not None)
    refused: list[tuple[str, str]] = []
    falling: list[tuple[str, Times]] = []
    for name in _by_name(columns):
        try:
            times = read_times(columns[name], name, options)
        except TimesError as error:
            refused.append((name, str(error)))
            continue
        if bare(name) in _TRAINING and not times.epoch:
            continue
        if mostly_rises(times.seconds):
            return _with_partner(columns, name, times, options)
        if (time_rank(name) or 0) < _SURE:
            falling.append((name, times))
    for name, times in falling:
        return _with_partner(columns, name, times, options)
    if table.every is not None:
        return Found(every=table.every)
    for place, (name, column) in enumerate(columns.items()):
        if _has_times(column, place, name):
            try:
                times = read_times(column, name, options)
            except TimesError as error:
                refused.append((name, str(error)))
                continue
            return _with_partner(columns, name, times, options)
    if refused:
        name, reason = refused[0]
        raise NoAxis(Mistake(name, f"{reason}. Or name another time column with --time, or give --every 60s"))
    counts = [name for name, column in columns.items() if is_count(name) and _strictly_rises(column, name)]
    if len(counts) == 1:
        note = Note("count_axis", f"No column is a time: rates are per {counts[0]!r}, which rises with every row.")
        return _count(columns, counts[0], (note,))
    raise NoAxis(_none(columns))


def options_of(choice: Choice) -> TimeOptions:
    """What the user says of the times. Raises NoAxis."""
    try:
        zone = None if choice.timezone is None else zone_named(choice.timezone)
    except TimesError as error:
        raise NoAxis(Mistake("--timezone", str(error))) from None
    return TimeOptions(choice.time_unit, choice.time_format, zone, choice.decimal)


def _named(columns: Mapping[str, Column], name: str, choice: Choice, options: TimeOptions, *, asked: bool) -> Found:
    column = columns[name]
    timed = time_rank(name) is not None or unit_of_time(name) is not None or choice.time_unit is not None
    small = column.dtype.kind in "biuf" and np.nanmax(np.abs(column.astype(np.float64)), initial=0.0) < 1e8
    if asked and choice.time_format is None and not timed and (small or _as_count(column, name) is not None):
        numbers = _as_count(column, name)
        if numbers is not None and np.nanmax(numbers, initial=0.0) < 1e8:
            return _count(columns, name)
    try:
        times = read_times(column, name, options)
    except TimesError as error:
        raise NoAxis(Mistake(name, str(error))) from None
    return _with_partner(columns, name, times, options)


def _count(columns: Mapping[str, Column], name: str, notes: tuple[Note, ...] = ()) -> Found:
    numbers = _as_count(columns[name], name)
    if numbers is None:
        raise NoAxis(Mistake(name, "holds neither times nor numbers; name another column with --time"))
    return Found((name,), Times(numbers, "elapsed", anchored=False), axis=Axis(count=name), notes=notes)


def _as_count(column: Column, name: str) -> Floats | None:
    if column.dtype.kind in "iuf":
        return column.astype(np.float64)
    if column.dtype.kind not in "OU":
        return None
    try:
        read = read_cells([None if cell is None else str(cell) for cell in column.tolist()], name)
    except CellsError:
        return None
    return read.values if read.measure.base == "" else None


def _strictly_rises(column: Column, name: str) -> bool:
    numbers = _as_count(column, name)
    return numbers is not None and numbers.size > 1 and bool(np.all(np.diff(numbers) > 0))


def _by_name(columns: Mapping[str, Column]) -> list[str]:
    ranked = [(rank, place, name) for place, name in enumerate(columns) if (rank := time_rank(name)) is not None]
    return [name for _, _, name in sorted(ranked)]


def mostly_rises(seconds: Floats, most_falls: float = _MOST_FALLS) -> bool:
    """Whether numbers could be times: they rise, and seldom fall."""
    steps = np.diff(seconds[np.isfinite(seconds)])
    return steps.size == 0 or (int(np.count_nonzero(steps < 0)) <= most_falls * steps.size and bool(np.any(steps > 0)))


def _has_times(column: Column, place: int, name: str) -> bool:  # noqa: PLR0911
    """Whether a column of any name holds times: dates, or a clock or regular seconds since the epoch in front."""
    if column.dtype.kind == "M":
        return True
    if column.dtype.kind in "iuf":
        return base_of_name(name) is None and _is_epoch(column.astype(np.float64), name)
    if column.dtype.kind != "O":
        return False
    known = [str(cell) for cell in column.tolist()[:200] if cell is not None and not is_missing(str(cell))]
    if not known:
        return False
    if place <= 1 and all(map(is_stamp, known[:20])):
        return True
    if all(is_stamp(cell) and any(mark in cell for mark in "-/. ") for cell in known[:20]):
        return measure_of_name(name) is None
    if base_of_name(name) is not None:
        return False
    numbers = _as_count(column, name)
    return numbers is not None and _is_epoch(numbers, name)


def _is_epoch(numbers: Floats, name: str) -> bool:
    """Whether numbers are seconds, or thousandths and so on, since the epoch: of this century, in regular steps."""
    known = numbers[np.isfinite(numbers)]
    if known.size < 2 or measure_of_name(name) is not None:
        return False
    for per in (1.0, 1e3, 1e6, 1e9):
        if 9.4e8 * per < known.min() and known.max() < 4.1e9 * per:
            distinct, times = np.unique(known, return_counts=True)
            if distinct.size < 2 or times.max() > 2 * np.median(times) or (per == 1.0 and not np.any(known % 1024.0)):
                return False  # a level that stands still, or sizes of memory
            falls = np.count_nonzero(np.diff(known) < 0)
            steps = np.diff(distinct)
            regular = np.count_nonzero(np.abs(steps - np.median(steps)) <= 0.2 * np.median(steps))
            return bool(falls <= _MOST_BLOCKS * known.size and regular >= _REGULAR * steps.size)
    return False


def _with_partner(columns: Mapping[str, Column], name: str, times: Times, options: TimeOptions) -> Found:
    """With the column of dates beside clocks, or of clocks beside dates."""
    notes = _unit_note(name, times, options)
    whole_days = times.kind == "local" and not np.any(np.mod(times.seconds[np.isfinite(times.seconds)], _DAY))
    if options.format is not None or not (times.kind == "clock" or whole_days):
        return Found((name,), times, notes=notes)
    order = list(columns)
    place = order.index(name)
    for other in sorted(order, key=lambda one: abs(order.index(one) - place)):
        near = abs(order.index(other) - place) == 1
        if other == name or not (near or time_rank(other) is not None):
            continue
        try:
            second = read_times(columns[other], other, options) if _is_text_or_date(columns[other]) else None
        except TimesError:
            continue
        if second is None or second.kind not in ("local", "clock") or second.kind == times.kind:
            continue
        day, clock = (times, second) if second.kind == "clock" else (second, times)
        if np.any(np.mod(day.seconds[np.isfinite(day.seconds)], _DAY)):
            continue
        both = (name, other) if times is day else (other, name)
        return Found(both, joined_day_and_clock(day, clock))
    return Found((name,), times, notes=notes)


def _is_text_or_date(column: Column) -> bool:
    return column.dtype.kind == "M" or (
        column.dtype.kind == "O"
        and any(isinstance(cell, str) and any(m in cell for m in ":-/.") for cell in column[:5])
    )


def _unit_note(name: str, times: Times, options: TimeOptions) -> tuple[Note, ...]:
    if times.kind != "elapsed" or not times.assumed_unit or options.unit is not None:
        return times.notes
    text = f"{name!r} is taken for seconds; if it counts in another unit, add --time-unit, like --time-unit min."
    return (*times.notes, Note("time_unit_assumed", text))


def _none(columns: Mapping[str, Column]) -> Mistake:
    listed = examples(columns)
    text = (
        f"no column looks like a time; the columns are: {listed}. Name one with --time COLUMN, "
        "or give the time between rows, like --every 15s"
    )
    return Mistake("--time", text, MistakeCode.MISSING_KEY)


def examples(columns: Mapping[str, Column]) -> str:
    """The columns, each with its first value."""
    shown = [f"{name} (like {example_of(column)})" for name, column in list(columns.items())[:_MOST_SHOWN]]
    return ", ".join(shown) + (f" and {len(columns) - _MOST_SHOWN} more" if len(columns) > _MOST_SHOWN else "")


def example_of(column: Column) -> str:
    """The first value of a column, as text; ``nothing`` where there is none."""
    for cell in column[:10_000].tolist() if column.dtype.kind != "M" else map(str, column[:100]):
        if cell is not None and cell != "" and cell == cell and str(cell) != "NaT":  # noqa: PLR0124 - NaN
            text = f"{cell:.15g}" if isinstance(cell, float) else str(cell)
            return text if len(text) <= 40 else f"{text[:37]}…"
    return "nothing"
