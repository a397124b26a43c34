"""One time as text: its date, in whatever order the fields may be, its clock and its zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

Order = Literal["ymd", "dmy", "mdy"]

_DAY = 86400
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august"),
            *("sep sept september", "oct october", "nov november", "dec december"),
        ),
        start=1,
    )
    for name in names.split()
}
_WEEKDAYS = frozenset(
    "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday tues thur thurs".split()  # noqa: SIM905
)
_ZONES: Mapping[str, float] = {
    **dict.fromkeys(("z", "utc", "gmt", "wet", "uct"), 0.0),
    "bst": 1.0,
    "west": 1.0,
    "cet": 1.0,
    "met": 1.0,
    "cest": 2.0,
    "mest": 2.0,
    "eet": 2.0,
    "eest": 3.0,
    "msk": 3.0,
    "ist": 5.5,
    "hkt": 8.0,
    "sgt": 8.0,
    "jst": 9.0,
    "kst": 9.0,
    "aest": 10.0,
    "aedt": 11.0,
    "nzst": 12.0,
    "est": -5.0,
    "edt": -4.0,
    "cst": -6.0,
    "cdt": -5.0,
    "mst": -7.0,
    "mdt": -6.0,
    "pst": -8.0,
    "pdt": -7.0,
    "akst": -9.0,
    "akdt": -8.0,
    "hst": -10.0,
    "nzdt": 13.0,
}
"""Hours ahead of UTC."""

_CLOCK = re.compile(r"(?<![\d:.,])(\d{1,2}):([0-5]\d)(?::([0-5]\d|60)(?:[.,](\d{1,9}))?)?(?![\d:])")
_APACHE = re.compile(r"(\d{4}):(\d\d:\d\d)")
_TRIPLE = re.compile(r"(?<!\d)(\d{1,4})([/.\-])(\d{1,2}|[A-Za-z]{3,9})\2(\d{1,4})(?!\d)")
_YEAR_OPEN = re.compile(r"(?<!\d)(\d{1,2})\.(\d{1,2})\.(?!\d)")
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)")
_COMPACT_CLOCK = re.compile(r"((?:19|20)\d{6})[T_ -]?([0-2]\d)([0-5]\d)([0-5]\d)((?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)")
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d\d))?", re.IGNORECASE)
_HALF = re.compile(r"(?<![A-Za-z])([ap])\.?\s?m\.?(?![A-Za-z])", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z]+|\d+|[^\sA-Za-z\d]")
_IDLE = set(",[]()\"'T|-.;") | {"T", "t"}


class Day(NamedTuple):
    """Three numbers in an order that may be open; without a year, ``fields`` are month and day."""

    fields: tuple[int, ...]
    orders: tuple[Order, ...]
    mark: str = "-"

    def ordinal(self, order: Order, year: int) -> int | None:
        """Days since 1970 in this order; None for no such date."""
        if len(self.fields) == 2:
            fields: tuple[int, ...] = (year, *self.fields)
        else:
            a, b, c = self.fields
            fields = {"ymd": (a, b, c), "dmy": (c, b, a), "mdy": (c, a, b)}[order]
        try:
            return date(fields[0] + (2000 if fields[0] < 100 else 0), fields[1], fields[2]).toordinal() - _EPOCH
        except ValueError:
            return None


_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time: its day (None: only a clock), seconds of the day, and hours ahead of UTC (None: not written)."""

    day: Day | None
    seconds: float
    zone: float | None
    zone_name: str = ""
    clock: bool = True


class _Around(NamedTuple):
    day: Day | None
    half: str
    zone: float | None
    zone_name: str


def stamp_of(text: str) -> Stamp | None:  # noqa: PLR0911
    """The time that a text is; None for a text that is no time."""
    text = text.strip()
    if not text or len(text) > 64 or not any(map(str.isdecimal, text)):
        return None
    if (compact := _COMPACT_CLOCK.fullmatch(text)) is not None:
        text = f"{compact[1]} {compact[2]}:{compact[3]}:{compact[4]}{compact[5]}"
    match = _CLOCK.search(text)
    if match is None and _APACHE.search(text):
        text = _APACHE.sub(r"\1 \2", text, count=1)
        match = _CLOCK.search(text)
    if match is None:
        around = _around(text, "")
        if around is None or around.day is None or around.half:
            return None
        return Stamp(around.day, 0.0, around.zone, around.zone_name, clock=False)
    around = _around(text[: match.start()], text[match.end() :])
    if around is None:
        return None
    hours, minutes, seconds, fraction = match.groups()
    hour = int(hours)
    if around.half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if around.half == "p" else 0)
    elif hour > 24 or (hour == 24 and around.day is None):
        return None
    whole = hour * 3600 + int(minutes) * 60 + int(seconds or 0)
    return Stamp(around.day, whole + (float(f"0.{fraction}") if fraction else 0.0), around.zone, around.zone_name)


