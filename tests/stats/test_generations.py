"""Restarts inside a series, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats.series.generations import (
    counter_resets,
    found_restarts,
    jumps_at,
    possible_restarts,
    shown_restarts,
)

HOUR, MINUTE = 3600.0, 60.0
T = np.arange(0.0, 240 * HOUR, 5 * MINUTE)
RNG = np.random.default_rng(16)
NOISE = RNG.normal(0, 0.05, T.size)


def lives(t: np.ndarray, life: float, first: float = 0.0) -> np.ndarray:
    return (t + first) % life / life


class TestFound:
    def test_killed_every_38_hours(self) -> None:
        found = found_restarts(T, 6 + 10 * lives(T, 38 * HOUR, 10 * HOUR) + NOISE)
        assert [round(one.at / HOUR) for one in found] == [28, 66, 104, 142, 180, 218]
        assert {one.reason for one in found} == {"fall"}
        assert all(15.8 < one.before < 16.1 and 5.9 < one.after < 6.2 for one in found)

    def test_bounded_server_deployed_daily(self) -> None:
        y = 2 + 8 * (1 - np.exp(-lives(T, 24 * HOUR) * 24)) + NOISE
        assert len(found_restarts(T, y)) == 9

    def test_collector_of_minutes(self) -> None:
        t = np.arange(0.0, 2400.0, 5.0)
        assert found_restarts(t, 14 + 62 * lives(t, 400.0)) == ()

    def test_collector_of_hours_above_the_start(self) -> None:
        floor = np.where(T < 8 * HOUR, 1 + 9 * T / (8 * HOUR), 10.0)
        assert found_restarts(T, floor + 10 * lives(T, 8 * HOUR) + NOISE) == ()

    def test_compaction_every_two_hours(self) -> None:
        y = 6 + 10 * lives(T, 2 * HOUR) + NOISE
        assert found_restarts(T, y) == ()
        assert len(possible_restarts(T, y)) == 119

    def test_gap_is_evidence_of_a_short_life(self) -> None:
        t = np.arange(0.0, 4 * HOUR, 15.0)
        up = (t % 1200 >= 90) | (t < 1200)
        t = t[up]
        found = found_restarts(t, 2 + 8 * lives(t, 1200.0))
        assert len(found) == 11
        assert {one.reason for one in found} == {"gap"}

    def test_heap_needs_a_gap(self) -> None:
        assert found_restarts(T, 6 + 10 * lives(T, 38 * HOUR) + NOISE, np.inf) == ()

    @pytest.mark.parametrize(
        "y",
        [
            NOISE,
            np.cumsum(NOISE),
            5 * np.sin(2 * np.pi * T / (24 * HOUR)) + NOISE,
            10.0 * ((T / HOUR) % 24 > 8) * ((T / HOUR) % 24 < 18) + NOISE,
            np.where(np.arange(T.size) == 700, 0.0, 10 + T / T[-1]),
            np.full(T.size, 3.0),
        ],
        ids=["noise", "random walk", "daily swing", "jobs", "one false reading", "constant"],
    )
    def test_no_restart(self, y: np.ndarray) -> None:
        assert found_restarts(T, y) == ()


def test_shown_restarts_begin_at_their_times() -> None:
    (one,) = shown_restarts(T, T, [100 * HOUR + 1])
    assert (one.index, one.reason) == (1201, "process")


def test_counter_resets() -> None:
    counted = np.array([1.0, 5, 9, 2, 3, 0, 0, 4])
    assert [one.index for one in counter_resets(np.arange(8.0), counted)] == [3, 5]


def test_jumps_at_most_of_the_times() -> None:
    y = np.where(T < 100 * HOUR, 5.0, 1.0) + NOISE
    assert jumps_at(T, y, [100 * HOUR - 60]) == (100 * HOUR,)
    assert jumps_at(T, y, [100 * HOUR, 50 * HOUR, 200 * HOUR]) == ()
