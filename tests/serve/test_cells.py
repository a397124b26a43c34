"""Cells of time: bounded, and no spike is lost, however often they were widened."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.report.charts.cells import CELLS
from aging.serve.cells import Cells, Counts, Envelope, Quantiles

LENGTHS = st.integers(1, 5000)
SEEDS = st.integers(0, 2**32 - 1)


def series(length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = 100.0 + np.cumsum(rng.exponential(1.0, length))
    return t, rng.lognormal(0, 2, length)


def by_hand(t: np.ndarray, y: np.ndarray, cells: Cells) -> dict[int, np.ndarray]:
    place = ((t - cells.start) // cells.width).astype(int)
    return {int(cell): y[place == cell] for cell in np.unique(place)}


class TestEnvelope:
    @given(LENGTHS, SEEDS)
    def test_least_greatest_and_mean_of_each_cell(self, length: int, seed: int) -> None:
        t, y = series(length, seed)
        found = Envelope(100.0)
        found.add_many(t, y)
        assert found.used <= CELLS
        for cell, values in by_hand(t, y, found).items():
            assert found.low[cell] == values.min()
            assert found.high[cell] == values.max()
            assert found.count[cell] == values.size
            assert found.total[cell] == pytest.approx(values.sum())

    @given(LENGTHS, SEEDS, st.integers(1, 50))
    def test_one_by_one_in_parts_and_through_json_alike(self, length: int, seed: int, part: int) -> None:
        t, y = series(min(length, 1500), seed)
        whole, parts = Envelope(100.0), Envelope(100.0)
        whole.add_many(t, y)
        for place in range(0, t.size, part):
            parts.add_many(t[place : place + part], y[place : place + part])
            parts = Envelope.unpacked(json.loads(json.dumps(parts.packed())))
        for name in ("low", "high", "total", "count"):
            np.testing.assert_allclose(getattr(parts, name), getattr(whole, name))
        assert (parts.width, parts.used) == (whole.width, whole.used)

    def test_one_spike_in_two_weeks(self) -> None:
        found = Envelope(0.0)
        t = np.arange(0.0, 14 * 86400.0)
        y = np.ones(t.size)
        y[600_000] = 1e9
        found.add_many(t, y)
        times, _, high, _ = found.curves()
        assert np.nanmax(high) == 1e9
        assert abs(times[np.nanargmax(high)] - 600_000) <= found.width

    def test_what_was_before_the_start(self) -> None:
        found = Envelope(10.0)
        found.add(9.0, 5.0)
        found.add_many(np.arange(0.0, 20.0), np.arange(0.0, 20.0))
        assert found.count.sum() == 10

    def test_a_pause_breaks_the_line(self) -> None:
        found = Envelope(0.0)
        t = np.concatenate([np.arange(0.0, 100.0), np.arange(300.0, 400.0)])
        found.add_many(t, np.ones(t.size))
        times, *_, mean = found.curves()
        assert np.isnan(mean).sum() == 1
        assert 100 < times[np.isnan(mean)][0] < 300
        assert np.all(np.diff(times) > 0)


class TestQuantiles:
    @given(LENGTHS, SEEDS)
    def test_within_steps_of_five_percent(self, length: int, seed: int) -> None:
        t, y = series(length, seed)
        y = np.clip(y / 100, 2e-4, 900)
        found = Quantiles(100.0)
        found.add_many(t, y)
        times, median, p95 = found.curves(0.5, 0.95)
        cells = by_hand(t, y, found)
        known = np.isfinite(median)
        assert known.sum() == len(cells)
        for place, values in zip(np.flatnonzero(known), cells.values(), strict=True):
            for share, curve in ((0.5, median), (0.95, p95)):
                exact = np.sort(values)[int(np.ceil(share * values.size)) - 1]
                assert curve[place] == pytest.approx(exact, rel=0.0251)
        assert np.all(np.diff(times) > 0)

    def test_values_out_of_range(self) -> None:
        found = Quantiles(0.0)
        found.add_many(np.zeros(4), np.array([-1.0, 0.0, np.nan, 1e9]))
        assert found.counts.sum() == 4


class TestCounts:
    @given(LENGTHS, SEEDS)
    def test_none_is_lost(self, length: int, seed: int) -> None:
        t, _ = series(length, seed)
        found = Counts(100.0)
        found.add_many(t[::2], "ok")
        for one in t[1::2]:
            found.add(one, "error")
        found.add(t[-1], "unknown")
        assert found.counts.sum(axis=0).tolist() == [t[::2].size, t[1::2].size, 0, 0, 0]
        _, rates = found.rates()
        assert rates["ok"].size == max(found.used - 1, 0)
