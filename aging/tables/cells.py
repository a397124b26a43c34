"""A column of text cells as numbers in a base unit.

Every cell is read by itself: a number with any usual grouping and decimal mark, a unit, a second number after a slash
(the limit), a duration. What a comma or an ``m`` stands for is decided for the column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from aging.core.measure import PLAIN, Measure
from aging.stats.note import Note
from aging.tables.decimal_marks import DecimalError, given_mark, mark_of, may_be_grouped, number_with
from aging.tables.names import base_of_name, measure_of_name
from aging.tables.series import Floats
from aging.tables.units import KIB, UnitError, joined, resolved, seconds_of_unit

MISSING = frozenset(
    {
        *(
            "",
            "-",
            "--",
            "---",
            "–",
            "—",
            ".",
            "?",
            "*",
            "n/a",
            "[n/a]",
            "#n/a",
            "#n/a n/a",
            "#na",
            "na",
            "<na>",
            "nan",
        ),
        *("nan", "-nan", "+nan", "null", "nil", "none", "undefined", "unknown", "<unknown>", "[unknown]", "<none>"),
        *("(null)", "not available", "[not supported]", "[not available]", "[unknown error]", "err!"),
        *("-1.#ind", "1.#ind", "-1.#qnan", "1.#qnan", "[insufficient permissions]", "not supported", "no data"),
        "[gpu requires reset]",
    }
)
"""Cells without a value, in lower case."""

_TRUTH = {"true": 1.0, "false": 0.0}
_BLANKS = " \t\u00a0\u2009\u202f"
_CELL = re.compile(
    rf"(?P<number>[+\-−]?(?:\d[\d.,'’_{_BLANKS}]*\d|\d|[.,]\d+)\.?(?:[eE][+\-]?\d+)?)"
    rf"[{_BLANKS}]*(?P<unit>[A-Za-zµμ%°/][A-Za-zµμ%°/²³ ._\-]{{0,23}})?(?:[{_BLANKS}]*\([^()]*\))?"
)
_INFINITE = re.compile(r"[+\-−]?inf(?:inity)?", re.IGNORECASE)
_PAIR = re.compile(rf"(?P<first>[^/]*[^/{_BLANKS}])[{_BLANKS}]*/[{_BLANKS}]*(?P<second>[\d+.\-][^/]*)")
_CLOCK = re.compile(r"(?:(\d{1,6})(?:[-d ]| days?,?) ?)?(?:(\d{1,6}):)?(\d{1,6}):(\d\d(?:[.,]\d{1,12})?)")
_SPELLED = re.compile(r"(?:\d+(?:[.,]\d+)?\s*(?:[a-zµμ]+)[\s,]*){2,}", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:[.,]\d+)?)\s*([a-zµμ]+)", re.IGNORECASE)
_LOOSE_GROUPED = re.compile(rf"\d{{1,3}}(?:[{_BLANKS}'’_]\d{{3}})+(?=$|[.,eE])")
_LOOSE = re.compile(rf"[{_BLANKS}'’_]")
_TOP_UNITS = set("kmgtpKMGTP")


class CellsError(ValueError):
    """A column that does not read as numbers; the message is a clause with an example.

    ``open_mark``: its decimal mark is open. ``contradicts``: it is certainly another than the user gave.
    """

    def __init__(self, message: str, *, open_mark: bool = False, contradicts: bool = False) -> None:
        super().__init__(message)
        self.open_mark = open_mark
        self.contradicts = contradicts


@dataclass(frozen=True, slots=True)
class Cells:
    """Numbers of shape (n,) in the base unit of ``measure``, NaN where a cell has none.

    ``limit`` is the second number of ``A / B`` cells where it is the same in all, ``limits`` (shape n) are those of
    each cell, None where no cell has one.
    """

    values: Floats
    measure: Measure = PLAIN
    limit: float | None = None
    notes: tuple[Note, ...] = ()
    limits: Floats | None = None

    def limit_of(self, rows: Any) -> float | None:
        """The limit of some rows, where it is the same in all of them."""
        if self.limits is None:
            return self.limit
        found = np.unique(self.limits[rows])
        known = found[np.isfinite(found)]
        return float(known[0]) if known.size == 1 else None


class _Quantity(NamedTuple):
    """A number as written, with its unit as written; ``seconds`` of a duration that needs neither."""

    number: str
    unit: str
    seconds: float | None = None


class _Parsed(NamedTuple):
    value: _Quantity
    limit: _Quantity | None


def is_missing(cell: str | None) -> bool:
    """Whether a cell has no value."""
    return cell is None or cell.strip().lower() in MISSING


def looks_like_a_value(cell: str) -> bool:
    """Whether a cell reads as a number, with or without a unit."""
    return _parsed(cell) is not None or cell.strip().lower() in _TRUTH


def read_cells(  # noqa: PLR0913
    cells: Sequence[str | None],
    name: str = "",
    *,
    measure: Measure | None = None,
    decimal: str = "",
    sure: bool = False,
    where: str = "",
    decimal_units: bool = False,
) -> Cells:
    """The numbers of a column called ``name``; ``measure`` is that of its cells without a unit of their own.

    ``decimal`` is the decimal mark that the file suggests (``where``: the column that shows it for certain), or, where
    ``sure``, the one that the user gave. ``decimal_units``: its ``kB`` is 1000 bytes. Raises CellsError.
    """
    known_measure = measure or measure_of_name(name)
    plain = _plain(cells)
    if plain is not None and (decimal == "." or not (may_be_grouped(plain, cells) or (sure and decimal == ","))):
        return _scaled(plain, known_measure, ())
    parsed = {cell: _parsed(cell) for cell in dict.fromkeys(cells) if cell is not None and not is_missing(cell)}
    if not parsed:
        raise CellsError("holds no values")
    if all(cell.strip().lower() in _TRUTH for cell in parsed):
        truth = {cell: _TRUTH[cell.strip().lower()] for cell in parsed}
        return Cells(_mapped(cells, truth))
    good = {cell: one for cell, one in parsed.items() if one is not None}
    good = _of_usual_units(good)
    wrong = [cell for cell in parsed if cell not in good]
    notes: list[Note] = []
    if wrong:
        strange = sum(cell in parsed and cell not in good for cell in cells)
        readable = sum(cell in good for cell in cells)
        if readable <= strange:
            raise CellsError(f"holds text, like {_short(wrong[0])}")
        notes.append(
            Note("cells_not_numbers", f"{name}: {strange} cells are not numbers, like {_short(wrong[0])}; left out.")
        )
    quantities = [one for both in good.values() for one in both if one is not None]
    numbers = [(one.number, one.unit) for one in quantities if one.seconds is None]
    try:
        mark, remark = (
            (given_mark(dict(numbers), decimal), "") if sure and decimal else mark_of(numbers, decimal, where)
        )
    except DecimalError as error:
        raise CellsError(str(error), open_mark=not error.contradicts, contradicts=error.contradicts) from None
    if remark:
        notes.append(Note("decimal_mark", f"{name}: {remark}"))
    units = _units(quantities, name, known_measure, notes, decimal=decimal_units)
    values = {cell: _value(one.value, mark, units) for cell, one in good.items()}
    limits = {_value(one.limit, mark, units) for one in good.values() if one.limit is not None}
    limit = limits.pop() if len(limits) == 1 else None
    each = {cell: _value(one.limit, mark, units) for cell, one in good.items() if one.limit is not None}
    firsts = [one.value for one in good.values() if one.value.seconds is None]
    used = [units[one.unit] for one in firsts if one.unit or number_with(one.number, mark)]
    found = joined(used) if used else units.get("", PLAIN)
    if any(one.seconds is not None for one in quantities):
        found = Measure("s")
    return Cells(_mapped(cells, values), found, limit, tuple(notes), _mapped(cells, each) if each else None)


def _plain(cells: Sequence[str | None]) -> Floats | None:
    """The numbers of cells that all are what Python calls a number."""
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _scaled(values: Floats, measure: Measure | None, notes: tuple[Note, ...]) -> Cells:
    if measure is None:
        return Cells(values, PLAIN, None, notes)
    return Cells(values if measure.factor == 1.0 else values * measure.factor, measure, None, notes)


def _mapped(cells: Sequence[str | None], values: Mapping[str, float]) -> Floats:
    numbers: dict[Any, float] = dict(values)
    return np.fromiter((numbers.get(cell, np.nan) for cell in cells), np.float64, len(cells))


def _parsed(cell: str) -> _Parsed | None:
    text = cell.strip()
    if (pair := _PAIR.fullmatch(text)) is not None:
        first, second = _quantity(pair["first"]), _quantity(pair["second"])
        return None if first is None or second is None else _Parsed(first, second)
    one = _quantity(text)
    return None if one is None else _Parsed(one, None)


def _quantity(text: str) -> _Quantity | None:
    if (clock := _CLOCK.fullmatch(text)) is not None:
        days, hours, minutes, seconds = clock.groups()
        whole = int(days or 0) * 86400 + int(hours or 0) * 3600 + int(minutes) * 60
        return _Quantity("", "", whole + float(seconds.replace(",", ".")))
    if (match := _CELL.fullmatch(text)) is not None:
        number = match["number"]
        if _LOOSE.search(number):
            number = _LOOSE_GROUPED.sub(lambda group: _LOOSE.sub("", group[0]), number.lstrip("+-−"))
            if _LOOSE.search(number):
                return None
            number = ("-" if match["number"][0] in "-−" else "") + number
        return _Quantity(number, (match["unit"] or "").strip())
    if _INFINITE.fullmatch(text):
        return _Quantity(text, "")
    if _SPELLED.fullmatch(text):
        parts = [(float(number.replace(",", ".")), seconds_of_unit(unit)) for number, unit in _PART.findall(text)]
        if all(seconds for _, seconds in parts):
            return _Quantity("", "", sum(number * (seconds or 0.0) for number, seconds in parts))
    return None


def _of_usual_units(parsed: Mapping[str, _Parsed]) -> dict[str, _Parsed]:
    """Without cells whose unit is a word that occurs once beside others: ``3rd``, ``7f9c``."""
    units = {one.value.unit for one in parsed.values()}
    if len(units) <= 2:
        return dict(parsed)
    convertible = {unit for unit in units if not unit or _convertible(unit)}
    return {cell: one for cell, one in parsed.items() if one.value.unit in convertible}


def _convertible(unit: str) -> bool:
    try:
        measure = resolved([unit], None)[unit]
    except UnitError:
        return True  # it is a unit, but of several meanings
    return measure.base != "" or measure.factor != 1.0


def _units(
    quantities: Sequence[_Quantity], name: str, measure: Measure | None, notes: list[Note], *, decimal: bool
) -> dict[str, Measure]:
    """The measure of every unit word, and of none (``""``)."""
    written = {one.unit for one in quantities if one.seconds is None and one.unit}
    timed = any(one.seconds is not None for one in quantities)
    bare = [one.number for one in quantities if one.seconds is None and not one.unit]
    if not written:
        if timed and any(number.strip("+-0.,") for number in bare):
            raise CellsError(f"mixes durations and plain numbers, like {bare[0]}")
        return {"": Measure("s") if timed else measure or PLAIN}
    hint = "s" if timed else measure.base if measure is not None else base_of_name(name)
    if hint is None and written <= {"k", "K"} and any(number.strip("+-0.,") for number in bare):
        hint = ""  # 900, 1.2k: counts
    try:
        units: dict[str, Measure] = dict(resolved(written | ({"s"} if timed else set()), hint, decimal=decimal))
    except UnitError as error:
        raise CellsError(str(error)) from None
    base = next(iter(units.values())).base
    unitless = [number for number in bare if number.strip("+-0.,")]
    if not unitless:
        units[""] = next(iter(units.values())) if len(units) == 1 else Measure(base)
    elif measure is not None and measure.base == base:
        units[""] = measure
    elif base == "":
        units[""] = PLAIN
    elif base == "B" and written <= _TOP_UNITS:
        units[""] = Measure("B", "KiB", KIB)
        notes.append(Note("kib_assumed", f"{name}: numbers without a unit, like {unitless[0]}, are KiB as in top."))
    else:
        shown = f"{unitless[0]} and {next(one.number + one.unit for one in quantities if one.unit)}"
        raise CellsError(f"holds values with a unit and without, like {shown}")
    return units


def _value(one: _Quantity, mark: str, units: Mapping[str, Measure]) -> float:
    return one.seconds if one.seconds is not None else number_with(one.number, mark) * units[one.unit].factor


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else f"{cell[:37]}…")