@lru_cache(maxsize=4096)
def _around(before: str, after: str) -> _Around | None:  # noqa: PLR0912
    """What stands around the clock."""
    half = ""
    if (found := _HALF.search(after)) is not None:
        half, after = found[1].lower(), f"{after[: found.start()]} {after[found.end() :]}"
    zone, zone_name = None, ""
    offset = _OFFSET.match(after.strip()) if before or after else None
    if offset is not None and (before.strip() or half):
        zone = (1 if offset[1] == "+" else -1) * (int(offset[2]) + int(offset[3] or 0) / 60)
        after = after.strip()[offset.end() :]
    rest = f"{before} {after}"
    days: list[Day] = []
    for pattern, read in ((_TRIPLE, _triple), (_COMPACT, _compact)):
        if not days and (triple := pattern.search(rest)) is not None:
            day = read(triple)
            if day is None:
                return None
            days.append(day)
            rest = f"{rest[: triple.start()]} {rest[triple.end() :]}"
    numbers: list[int] = []
    month = None
    for token in _TOKEN.findall(rest):
        low = token.lower()
        if token in _IDLE or low in _WEEKDAYS:
            continue
        if token.isdecimal():
            numbers.append(int(token))
        elif low in _MONTHS and month is None:
            month = _MONTHS[low]
        elif low in _ZONES and zone is None:
            zone, zone_name = _ZONES[low], token
        elif token.isupper() and 2 <= len(token) <= 5 and not zone_name and (days or month):
            zone_name = token
        else:
            return None
    if not days and month is not None:
        day = _spelled(month, numbers)
        if day is None:
            return None
        days.append(day)
    elif numbers:
        return None
    return _Around(days[0] if days else None, half, zone, zone_name)


def _triple(match: re.Match[str]) -> Day | None:
    first, mark, middle, last = match.groups()
    if not middle.isdecimal():
        month = _MONTHS.get(middle.lower())
        if month is None:
            return None
        return Day((int(first), month, int(last)), ("ymd",) if len(first) == 4 else ("dmy",), mark)
    fields = (int(first), int(middle), int(last))
    if len(first) == 4:
        return Day(fields, ("ymd",), mark)
    if len(last) == 4:
        return Day(fields, ("dmy",) if mark == "." else ("dmy", "mdy"), mark)
    if len(first) > 2 or len(last) > 2:
        return None
    return Day(fields, ("dmy",) if mark == "." else ("dmy", "mdy", "ymd"), mark)


def _compact(match: re.Match[str]) -> Day:
    return Day((int(match[1]), int(match[2]), int(match[3])), ("ymd",), "")


def _spelled(month: int, numbers: list[int]) -> Day | None:
    """``Aug 1``, ``Aug 1 2026``, ``1 Aug 2026``."""
    years = [number for number in numbers if number >= 1000]
    days = [number for number in numbers if 1 <= number <= 31]
    if len(days) != 1 or len(years) + len(days) != len(numbers) or len(years) > 1:
        return None
    if years:
        return Day((years[0], month, days[0]), ("ymd",), " ")
    return Day((month, days[0]), ("ymd",), " ")


def is_stamp(text: str) -> bool:
    """Whether a text is a time: a date, or a clock with seconds."""
    stamp = stamp_of(text)
    return stamp is not None and (stamp.day is not None or text.count(":") >= 2 or "m" in text.lower())


def year_of_first(day: Day, now: datetime) -> int:
    """The year of a date without one: the last in which it is not in the future."""
    month, number = day.fields
    year = now.year if (month, number) <= (now.month, now.day) else now.year - 1
    while day.ordinal("ymd", year) is None and year > now.year - 9:
        year -= 1
    return year
