"""The trend of a series of a caller's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import aging
from aging.core.errors import InputError

HOURS = 12
T = np.arange(0.0, HOURS * 3600.0, 60.0)
LEAK = 1000.0  # a second
Y = 1e9 + LEAK * T + 20 * LEAK * np.random.default_rng(1).standard_normal(T.size)
START = pd.Timestamp("2026-11-21T10:00Z")


def dates(zone: str | None) -> pd.DatetimeIndex:
    index = pd.DatetimeIndex(START + pd.to_timedelta(T, unit="s"))
    return index.tz_localize(None) if zone is None else index.tz_convert(zone)


FORMS: dict[str, tuple[Any, ...]] = {
    "seconds": (pd.Series(Y, index=T),),
    "whole seconds": (pd.Series(Y, index=T.astype(int)),),
    "timedeltas": (pd.Series(Y, index=pd.to_timedelta(T, unit="s")),),
    "dates in UTC": (pd.Series(Y, index=dates("UTC")),),
    "dates in Berlin": (pd.Series(Y, index=dates("Europe/Berlin")),),
    "dates without a zone": (pd.Series(Y, index=dates(None)),),
    "dates by the microsecond": (pd.Series(Y, index=dates("UTC").as_unit("us")),),
    "epoch seconds": (pd.Series(Y, index=T + START.timestamp()),),
    "epoch milliseconds": (pd.Series(Y, index=((T + START.timestamp()) * 1000).astype(int)),),
    "nullable values": (pd.Series(Y, index=T, dtype="Float64"),),
    "arrays": (T, Y),
    "lists": (T.tolist(), Y.tolist()),
    "a range": (range(0, HOURS * 3600, 60), Y),
    "datetimes": ([START.to_pydatetime() + timedelta(seconds=float(t)) for t in T], Y),
    "a column of dates": (pd.Series(dates("Asia/Tokyo")), pd.Series(Y)),
    "datetime64": (dates(None).to_numpy(), Y),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_series_gives_the_same_slope(form: str) -> None:
    found = aging.trend(*FORMS[form])
    assert found.verdict == "aging"
    assert found.slope_per_hour == pytest.approx(3600 * LEAK, rel=0.01)
    low, high = found.ci_per_hour
    assert low < found.slope_per_hour < high
    assert found.n == T.size


def test_a_day_that_is_set_back_by_an_hour_is_not_out_of_order() -> None:
    t = pd.date_range("2026-10-25T00:00", periods=60, freq="5min", tz="UTC").tz_convert("Europe/Berlin")
    found = aging.trend(pd.Series(1e6 * np.arange(60.0) + np.sin(np.arange(60.0)), index=t))
    assert found.slope_per_hour == pytest.approx(12e6, rel=1e-3)
    with pytest.raises(InputError, match=r"not in order .* local times go back when summer time ends: localize"):
        aging.trend(pd.Series(np.arange(60.0), index=t.tz_localize(None)))


def test_a_zone_of_its_own_for_each_time() -> None:
    stamps = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=k) for k in range(30)]
    mixed = [one.astimezone(tz=None) if k % 2 else one for k, one in enumerate(stamps)]
    assert aging.trend(mixed, 1e6 * np.arange(30.0)).slope_per_hour == pytest.approx(60e6)


def test_what_a_trend_tells() -> None:
    found = aging.trend(pd.Series(Y, index=dates("UTC"), name="rss_bytes"))
    assert found.name == "rss_bytes"
    assert any("first sample" in note for note in found.notes), "dates say nothing of when load began"
    assert not aging.trend(T, Y).notes
    assert found.p < 0.001
    assert (found.shape, found.direction) == ("linear", "increasing")
    assert found.minimum_detectable_per_hour is not None
    assert found.exponent is not None
    assert found.n_effective > 100
    shown = repr(found)
    assert shown.startswith("rss_bytes: aging (linear)\n  current rate: +3.4")
    assert "MiB/h" in shown
    html = aging.trend(pd.Series(Y, index=T, name="<b>&"))._repr_html_()
    assert "<b>&lt;b&gt;&amp;: aging</b>" in html
    steady = aging.trend(T, np.ones(T.size))
    assert (steady.verdict, steady.slope_per_hour, steady.minimum_detectable_per_hour) == ("stable", 0.0, None)
    assert "least detectable: –" in repr(steady)


def test_outlook_of_a_series() -> None:
    assert aging.trend(T, Y).outlook is None
    assert aging.trend(pd.Series(Y, index=T, name="rss_kb"), limit="64GiB").outlook is None
    found = aging.trend(pd.Series(Y, index=T, name="rss_bytes"), limit="64GiB", horizon="10d")
    assert found.outlook is not None
    assert (found.outlook.answer, found.outlook.limit, found.outlook.horizon_hours) == ("safe", 64 * 2**30, 240.0)
    assert found.current_ci_per_hour[0] <= found.current_per_hour <= found.current_ci_per_hour[1]
    assert "outlook: Safe for 10 days" in repr(found)
    assert found.growth_axis == "seconds"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"horizon": "3d"}, "limit="),
        ({"limit": "64"}, "limit"),
        ({"limit": -3.0}, "above 0"),
        ({"limit": [1]}, "64GiB"),
        ({"limit": "64GiB", "horizon": 0}, "horizon"),
    ],
)
def test_wrong_limits_and_horizons(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        aging.trend(T, Y, **options)


def test_the_start_of_load_the_grid_and_the_warm_up() -> None:
    series = pd.Series(Y, index=dates("Europe/Berlin"), name="rss")
    found = aging.trend(series, load_start="2026-11-21T11:00Z", resample="5m", warmup="30m")
    assert found.n == 126  # eleven hours less thirty minutes, by five minutes
    assert "60 rows before the start of load are left out." in found.notes
    assert aging.trend(series, load_start=START + pd.Timedelta("1h")).n == 660
    assert aging.trend(T, Y, load_start=3600).n == 660
    assert aging.trend(T, Y, resample=300).n == aging.trend(T, Y, resample=timedelta(minutes=5)).n == 144
    assert aging.trend(series, warmup="auto").n <= series.size


def test_a_counter_is_judged_by_its_rate() -> None:
    counter = pd.Series(5.0 * T, index=T, name="requests_total")
    found = aging.trend(counter)
    assert found.verdict == "stable"
    assert "counter" in [note.code for note in found.analysis.notes]


def test_missing_values_are_left_out_with_a_note() -> None:
    y = Y.copy()
    y[::10] = np.nan
    y[5] = np.inf
    found = aging.trend(T, y)
    assert found.n == T.size - 73
    assert found.notes[0].startswith("73 of 720 rows")
    times = [None if k == 3 else time for k, time in enumerate(dates("UTC"))]
    assert aging.trend(times, Y).n == T.size - 1


BAD: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "unsorted": ((T[::-1], Y), {}, "y: its times are not in order (43080.0 comes after 43140.0, and 719 times go back"),
    "unsorted dates": (
        (pd.Series(Y, index=dates("UTC")[::-1], name="rss"),),
        {},
        "sort them, like series.sort_index()",
    ),
    "only NaN": ((T, np.full(T.size, np.nan)), {}, "y: none of its 720 rows has both a time and a finite value"),
    "empty": ((pd.Series([], dtype=float, index=pd.DatetimeIndex([])),), {}, "y is empty"),
    "empty lists": (([], []), {}, "y is empty"),
    "too few": ((T[:5], Y[:5]), {}, "the series has 5 distinct times; at least 12 are needed"),
    "lengths": ((T[:5], Y), {}, "t has 5 values and y has 720: they must be equally many"),
    "row numbers": ((pd.Series(Y, name="rss"),), {}, "rss: its index is the row number (0, 1, 2, …), which is no time"),
    "text": (
        (pd.Series(Y, index=[f"row {k}" for k in range(T.size)]),),
        {},
        "its times are str, which is no time: give",
    ),
    "periods": (
        (pd.Series(Y, index=pd.period_range("2026", periods=T.size, freq="min")),),
        {},
        "series.to_timestamp()",
    ),
    "categories": ((pd.Series(Y[:3], index=pd.CategoricalIndex(list("abc"))),), {}, "its times are str"),
    "booleans": ((pd.Series(Y[:2], index=[True, False]),), {}, "its times are"),
    "levels": (
        (pd.Series(Y, index=pd.MultiIndex.from_arrays([T, T])),),
        {},
        "its index has 2 levels: leave one, the time (series.droplevel)",
    ),
    "a frame": ((pd.DataFrame({"rss": Y}, index=T),), {}, "a DataFrame is no series: name one of its columns ('rss')"),
    "an array alone": ((Y,), {}, "ndarray has no times: pass a pandas Series whose index is its times, or aging.trend"),
    "two dimensions": ((T, Y.reshape(2, -1)), {}, "y must have one dimension"),
    "text values": ((T[:2], ["1 MB", "2 MB"]), {}, "are no real numbers: convert them, like pd.to_numeric(s, errors="),
    "complex values": ((T, Y * 1j), {}, "are no real numbers"),
    "grid": (
        (T, Y),
        {"resample": "5 parsecs"},
        "resample: '5 parsecs' is not a duration; write a number with its unit",
    ),
    "no grid": ((T, Y), {"resample": 0}, "resample: 0 is not a positive number of seconds"),
    "warm-up": ((T, Y), {"warmup": "-3s"}, "warmup: '-3s' is not a duration"),
    "a list of warm-ups": ((T, Y), {"warmup": [1]}, "warmup: [1] is no span of time; give seconds, or text like '90s'"),
    "all warm-up": ((T, Y), {"warmup": "2d"}, "y: "),
    "later start": ((T, Y), {"load_start": 1e6}, "all of its rows lie before the start of load (1000000.0)"),
    "a date for seconds": ((T, Y), {"load_start": "2026-11-21"}, "give seconds, as its times are"),
    "no date": ((pd.Series(Y, index=dates("UTC")),), {"load_start": "noon"}, "give a time like '2026-11-21T10:00Z'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_judged_says_what_would_be_right(case: str) -> None:
    arguments, options, message = BAD[case]
    with pytest.raises(InputError) as caught:
        aging.trend(*arguments, **options)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_what_falls_come_from() -> None:
    teeth = 1e9 + 1e6 * (T % 4320.0) / 4320.0 + 1e4 * np.random.default_rng(2).standard_normal(T.size)
    assert aging.trend(T, teeth).analysis.restarts == ()
    restarted = aging.trend(T, teeth, falls="restarts")
    assert (restarted.verdict, len(restarted.analysis.restarts)) == ("aging", 9)
    with pytest.raises(InputError, match="falls"):
        aging.trend(T, teeth, falls="resets")  # type: ignore[call-overload]
