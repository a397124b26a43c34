"""The output of sysstat's pidstat and sar: tables under headers that begin with a clock time, each row with its own.

The date stands once, at the head of the output, as the locale writes it; the rows have the time of day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from aging.core.measure import Measure
from aging.tables.printout import KIB, KIB_PER_SECOND, PERCENT

_BANNER = re.compile(r"^(?:Linux|AIX|SunOS)\s+\S+\s+\(.*\)\s+(\S+)\s+\S+\s+\(\d+ CPU\)")
_TIME = re.compile(r"^\s*(\d{1,2}:\d\d:\d\d(?: [AP]M)?|1\d{9})\s+(\S.*)$")
_RESTART = re.compile(r"^(?:\d{1,2}:\d\d:\d\d(?: [AP]M)?|1\d{9})\s+LINUX RESTART\b")
_COMMENTED = re.compile(r"^#\s+Time\s+(\S.*)$")
_NAME = re.compile(r"(?:[A-Za-z%]|\d+m)[\w%/+.-]*")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_PARTS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{2}|\d{4})")
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table with these ``names``; ``time`` is an ISO date and time, else as printed.

    ``boot`` counts the restarts of the host before it.
    """

    number: int
    time: str
    names: tuple[str, ...]
    cells: tuple[str, ...]
    boot: int = 0


def is_banner(text: str) -> bool:
    """Whether this is the first line of the output: system, host, date, architecture, processors."""
    return _BANNER.match(text) is not None


def names_of(text: str) -> tuple[str, ...]:
    """The names of a header line, empty for any other line."""
    match = _COMMENTED.match(text)
    rest = match[1] if match else time[2] if (time := _TIME.match(text)) else ""
    words = rest.split()
    if len(words) < 2 or not all(map(_NAME.fullmatch, words)) or "RESTART" in words:
        return ()
    return tuple(words) if match or any("/" in word or "%" in word or word in _USUAL for word in words) else ()


_USUAL = frozenset(
    [
        "PID",
        "TID",
        "TGID",
        "CPU",
        "IFACE",
        "DEV",
        "kbmemfree",
        "kbswpfree",
        "threads",
        "runq-sz",
        "dentunusd",
        "kbhugfree",
        "RSS",
    ]
)


def rows(texts: Iterable[str]) -> Iterator[Row]:
    """The rows of all tables, without averages."""
    day: date | None = None
    names: tuple[str, ...] = ()
    seen: set[tuple[str, ...]] = set()
    clock = _Clock()
    boot = first_boot = 0
    for number, text in enumerate(texts, 1):
        if match := _BANNER.match(text):
            day = date_of(match[1])
            clock, seen, first_boot = _Clock(), set(), boot
        elif found := names_of(text):
            names = found
            if names not in seen:  # the first of its kind: sar -f prints one kind after the other
                clock, boot = _Clock(), first_boot
                seen.add(names)
        elif text.startswith("Average:"):
            clock = _Clock()
        elif _RESTART.match(text):
            boot += 1
        elif names and (match := _TIME.match(text)):
            cells = match[2].split(None, len(names) - 1)
            if len(cells) == len(names):
                yield Row(number, clock.full(match[1], day), names, tuple(cell.strip() for cell in cells), boot)


def date_of(text: str) -> date | None:
    """The date as a locale writes it, the month first unless that cannot be; None for what is none."""
    if match := _ISO.fullmatch(text):
        return date(*map(int, match.groups()))
    if match := _PARTS.fullmatch(text):
        first, mark, second, year = int(match[1]), match[2], int(match[3]), int(match[4])
        month, day = (second, first) if mark == "." or first > _MONTHS else (first, second)
        try:
            return date(year + 2000 if len(match[4]) == 2 else year, month, day)
        except ValueError:
            return None
    return None


def measure_of(name: str) -> Measure | None:
    """The measure that sysstat's names say: ``kbmemused``, ``%memused``, ``rxkB/s``."""
    bare = name.partition("[")[0]
    if bare.startswith("%"):
        return PERCENT
    if bare.endswith("kB/s"):
        return KIB_PER_SECOND
    return KIB if bare.startswith("kb") else None


@dataclass(slots=True)
class _Clock:
    """Counts the days of clock times in order."""

    _days: int = 0
    _last: str = ""

    def full(self, text: str, day: date | None) -> str:
        if ":" not in text:
            return text
        clock = _of_24_hours(text)
        if clock < self._last:
            self._days += 1
        self._last = clock
        return clock if day is None else f"{day + timedelta(days=self._days)} {clock}"


def _of_24_hours(text: str) -> str:
    clock, _, half = text.partition(" ")
    hours, rest = clock.split(":", 1)
    hour = int(hours) if not half else int(hours) % 12 + 12 * (half == "PM")
    return f"{hour:02}:{rest}"
