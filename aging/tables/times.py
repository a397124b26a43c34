"""A column of times as seconds: numbers, dates in any usual format, clocks; local time, zones, midnight.

Reading has two steps, because local times and clocks depend on their order, which is that of one series:
:func:`read_times` reads every cell, :meth:`Times.in_order` counts on over midnight and over the end of summer time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from aging.stats.note import Note
from aging.tables.cells import CellsError, is_missing, read_cells
from aging.tables.decimal_marks import may_be_grouped
from aging.tables.names import counts_elapsed, is_month_first, unit_of_time
from aging.tables.series import Floats
from aging.tables.stamps import Day, Order, Stamp, stamp_of, year_of_first
from aging.tables.table import Column

EPOCH_FROM = 1e8
"""Seconds; 1973: a larger number counts from the epoch, a smaller one from the start of recording."""

_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_EPOCH = datetime.fromtimestamp(0, UTC)
_SECOND = timedelta(seconds=1)
_DAY, _HOUR = 86400.0, 3600.0
_YEAR = 365.25 * _DAY
_MOST_STRANGE = 0.05
_EXCEL = (30_000.0, 70_000.0)
_EXCEL_EPOCH = -2_209_161_600.0
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z?")
_SHORT_CLOCK = re.compile(r"\d{1,2}:\d\d")
_DATE_DIRECTIVES = re.compile(r"%[dDjxcGVUWaAbBmyYF]")

Kind = Literal["elapsed", "instant", "local", "clock"]


class TimesError(ValueError):
    """Times that cannot be read, or could be read in two ways; the message is a clause with an example."""


@dataclass(frozen=True, slots=True)
class TimeOptions:
    """What the user says of the times.

    Seconds of their unit, their ``strptime`` format, the zone of local times, the decimal mark of plain numbers.
    """

    unit: float | None = None
    format: str | None = None
    timezone: ZoneInfo | None = None
    decimal: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """Times of shape (n,), NaN where a cell has none.

    ``seconds`` count from the start (``elapsed``), from the epoch (``instant``), from the epoch as if local time were
    UTC (``local``), or from midnight (``clock``). ``anchored``: the date is known. ``plain``: they were numbers.
    """

    seconds: Floats
    kind: Kind
    anchored: bool = True
    notes: tuple[Note, ...] = ()
    timezone: ZoneInfo | None = None
    assumed_unit: bool = False
    plain: bool = False

    @property
    def epoch(self) -> bool:
        """Whether the seconds count from the epoch."""
        return self.kind in ("instant", "local") and self.anchored

    def in_order(self, rows: Any) -> tuple[Floats, tuple[Note, ...]]:
        """The seconds of one series, whose ``rows`` are in the order in which they were measured."""
        seconds = self.seconds[rows]
        if self.kind == "clock":
            return _over_midnight(seconds)
        if self.kind == "local":
            if not self.anchored:
                seconds = _over_new_year(seconds)
            return _in_zone(seconds, self.timezone) if self.timezone else _over_summer_time(seconds, self.anchored)
        return seconds, ()


def seconds_of(numbers: Floats, name: str = "") -> tuple[Floats, bool]:
    """Plain numbers as seconds, and whether they count from the epoch. Raises TimesError where there are none."""
    times = _of_numbers(numbers, name, None)
    return times.seconds, times.kind == "instant"


def read_times(column: Column, name: str, options: TimeOptions) -> Times:
    """The times of a column called ``name``. Raises TimesError."""
    if column.dtype.kind in "iuf" and options.format is not None:
        texts = [f"{number:.15g}" if np.isfinite(number) else None for number in column.astype(np.float64).tolist()]
        return _by_format(texts, options.format, options.timezone)
    if column.dtype.kind in "biuf":
        return _of_numbers(column.astype(np.float64), name, options.unit)
    if column.dtype.kind == "m":
        return Times(column / np.timedelta64(1, "s"), "elapsed")
    if column.dtype.kind == "M":
        seconds = (column - np.datetime64(0, "s")) / np.timedelta64(1, "s")
        if np.isnan(seconds).all():
            raise TimesError("holds no times")
        return Times(seconds, "local", timezone=options.timezone)
    texts = column.tolist()
    if any(isinstance(cell, date | time | timedelta) for cell in texts):
        return _of_objects(texts, options)
    return _of_texts([None if cell is None else str(cell) for cell in texts], name, options)


def _of_numbers(numbers: Floats, name: str, unit: float | None) -> Times:
    return replace(_in_unit(numbers, name, unit), plain=True)


def _in_unit(numbers: Floats, name: str, unit: float | None) -> Times:
    known = np.abs(numbers[np.isfinite(numbers)])
    if not known.size:
        raise TimesError("holds no times")
    typical = float(np.median(known[:: 1 + known.size // 10_000]))
    per_name = unit_of_time(name)
    if unit is None and (compact := _compact(numbers, name, typical)) is not None:
        return compact
    if unit is None and per_name is None and name.lower().startswith("date") and _EXCEL[0] < typical < _EXCEL[1]:
        return Times(numbers * _DAY + _EXCEL_EPOCH, "local")
    relative = counts_elapsed(name)
    factor = unit or per_name
    if factor is not None and (relative or typical * factor < 1e11):
        seconds = numbers * factor
        return Times(seconds, "instant" if not relative and typical * factor > EPOCH_FROM else "elapsed")
    if relative:
        return Times(numbers, "elapsed", assumed_unit=True)
    per = next((per for per in (1e9, 1e6, 1e3) if typical > EPOCH_FROM * per * 10), 1.0)
    epoch = typical > EPOCH_FROM
    return Times(numbers if per == 1.0 else numbers / per, "instant" if epoch else "elapsed", assumed_unit=not epoch)


def _compact(numbers: Floats, name: str, typical: float) -> Times | None:
    """Times of numbers like 20260801120000, and of dates like 20260801; None for other numbers."""
    of_dates = 1.9e7 < typical < 2.1e7 and name.lower().startswith(("date", "day", "datum"))
    if not (of_dates or 1.9e13 < typical < 2.1e13):
        return None
    stamps = {number: stamp_of(f"{number:.0f}") for number in np.unique(numbers[np.isfinite(numbers)]).tolist()}
    days = {number: stamp.day.ordinal("ymd", 1970) for number, stamp in stamps.items() if stamp and stamp.day}
    if len(days) < len(stamps) or any(day is None for day in days.values()):
        return None
    seconds = {
        number: (days[number] or 0) * _DAY + stamp.seconds for number, stamp in stamps.items() if stamp is not None
    }
    return Times(np.array([seconds.get(number, np.nan) for number in numbers.tolist()]), "local")


def _of_objects(cells: Sequence[Any], options: TimeOptions) -> Times:
    """Dates, datetimes and timedeltas as a Parquet file or a data frame holds them."""
    seconds = np.full(len(cells), np.nan)
    zones = set()
    for row, cell in enumerate(cells):
        if isinstance(cell, timedelta):
            seconds[row] = cell / _SECOND
            zones.add("elapsed")
        elif isinstance(cell, date):
            stamp = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
            zones.add("instant" if stamp.tzinfo else "local")
            seconds[row] = ((stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)) - _EPOCH) / _SECOND
        elif isinstance(cell, time):
            seconds[row] = cell.hour * 3600 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
            zones.add("clock")
        elif isinstance(cell, str) and (one := _iso(cell)) is not None:
            seconds[row], zone = one
            zones.add(zone)
    if np.isnan(seconds).all():
        raise TimesError("holds no times")
    kind: Kind = zones.pop() if len(zones) == 1 else "instant"  # type: ignore[assignment]
    return Times(seconds, kind, timezone=options.timezone if kind == "local" else None)


def _iso(text: str) -> tuple[float, str] | None:
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)) - _EPOCH) / _SECOND, (
        "instant" if stamp.tzinfo else "local"
    )


def _of_texts(cells: Sequence[str | None], name: str, options: TimeOptions) -> Times:  # noqa: PLR0911
    known = [cell for cell in cells if not is_missing(cell) and cell is not None]
    if not known:
        raise TimesError("holds no times")
    if options.format is not None:
        return _by_format(cells, options.format, options.timezone)
    numbers = _numbers(cells)
    if numbers is not None and options.decimal == "," and may_be_grouped(numbers, cells):
        numbers = read_cells(cells, decimal=",", sure=True).values
    if numbers is not None:
        return _of_numbers(numbers, name, options.unit)
    if counts_elapsed(name) or stamp_of(known[0]) is None:
        if (elapsed := _durations(cells, name)) is not None:
            return Times(elapsed, "elapsed")
        if (grouped := _grouped(cells)) is not None:
            return _of_numbers(grouped, name, options.unit)
    if (iso := _all_iso(cells, known[0])) is not None:
        zoned = known[0].endswith("Z")
        return Times(iso, "instant" if zoned else "local", timezone=None if zoned else options.timezone)
    stamps = {cell: stamp_of(cell) for cell in dict.fromkeys(known)}
    wrong = [cell for cell, stamp in stamps.items() if stamp is None]
    if wrong and sum(stamps[cell] is None for cell in known) > _MOST_STRANGE * len(known):
        if (elapsed := _durations(cells, name)) is not None:
            return Times(elapsed, "elapsed")
        raise TimesError(_no_time(wrong[0]))
    if all(_SHORT_CLOCK.fullmatch(cell) for cell in stamps) and re.match(r"0?0:", known[0]):
        raise TimesError(
            f"{known[0]!r} has hours and minutes, or minutes and seconds; "
            "add --time-format '%H:%M' or --time-format '%M:%S'"
        )
    return _of_stamps(cells, stamps, name, options)


def _durations(cells: Sequence[str | None], name: str) -> Floats | None:
    """Seconds where the cells are durations (``1h2m``, ``0:00:30``); None where they are not."""
    try:
        read = read_cells(cells, name)
    except CellsError:
        return None
    return read.values if read.measure.base == "s" else None


def _grouped(cells: Sequence[str | None]) -> Floats | None:
    """Numbers with separators of thousands; None where the cells are something else."""
    try:
        read = read_cells(cells)
    except CellsError:
        return None
    return read.values if not read.measure.base and not read.measure.written else None


def _all_iso(cells: Sequence[str | None], first: str) -> Floats | None:
    """Seconds since the epoch where all cells have one ISO 8601 form; None where they have not."""
    zoned = first.endswith("Z")
    if not all(
        cell is not None and len(cell) == len(first) and _ISO.fullmatch(cell) and cell.endswith("Z") == zoned
        for cell in cells
    ):
        return None
    try:
        instants = np.array([cell.removesuffix("Z") for cell in cells if cell is not None], dtype="datetime64[us]")
    except ValueError:
        return None
    return (instants - np.datetime64(0, "us")) / np.timedelta64(1, "s")


def _no_time(cell: str) -> str:
    return f"{cell!r} is no time that can be read; give its format, like --time-format '%d/%m/%Y %H:%M:%S'"


def _numbers(cells: Sequence[str | None]) -> Floats | None:
    try:
        return np.array([np.nan if is_missing(cell) else float(cell) for cell in cells])  # type: ignore[arg-type]
    except ValueError:
        return None


def _by_format(cells: Sequence[str | None], form: str, zone: ZoneInfo | None) -> Times:
    if form == "%M:%S" and (elapsed := _durations(cells, "")) is not None:
        return Times(elapsed, "elapsed")
    read: dict[str | None, float] = {}
    zoned = "%z" in form or "%Z" in form
    wrong = None
    for cell in dict.fromkeys(cells):
        if cell is None or is_missing(cell):
            continue
        try:
            stamp = datetime.strptime(cell.strip(), form)
        except (ValueError, re.error, IndexError, OverflowError):
            wrong = wrong or cell
            continue
        read[cell] = ((stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)) - _EPOCH) / _SECOND
    strange = sum(cell not in read and not is_missing(cell) for cell in cells)
    if wrong is not None and strange > _MOST_STRANGE * len(cells):
        raise TimesError(f"{wrong!r} does not have the format {form!r} of --time-format")
    seconds = np.array([read.get(cell, np.nan) for cell in cells])
    if not _DATE_DIRECTIVES.search(form):
        return Times(np.mod(seconds, _DAY), "clock", anchored=False)
    return Times(seconds, "instant" if zoned else "local", timezone=None if zoned else zone)


def _of_stamps(
    cells: Sequence[str | None], stamps: Mapping[str, Stamp | None], name: str, options: TimeOptions
) -> Times:
    found = [stamp for stamp in stamps.values() if stamp is not None]
    days = [stamp.day for stamp in found if stamp.day is not None]
    if not days:
        return Times(_mapped(cells, stamps, lambda stamp: stamp.seconds), "clock", anchored=False)
    if len(days) < len(found):
        raise TimesError("holds some times with a date and some without")
    zones = {(stamp.zone, stamp.zone_name) for stamp in found}
    if len(zones) > 1 and any(zone is None for zone, _ in zones):
        names = ", ".join(sorted(name for _, name in zones if name))
        raise TimesError(f"holds times with and without a zone, or with zones that are not known ({names})")
    zoned = all(zone is not None for zone, _ in zones)
    yearless = any(len(day.fields) == 2 for day in days)
    year = year_of_first(days[0], datetime.now(UTC)) if yearless and len(days[0].fields) == 2 else 1970
    readings: dict[Order, Floats] = {}
    for order in days[0].orders if not is_month_first(name) else ("mdy",):
        if any(order not in day.orders for day in days):
            continue
        ordinals = {day: day.ordinal(order, year) for day in dict.fromkeys(days)}
        if any(ordinal is None for ordinal in ordinals.values()):
            continue
        readings[order] = _mapped(cells, stamps, _instants_of(ordinals))
    if not readings:
        first = next(cell for cell, stamp in stamps.items() if stamp is not None)
        raise TimesError(
            f"holds dates that do not exist in any one order of day and month, such as those near {first!r}"
        )
    example = next(cell for cell, stamp in stamps.items() if stamp is not None)
    order, notes, anchored = _chosen_order(readings, example, cells)
    kind: Kind = "instant" if zoned else "local"
    anchored = anchored and not yearless
    return Times(readings[order], kind, anchored, notes, None if zoned else options.timezone)


def _instants_of(ordinals: Mapping[Day, int | None]) -> Callable[[Stamp], float]:
    def instant(stamp: Stamp) -> float:
        day = None if stamp.day is None else ordinals[stamp.day]
        return np.nan if day is None else day * _DAY + stamp.seconds - (stamp.zone or 0.0) * _HOUR

    return instant


def _mapped(cells: Sequence[str | None], stamps: Mapping[str, Stamp | None], read: Callable[[Stamp], float]) -> Floats:
    values: dict[Any, float] = {cell: read(stamp) for cell, stamp in stamps.items() if stamp is not None}
    return np.fromiter((values.get(cell, np.nan) for cell in cells), np.float64, len(cells))


def _chosen_order(
    readings: Mapping[Order, Floats], example: str, cells: Sequence[str | None]
) -> tuple[Order, tuple[Note, ...], bool]:
    """The order of day and month: the only possible one, or that in which the times are regular. Raises TimesError."""
    orders = list(readings)
    if len(orders) == 1:
        return orders[0], (), True
    shifted = [readings[order] - np.nanmin(readings[order]) for order in orders]
    if all(np.array_equal(shifted[0], other, equal_nan=True) for other in shifted[1:]):
        note = Note(
            "date_order", f"Whether {example!r} has the day or the month first is open; the steps are the same."
        )
        return orders[0], (note,), False
    gaps = {order: _widest_gap(values) for order, values in readings.items()}
    ranked = sorted(orders, key=gaps.__getitem__)
    best, second = ranked[:2]
    spelled = {"dmy": "the day first", "mdy": "the month first", "ymd": "the year first"}
    if gaps[best] <= 20 and gaps[second] >= 5 * gaps[best]:
        return (
            best,
            (Note("date_order", f"Dates like {example!r} have {spelled[best]}: so the steps are regular."),),
            True,
        )
    if len(ranked) > 2:  # a year first is rare: it is not offered unless it is regular
        ranked = [order for order in ranked if order != "ymd"]
    first, second_reading = readings[ranked[0]], readings[ranked[1]]
    differing = np.flatnonzero(np.isfinite(first) & (first != second_reading))  # not 01/01
    place = int(differing[0]) if differing.size else int(np.flatnonzero(np.isfinite(first))[0])
    example = cells[place] or example
    both = " or ".join(f"{spelled[order]} ({_shown(readings[order][place])})" for order in ranked)
    forms = " or ".join(f"--time-format '{_form(example, order)}'" for order in ranked)
    raise TimesError(f"{example!r} has {both}; add {forms}")


def _shown(seconds: float) -> str:
    stamp = _EPOCH + timedelta(seconds=float(seconds))
    return f"{stamp.day} {stamp:%B %Y}"


def _form(example: str, order: Order) -> str:
    """The ``strptime`` format of a date like ``example`` in an order."""
    mark = next((character for character in example if character in "/-."), "/")
    year = "%Y" if re.search(r"\d{4}", example) else "%y"
    day = mark.join({"d": "%d", "m": "%m", "y": year}[letter] for letter in order)
    if not (clock := re.search(r"\d+:\d\d(:\d\d)?([.,]\d+)?(\s*[AaPp][Mm])?", example)):
        return day
    half = clock[3] is not None
    fraction = f"{clock[2][0]}%f" if clock[2] else ""
    between = "T" if "T" in example else ", " if ", " in example else " "
    return f"{day}{between}{'%I' if half else '%H'}:%M{':%S' if clock[1] else ''}{fraction}{' %p' if half else ''}"


def _widest_gap(seconds: Floats) -> float:
    """In usual steps."""
    steps = np.diff(np.unique(seconds[np.isfinite(seconds)]))
    return float(steps.max() / np.sort(steps)[(steps.size - 1) // 2]) if steps.size else 1.0


def _over_midnight(seconds: Floats) -> tuple[Floats, tuple[Note, ...]]:
    """Clock times counted on: a fall is midnight, or the end of summer time."""
    known = np.flatnonzero(np.isfinite(seconds))
    steps = np.diff(seconds[known])
    usual = _usual(steps)
    added = np.zeros(known.size)
    notes: list[Note] = []
    for place in np.flatnonzero(steps < 0):
        fall = float(-steps[place])
        if fall <= _DAY / 2 and _is_hour(fall + usual, usual):
            added[place + 1 :] += _HOUR
            notes.append(_twice(seconds[known][place + 1]))
        elif fall > 60 or fall > 10 * usual:
            added[place + 1 :] += _DAY
    result = seconds.copy()
    result[known] += added
    return result, tuple(notes)


def _over_new_year(seconds: Floats) -> Floats:
    known = np.flatnonzero(np.isfinite(seconds))
    added = np.zeros(known.size)
    for place in np.flatnonzero(np.diff(seconds[known]) < -_YEAR / 2):
        added[place + 1 :] += 365 * _DAY
    result = seconds.copy()
    result[known] += added
    return result


def _over_summer_time(seconds: Floats, anchored: bool) -> tuple[Floats, tuple[Note, ...]]:
    """Local times without a zone, an hour that comes twice or is missing put right where regular steps show it."""
    steps = np.diff(seconds)
    back = np.flatnonzero(steps < 0)
    usual = _usual(steps)
    if not 0 < usual < _HOUR / 2:
        return seconds, ()
    wide = np.flatnonzero(steps > _HOUR)
    if not back.size and not wide.size:
        return seconds, ()
    result = seconds
    notes: list[Note] = []
    if back.size and back.size <= 3 and all(_is_hour(usual - steps[place], usual) for place in back):
        result = seconds.copy()
        for place in back:
            result[place + 1 :] += _HOUR
            notes.append(_twice(seconds[place + 1]))
    if wide.size and wide.size <= 3 and anchored:
        for place in wide:
            if _is_hour(steps[place] - usual, usual) and _begins_summer(float(seconds[place])):
                result = seconds.copy() if result is seconds else result
                result[place + 1 :] -= _HOUR
                stamp = _stamp(float(seconds[place]))
                text = f"No times in the hour after {stamp}: taken for the beginning of summer time."
                notes.append(Note("hour_missing", text))
    return result, tuple(notes)


def _is_hour(seconds: float, usual: float) -> bool:
    return abs(seconds - _HOUR) <= max(0.6 * usual, 2.0)


def _twice(seconds: float) -> Note:
    return Note("hour_twice", f"The hour from {_stamp(seconds)} comes twice: taken for the end of summer time.")


def _stamp(seconds: float) -> str:
    stamp = _EPOCH + timedelta(seconds=round(float(seconds)))
    return f"{stamp:%H:%M:%S}" if seconds < 2 * _DAY else f"{stamp:%Y-%m-%d %H:%M:%S}"


def _begins_summer(seconds: float) -> bool:
    stamp = _EPOCH + timedelta(seconds=seconds)
    sunday = 6
    return stamp.hour <= 3 and stamp.weekday() == sunday and stamp.month in (3, 4, 9, 10, 11)


def _usual(steps: Floats) -> float:
    forward = steps[steps > 0]
    return float(np.median(forward)) if forward.size else 0.0


def _in_zone(seconds: Floats, zone: ZoneInfo) -> tuple[Floats, tuple[Note, ...]]:
    """Local times of a zone as seconds since the epoch; in an hour that comes twice the order decides."""
    known = np.isfinite(seconds)
    if not known.any():
        return seconds, ()
    quarters, inverse = np.unique(np.floor(seconds[known] / 900.0), return_inverse=True)
    offsets = np.array([[_offset(quarter * 900.0, zone, fold) for fold in (0, 1)] for quarter in quarters])
    early, late = offsets[inverse, 0], offsets[inverse, 1]
    local = seconds[known]
    instants = local - early
    notes: tuple[Note, ...] = ()
    open_ = np.flatnonzero(early > late)
    if open_.size:
        falls = np.flatnonzero(np.diff(local) < 0) + 1
        for place in falls:
            block = open_[open_ >= place]
            same_day = block[np.abs(local[block] - local[place]) < _DAY / 2]
            instants[same_day] = local[same_day] - late[same_day]
        if falls.size:
            notes = (_twice(local[open_[0]]),)
    result = seconds.copy()
    result[known] = instants
    return result, notes


def _offset(local: float, zone: ZoneInfo, fold: int) -> float:
    stamp = (_EPOCH + timedelta(seconds=local)).replace(tzinfo=zone, fold=fold)
    ahead = stamp.utcoffset()
    return 0.0 if ahead is None else ahead.total_seconds()


def zone_named(name: str) -> ZoneInfo:
    """The zone of this name. Raises TimesError."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise TimesError(f"{name!r} is no time zone; give one like Europe/Berlin or UTC") from None


def joined_day_and_clock(day: Times, clock: Times) -> Times:
    """A column of dates and one of clocks as one of times."""
    return replace(day, seconds=day.seconds + clock.seconds, notes=(*day.notes, *clock.notes))


def instant_of(text: str) -> float | None:
    """Seconds since the epoch of an ISO 8601 time; without a zone it is UTC."""
    one = _iso(text)
    return None if one is None else one[0]


Rows = slice | NDArray[np.int64]
"""The rows of one series."""
