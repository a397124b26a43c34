"""Columns of times: every usual format, local time, midnight, ambiguous dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from aging.tables.times import TimeOptions, Times, TimesError, read_times, seconds_of, zone_named

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()
ALL = slice(None)


def times_of(cells: list[Any], name: str = "time", **options: Any) -> Times:
    kind = object if isinstance(cells[0], str) else np.float64
    return read_times(np.array(cells, dtype=kind), name, TimeOptions(**options))


def ordered(times: Times) -> tuple[list[float], list[str]]:
    seconds, notes = times.in_order(ALL)
    return (seconds - seconds[0]).tolist(), [note.code for note in (*times.notes, *notes)]


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-08-01T12:00:00Z", "2026-08-01 12:00:00", "2026-08-01T14:00:00+02:00", "2026-08-01 12:00:00,000"),
        *("Sat Aug  1 12:00:00 UTC 2026", "Sat  1 Aug 12:00:00 UTC 2026", "Sat 01 Aug 2026 12:00:00 PM UTC"),
        *(
            "2026/08/01 12:00:00.000",
            "01.08.2026 12:00",
            "20260801T120000Z",
            "20260801120000",
            "01/Aug/2026:12:00:00 +0000",
        ),
        *(
            "Sat, 01 Aug 2026 12:00:00 GMT",
            "Aug 1, 2026, 12:00:00 PM",
            "[2026-08-01 12:00:00]",
            "2026-08-01 14:00:00 CEST",
        ),
        *("2026-08-01 05:00:00-0700", "1785585600"),
    ],
)
def test_formats(cell: str) -> None:
    times = times_of([cell])
    assert times.epoch
    assert times.seconds.tolist() == [NOON]


@pytest.mark.parametrize(
    ("number", "name", "seconds", "epoch"),
    [
        (NOON, "time", NOON, True),
        (NOON * 1e3, "time", NOON, True),
        (NOON * 1e6, "ts_us", NOON, True),
        (NOON * 1e9, "time", NOON, True),
        (3.0, "uptime_hours", 10800.0, False),
        (3.0, "time (min)", 180.0, False),
        (2e8, "elapsed_ms", 2e5, False),
        (2e9, "uptime_ms", 2e6, False),
        (46235.5, "Date", NOON, True),
        (5.0, "t", 5.0, False),
    ],
)
def test_numbers(number: float, name: str, seconds: float, epoch: bool) -> None:
    times = times_of([number], name)
    assert times.seconds.tolist() == pytest.approx([seconds])
    assert times.epoch == epoch


def test_given_unit_and_format() -> None:
    assert times_of([2.0], unit=3600.0).seconds.tolist() == [7200.0]
    assert times_of(["01/02/2026 00:00"], format="%d/%m/%Y %H:%M").seconds.tolist() == [
        datetime(2026, 2, 1, tzinfo=UTC).timestamp()
    ]
    assert ordered(times_of(["59:59", "60:00"], format="%M:%S"))[0] == [0, 1]
    with pytest.raises(TimesError, match="--time-format"):
        times_of(["noon"], format="%H:%M")


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["21:00:00", "23:59:59", "00:00:10", "23:00:00", "01:00:00"], [0, 10799, 10810, 93600, 100800]),
        (["11:59:59 PM", "12:00:00 AM", "12:00:01 AM"], [0, 1, 2]),
        (["Dec 31 23:59:59", "Jan  1 00:00:01"], [0, 2]),
        (["0:00:30", "25:00:00"], [0, 89970]),
        (["1 day", "25h"], [0, 3600]),
    ],
)
def test_counted_on(cells: list[str], seconds: list[float]) -> None:
    assert ordered(times_of(cells, "elapsed" if "day" in cells[0] else "time"))[0] == seconds


def test_order_of_day_and_month() -> None:
    assert times_of(["05/08/2026", "13/08/2026"]).seconds[1] - times_of(["05/08/2026"]).seconds[0] == 8 * 86400
    assert ordered(times_of(["08/31/2026 23:00", "09/01/2026 00:00"])) == ([0, 3600], [])
    regular = [f"{1 + k // 6:02d}/08/2026 {k % 6 * 4:02d}:00" for k in range(24)]
    assert ordered(times_of(regular)) == ([14400 * k for k in range(24)], ["date_order"])
    one_day = ordered(times_of(["05/08/2026 00:00", "05/08/2026 00:01"]))
    assert one_day == ([0, 60], ["date_order"])


def test_ambiguous_dates_are_refused_with_both_readings() -> None:
    with pytest.raises(TimesError) as caught:
        times_of(["05/08/2026", "06/08/2026", "07/08/2026"])
    assert all(word in str(caught.value) for word in ("5 August", "8 May", "'%d/%m/%Y'", "'%m/%d/%Y'"))
    with pytest.raises(TimesError, match="'%H:%M' or --time-format '%M:%S'"):
        times_of(["0:00", "0:30", "1:00"])


def test_month_first_of_windows() -> None:
    times = times_of(["09/06/2026 09:21:02.014"], "(PDH-CSV 4.0) (W. Europe Daylight Time)(-120)")
    assert datetime.fromtimestamp(times.seconds[0], UTC).month == 9


def local(start: str, minutes: list[int]) -> list[str]:
    first = datetime.fromisoformat(start)
    return [(first + timedelta(minutes=one)).isoformat(" ") for one in minutes]


AUTUMN = local("2026-10-25 00:00", [*range(180), *range(120, 240)])
SPRING = local("2026-03-29 00:00", [*range(120), *range(180, 240)])


@pytest.mark.parametrize(("cells", "code", "count"), [(AUTUMN, "hour_twice", 300), (SPRING, "hour_missing", 180)])
def test_summer_time(cells: list[str], code: str, count: int) -> None:
    expected = [60 * k for k in range(count)]
    assert ordered(times_of(cells)) == (expected, [code])
    assert ordered(times_of(cells, timezone=zone_named("Europe/Berlin")))[0] == expected


def test_a_gap_is_no_summer_time() -> None:
    cells = local("2026-08-05 00:00", [*range(120), *range(180, 240)])
    assert ordered(times_of(cells))[1] == []


def test_zones() -> None:
    berlin = times_of(["2026-08-01 14:00:00"], timezone=zone_named("Europe/Berlin"))
    assert berlin.in_order(ALL)[0].tolist() == [NOON]
    assert times_of(["2026-08-01 12:00:00Z"], timezone=zone_named("Europe/Berlin")).seconds.tolist() == [NOON]
    with pytest.raises(TimesError, match="Europe/Berlin"):
        zone_named("Mars/Base")


@pytest.mark.parametrize("cell", ["yesterday", "tritonserver", "4544Mi", "10.0.0.1", "99/99/9999"])
def test_no_times(cell: str) -> None:
    with pytest.raises(TimesError):
        times_of([cell])


def test_no_known_time() -> None:
    with pytest.raises(TimesError, match="no times"):
        seconds_of(np.array([np.nan]))
