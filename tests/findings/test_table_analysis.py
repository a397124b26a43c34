"""A table's series: generations, direction, counters, limits, units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aging.core.measure import Measure
from aging.findings.asked import AskedOfSeries, Limit
from aging.findings.table_analysis import TableAnalysis, analyze_series, analyze_table
from aging.findings.table_json import entry
from aging.findings.table_ratios import only_ratio, ratio, with_means
from aging.report import outlook
from aging.report.table_text import sentence
from aging.tables.series import Axis, TableSeries

HOUR, GIB = 3600.0, 2.0**30
RNG = np.random.default_rng(3)
T = np.arange(0.0, 24 * HOUR, 60.0)
NOISE = RNG.normal(0, 1, T.size)


def analyzed(column: str, y: np.ndarray, t: np.ndarray = T, asked: Any = None, **of: Any) -> TableAnalysis:
    return analyze_series(TableSeries(column, t, y, **of), {}, None, None, asked or AskedOfSeries())


class TestGenerations:
    t = np.arange(0.0, 240 * HOUR, 600.0)
    y = GIB * (6 + 10 * ((t + 10 * HOUR) % (38 * HOUR)) / (38 * HOUR) + RNG.normal(0, 0.05, t.size))

    def test_killed_pod_is_aging(self) -> None:
        one = analyzed("memory", self.y, self.t, measure=Measure("B"), start=1.7e9)
        told = entry(one)
        assert told["verdict"] == "aging"
        assert told["restarts"]["count"] == 6
        assert told["restarts"]["median_interval"] == pytest.approx(38 * HOUR, rel=0.02)
        low, high = told["restarts"]["level_before"]
        assert 15.7 * GIB < low <= high < 16.2 * GIB
        assert told["rate"][0] == pytest.approx(10 * GIB / 38, rel=0.03)
        assert told["rate"][1] < 10 * GIB / 38 < told["rate"][2]
        assert len(told["generations"]) == 7
        assert "6 restarts, one every 38 h" in sentence(one)
        assert "MiB/h" in sentence(one)

    def test_restarts_of_the_source_are_taken(self) -> None:
        at = (100 * HOUR, 170 * HOUR)
        one = analyzed("rss", GIB + 1e4 * self.t, self.t, restarts=at)
        assert [each.at for each in one.restarts] == [pytest.approx(each, abs=600) for each in at]
        assert analyzed("rss", self.y, self.t, restarts=()).restarts == ()

    def test_heap_is_not_split(self) -> None:
        assert analyzed("go_memstats_heap_inuse_bytes", self.y, self.t).restarts == ()

    def test_short_lives_are_judged_together(self) -> None:
        t = np.arange(0.0, 30 * HOUR, 600.0)
        y = 5 + t % (2 * HOUR) / HOUR + RNG.normal(0, 0.02, t.size)
        one = analyzed("rss", y, t, restarts=tuple(np.arange(2, 30, 2) * HOUR))
        assert one.verdict == "aging"
        assert one.rate is not None
        assert one.rate.rate * HOUR == pytest.approx(1, rel=0.05)


class TestFalls:
    teeth = 700 + 700 * (T % (1.2 * HOUR)) / (1.2 * HOUR) + NOISE

    def test_teeth_of_an_hour_are_left_open(self) -> None:
        one = analyzed("memory_mb", self.teeth)
        assert one.verdict in ("cyclic", "stable", "inconclusive")
        assert one.restarts == ()
        (note,) = (note for note in one.notes if note.code == "falls_open")
        assert "--falls restarts" in note
        assert "19 times" in note

    def test_said_to_be_restarts(self) -> None:
        one = analyzed("memory_mb", self.teeth, asked=AskedOfSeries(falls="restarts"))
        assert (one.verdict, len(one.restarts)) == ("aging", 19)
        assert one.rate is not None
        assert one.rate.rate * HOUR == pytest.approx(700 / 1.2, rel=0.02)

    def test_said_to_be_a_collector(self) -> None:
        t, y = TestGenerations.t, TestGenerations.y
        assert "restarts_by_falls" in {note.code for note in analyzed("memory", y, t).notes}
        one = analyzed("memory", y, t, asked=AskedOfSeries(falls="collector"))
        assert one.restarts == ()
        assert not {"restarts_by_falls", "falls_open"} & {note.code for note in one.notes}

    def test_no_falls_to_take(self) -> None:
        assert "no_falls" in {
            note.code for note in analyzed("memory", T + NOISE, asked=AskedOfSeries(falls="restarts")).notes
        }

    @pytest.mark.thorough
    def test_siblings_are_split_where_they_jump(self) -> None:
        t, y = TestGenerations.t, TestGenerations.y
        memory, steady = analyze_table([TableSeries("memory", t, y), TableSeries("disk", t, 1e4 * t)], {}, None, None)
        assert len(memory.restarts) == 6
        assert steady.restarts == ()
        series = [memory.series]
        mirror = replace(series[0], column="odd", y=-y + 0.3 * GIB * np.sin(t / HOUR))
        odd = analyze_table([series[0], mirror], {}, None, None)[1]
        assert len(odd.restarts) == 6
        assert "restarts_beside" in {note.code for note in odd.notes}


class TestAcceleration:
    y = 2e9 + 2000 * 3600 * T**2 / (2 * T[-1]) / 60 + 1e6 * NOISE
    now = 2000 * 3600 / 60

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_rate_at_the_end(self, sign: float) -> None:
        bound = float(self.y[-1]) + 2e9
        asked = AskedOfSeries("up" if sign > 0 else "down", Limit(sign * bound))
        one = analyzed("memory", sign * self.y, asked=asked)
        assert one.verdict == "aging"
        rate, low, high = entry(one)["rate_at_end"]
        assert rate == pytest.approx(sign * self.now * HOUR, rel=0.03)
        assert low < sign * self.now * HOUR < high
        assert "accelerates" in sentence(one)
        assert one.left is not None
        truth = T[-1] * ((1 + 2 * 2e9 / (self.now * T[-1])) ** 0.5 - 1)
        assert one.left.seconds == pytest.approx(truth, rel=0.03)
        assert one.left.earliest < truth < one.left.latest

    def test_a_steady_leak_does_not_accelerate(self) -> None:
        one = analyzed("memory", 2e9 + 100 * T + 1e4 * NOISE)
        assert (one.verdict, one.acceleration) == ("aging", None)
        assert entry(one)["rate_at_end"] is None


class TestSparseCounter:
    errors = np.cumsum(np.random.default_rng(4).random(T.size) < 0.3 * T / T[-1]).astype(float)

    @pytest.mark.parametrize("resets", [(), (400, 1100)])
    def test_growing_rate_of_errors_is_found(self, resets: tuple[int, ...]) -> None:
        y = self.errors.copy()
        for at in resets:
            y[at:] -= y[at]
        one = analyzed("errors_total", y, counter=True)
        assert one.verdict in ("aging", "inconclusive")
        assert one.trend is not None
        assert one.trend.direction == "increasing"
        assert one.rate is not None
        assert one.rate.low < 0.3 / 60 / T[-1] < one.rate.high
        assert one.t.size < 100

    def test_steady_rate_of_errors_is_not(self) -> None:
        y = np.cumsum(np.random.default_rng(5).random(T.size) < 0.1).astype(float)
        assert analyzed("errors_total", y, counter=True).verdict in ("stable", "inconclusive")

    def test_grid_of_the_user_is_kept(self) -> None:
        series = TableSeries("errors_total", T, self.errors, counter=True)
        assert analyze_series(series, {}, 300.0, None).t.size == 288


class TestDirection:
    fall = 5000 * (1 - 0.93 * T / T[-1]) + 20 * NOISE

    def test_throughput_ages_downwards(self) -> None:
        one = analyzed("tokens_per_second", self.fall)
        assert one.verdict == "aging"
        assert one.rate is not None
        assert one.rate.rate * HOUR == pytest.approx(-5000 * 0.93 / 24, rel=0.02)
        assert one.left is not None
        assert one.left.seconds == pytest.approx(0.07 * 24 / 0.93 * HOUR, rel=0.1)
        assert "gone in" in sentence(one)

    def test_other_fall_declines(self) -> None:
        assert analyzed("cache_size", self.fall).verdict == "declining"
        assert analyzed("cache_size", self.fall, asked=AskedOfSeries("down")).verdict == "aging"
        assert analyzed("cache_size", -self.fall, asked=AskedOfSeries("down")).verdict == "stable"


class TestCounters:
    requests = np.cumsum(RNG.poisson(600, T.size)).astype(float)
    seconds = np.cumsum(np.diff(requests, prepend=0.0) * (0.012 + 0.007 * T / T[-1]))

    def series(self) -> list[TableSeries]:
        a = TableSeries("latency_seconds_sum", T, self.seconds, measure=Measure("s"), counter=True)
        return [a, TableSeries("latency_seconds_count", T, self.requests, counter=True)]

    def test_mean_of_sum_and_count(self) -> None:
        mean = with_means(self.series())[1]
        assert mean.column == "latency_seconds mean"
        one = analyze_series(mean, {}, None, None)
        assert one.verdict == "aging"
        assert one.rate is not None
        assert one.rate.rate * 24 * HOUR == pytest.approx(0.007, rel=0.03)

    def test_ratio_by_name_of_both(self) -> None:
        (one,) = only_ratio(self.series())
        assert one.y[0] == pytest.approx(0.012, rel=0.01)
        gauge = TableSeries("threads", T, self.requests)
        with pytest.raises(ValueError, match="threads is not"):
            ratio(self.series()[0], gauge)

    def test_reset_is_a_restart(self) -> None:
        steady = np.concatenate([np.arange(1000.0), np.arange(440.0)]) * 30
        one = analyzed("requests_total", steady, counter=True)
        assert len(one.restarts) == 1
        assert one.verdict == "stable"
        assert one.y == pytest.approx(0.5)


class TestLimits:
    climb = np.round(np.minimum(200 + 0.02 * T + 3 * np.abs(NOISE), 1200))

    def test_known_limit_is_exhausted(self) -> None:
        one = analyzed("open_fds", self.climb, asked=AskedOfSeries(limit=Limit(1200)))
        assert one.verdict == "exhausted"
        assert one.rate is not None
        assert one.rate.rate == pytest.approx(0.02, rel=0.03)
        assert entry(one)["stands_at"]["level"] == 1200
        assert entry(one)["left_hours"] == [0, 0, 0]
        assert one.outlook is not None
        assert outlook.sentence("open_fds", one.outlook) == "Has reached 1200: restart now."

    @pytest.mark.parametrize("minutes", [13, 20, 45])
    def test_staircase_is_not_capped(self, minutes: int) -> None:
        assert analyzed("open_fds", 50 + np.floor(T / 60 / minutes)).verdict == "aging"

    def test_unknown_limit_is_said_in_words(self) -> None:
        one = analyzed("open_fds", self.climb)
        assert one.verdict == "capped"
        assert "stands at its maximum 1,200 since" in sentence(one)

    def test_what_fills_at_once_is_bounded(self) -> None:
        y = np.minimum(20.5 + 0.147 * np.arange(0, 1860, 10.0), 28.5)
        one = analyzed("resident", y, np.arange(0, 1860, 10.0), axis=Axis("req"))
        assert one.verdict == "bounded"
        assert entry(one)["rate_unit"].endswith("1,000 req")
        assert entry(one)["slope_per_hour"] is None

    def test_time_left_by_size_and_by_the_source(self) -> None:
        y = GIB * (10 + T / HOUR / 10) + 1e6 * NOISE
        measure = Measure("B", "MiB", 2.0**20)
        given = analyzed("rss", y, measure=measure, asked=AskedOfSeries(limit=Limit(80 * GIB, in_bytes=True)))
        own = analyzed("rss", y, measure=measure, limit=80 * GIB)
        for one in (given, own):
            assert one.left is not None
            assert one.left.seconds / HOUR == pytest.approx((80 - 12.4) * 10, rel=0.01)
        plain = analyzed("rss", y, measure=measure, asked=AskedOfSeries(limit=Limit(81920)))
        assert plain.limit == 80 * GIB
        assert given.outlook is not None
        assert own.outlook is None


def test_written_unit_is_kept() -> None:
    one = analyzed("mem", 35e6 + 1e6 * T / 60 + 1e5 * NOISE, measure=Measure("B", "MB", 1e6))
    assert "MB/h [" in sentence(one)
    assert entry(one)["rate"][0] == pytest.approx(60e6, rel=0.01)
    assert entry(one)["unit"] == "B"


def test_empty_series() -> None:
    one = analyzed("mem", np.empty(0), np.empty(0))
    assert (one.verdict, one.trend) == ("inconclusive", None)
    assert entry(one)["generations"][0]["n"] == 0
