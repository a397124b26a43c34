"""The decimal mark of numbers: a point or a comma, where either may separate thousands instead.

A number with one mark before exactly three digits is open: ``818.100`` is 818.1 or 818100. Other numbers of its
column, of its file, or the user decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from aging.tables.series import Floats

Kind = Literal["point", "comma", "open point", "open comma", "zero", "short", "long", "none", "?"]

_GROUPED = {mark: re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+") for mark in ".,"}
_OPEN = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_WRITTEN = re.compile(r"([+\-−]?[\d.,]*\d(?:[eE][+\-]?\d+)?)\s?[A-Za-z%]{0,5}")
_SCALED = re.compile(r"[KMGTP]i(?:B|bytes?)?", re.IGNORECASE)
_NAMES = {".": "point", ",": "comma"}


class DecimalError(ValueError):
    """Numbers whose decimal mark is open, or is another than the user gave; the message is a clause.

    ``contradicts``: the user's mark does not fit, and another is certain.
    """

    def __init__(self, message: str, *, contradicts: bool = False) -> None:
        super().__init__(message)
        self.contradicts = contradicts


def kind_of(number: str) -> Kind:  # noqa: PLR0911
    """What a number shows: a certain decimal mark, an open one, digits alone, or that it is no number (``?``)."""
    body = re.split("[eE]", number.lstrip("+-−"))[0]
    commas, points = body.count(","), body.count(".")
    if "inf" in number.lower():
        return "none"
    if not commas and not points:
        return ("short" if body.strip("0") else "zero") if len(body) <= 3 else "long"
    if commas and points:
        last, first = (".", ",") if body.rindex(".") > body.rindex(",") else (",", ".")
        whole, _, part = body.rpartition(last)
        if last in whole or not part or not _GROUPED[first].fullmatch(whole):
            return "?"
        return "point" if last == "." else "comma"
    mark = "," if commas else "."
    if commas + points > 1:
        if not _GROUPED[mark].fullmatch(body):
            return "?"
        return "point" if mark == "," else "comma"
    if _OPEN.fullmatch(body):
        return "open point" if mark == "." else "open comma"
    return "point" if mark == "." else "comma"


def number_with(text: str, mark: str) -> float:
    """The value of a number with this decimal mark. Raises ValueError for one that has another."""
    text = text.replace("−", "-")
    return float(text.replace(".", "").replace(",", ".") if mark == "," else text.replace(",", ""))


def certain_mark(cells: Iterable[str]) -> str:
    """The decimal mark of which cells leave no doubt; empty where they show none, or both."""
    written = (match[1] for cell in cells if (match := _WRITTEN.fullmatch(cell.strip())) is not None)
    kinds = set(map(kind_of, written))
    found = {mark for mark, name in _NAMES.items() if name in kinds}
    return found.pop() if len(found) == 1 else ""


def may_be_grouped(values: Floats, texts: Sequence[str | None] = ()) -> bool:
    """Whether numbers that were read with a decimal point may have been written with one between thousands.

    ``texts`` are the cells, where they are known; numbers without them had a point in some.
    """
    known = np.abs(values[np.isfinite(values)])
    if not known.size or known.max() >= 1000.0:
        return False
    parts = known[known != np.floor(known)]
    if bool(np.any(parts < 1.0)) or bool(np.any(np.abs(parts * 1000.0 - np.rint(parts * 1000.0)) > 1e-6)):
        return False
    return not texts or any(text is not None and "." in text for text in texts)


def given_mark(numbers: Iterable[str], given: str) -> str:
    """The mark that the user gave. Raises DecimalError where a number has certainly the other one."""
    other = "point" if given == "," else "comma"
    wrong = next((number for number in numbers if kind_of(number) == other), None)
    if wrong is not None:
        mark = "." if given == "," else ","
        message = f"{wrong} has a decimal {other}, so --decimal {given} does not apply; leave it out, or {{}}"
        raise DecimalError(message.format(f"give --decimal {mark}"), contradicts=True)
    return given


def mark_of(numbers: Iterable[tuple[str, str]], suggested: str, where: str = "") -> tuple[str, str]:
    """The decimal mark of a column's numbers, each with its unit, and a remark where it had to be inferred.

    ``suggested`` is the mark of the file; ``where``, if not empty, names the column whose numbers show it for certain.
    Raises DecimalError where the mark is open.
    """
    kinds: dict[Kind, str] = {}
    scaled = False
    for number, unit in numbers:
        kind = kind_of(number)
        kinds.setdefault(kind, number)
        scaled = scaled or (kind == "open point" and _SCALED.fullmatch(unit) is not None)
    if "?" in kinds:
        raise DecimalError(f"holds text, like {kinds['?']!r}")
    point, comma = kinds.get("point"), kinds.get("comma")
    if point and comma:
        raise DecimalError(f"writes numbers in two ways, like {point} and {comma}")
    open_comma, open_point = kinds.get("open comma"), kinds.get("open point")
    if open_comma and open_point:
        raise DecimalError(_open(open_comma))
    if comma:
        return ",", f"the comma is the decimal mark, as in {comma}." if open_comma else ""
    if point:
        return (
            ".",
            f"the comma separates thousands, as in {open_comma}, since {point} has a point." if open_comma else "",
        )
    grouped = "short" in kinds and "long" not in kinds
    if open_comma is not None:
        return _of_open_comma(open_comma, suggested, where, grouped=grouped)
    if open_point is not None and not scaled:
        return _of_open_point(open_point, kinds.get("short", ""), suggested, where, grouped=grouped)
    return ".", ""


def _of_open_comma(number: str, suggested: str, where: str, *, grouped: bool) -> tuple[str, str]:
    if suggested == ",":
        return ",", f"the comma in {number} is the decimal mark, as {where or 'the file'} suggests; else --decimal ."
    if suggested == "." or grouped:
        return ".", f"the comma in {number} separates thousands; if it is the decimal mark, add --decimal ,"
    raise DecimalError(_open(number))


def _of_open_point(number: str, short: str, suggested: str, where: str, *, grouped: bool) -> tuple[str, str]:
    """A point is taken for the decimal mark unless the file writes commas, or whole numbers up to 999 precede."""
    if suggested == ".":
        return ".", ""
    if suggested == "," and (where or grouped):
        shown = f"as {where} suggests" if where else f"as beside {short}"
        return ",", f"the point in {number} separates thousands, {shown}; if it is the decimal mark, add --decimal ."
    if suggested == "," or (grouped and len(short.lstrip("+-−")) == 3):
        raise DecimalError(_open(number))
    return ".", ""


def _open(number: str) -> str:
    mark = "," if "," in number else "."
    other = "." if mark == "," else ","
    whole, part = number.split(mark)
    return f"{number} is either {whole}{part} (--decimal {other}) or {whole}.{part} (--decimal {mark}); add which it is"
