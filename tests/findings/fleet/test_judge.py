"""Judging a fleet: thinning, the brief analysis, false-discovery control, and what ages since its last restart."""

from __future__ import annotations

import numpy as np
import pytest

from aging.findings.asked import AskedOfSeries
from aging.findings.fleet.catalogue import Entry
from aging.findings.fleet.fetch import Fleet
from aging.findings.fleet.judge import Judging, judge, thinned
from aging.findings.fleet.subjects import Line
from aging.findings.fleet.types import Scan
from aging.findings.table_analysis import analyze_series
from aging.tables.prometheus import Window
from aging.tables.series import TableSeries
from analysis.methods.fleet_signals import HEALTHY, LEAKS, WINDOW, Signal

ENTRY = Entry("process_open_fds", "descriptors")
SHORT = Window(0.0, 86_400.0 * 2, 300.0)


def judged(*signals: Signal, window: Window = WINDOW, level: float = 0.05) -> Scan:
    lines = tuple(
        Line(one.entry, {"instance": str(place)}, {"instance": str(place)}, one.values, one.restarts)
        for place, one in enumerate(signals)
    )
    limits = tuple(None if one.limit is None else ("limit", one.limit) for one in signals)
    return judge(Fleet(lines, limits, ()), window, "", Judging(level, processes=1))


class TestThinned:
    def test_no_block_goes_over_a_restart(self) -> None:
        t = np.arange(3000.0)
        y = np.where(t < 1501, 5.0, 9.0)
        thin, values = thinned(t, y, [1501.0])
        assert thin.size <= 672
        assert set(values.tolist()) == {5.0, 9.0}
        assert (values[thin >= 1501] == 9).all()

    def test_few_samples_are_kept(self) -> None:
        t = np.arange(100.0)
        assert thinned(t, t, [])[0] is t


@pytest.mark.parametrize("kind", list(LEAKS))
def test_what_ages_in_full_ages_briefly(kind: str) -> None:
    signal = LEAKS[kind](np.random.default_rng(3))
    restarts = [at - WINDOW.start for at in signal.restarts]
    t, y = thinned(WINDOW.times - WINDOW.start, signal.values, restarts, 300)
    series = TableSeries("x", t, y, origin_assumed=False, restarts=tuple(restarts) or None)
    full, brief = (analyze_series(series, {}, None, None, AskedOfSeries("up", brief=one)) for one in (False, True))
    assert full.verdict != "aging" or brief.verdict == "aging"


def test_leak_is_found_at_its_rate() -> None:
    signal = LEAKS["leak with restarts"](np.random.default_rng(3))
    (found,) = judged(signal).findings
    assert found.ages
    assert found.rate == pytest.approx(signal.rate, rel=0.05)
    assert len(found.restarts) == len(signal.restarts)


@pytest.mark.parametrize("kind", list(HEALTHY))
def test_healthy_shapes_do_not_age(kind: str) -> None:
    assert not judged(HEALTHY[kind](np.random.default_rng(4))).aging


def test_since_the_last_restart() -> None:
    (found,) = judged(LEAKS["leak since the last deploy"](np.random.default_rng(2))).findings
    assert found.verdict == "aging"
    assert "since_restart" in {note.code for note in found.notes}


@pytest.mark.thorough
def test_rise_that_fails_the_control_is_undecided() -> None:
    """One weak rise among many series: by itself it ages, among them it does not."""
    rng = np.random.default_rng(5)
    share = np.arange(SHORT.points) / SHORT.points
    weak = Signal(ENTRY, 100 + 12 * share + rng.normal(0, 14, SHORT.points).round())
    noise = [Signal(ENTRY, 100 + rng.normal(0, 14, SHORT.points).round()) for _ in range(40)]
    alone = judged(weak, window=SHORT).findings[0]
    among = next(one for one in judged(weak, *noise, window=SHORT).findings if one.labels["instance"] == "0")
    assert alone.p is not None
    assert among.q is not None
    assert among.q > alone.p
    assert among.p == pytest.approx(alone.p)


def test_soonest_exhausted_first() -> None:
    share = np.arange(SHORT.points) / SHORT.points
    rng = np.random.default_rng(6)
    late, soon = (
        Signal(ENTRY, (100 + grown * share + rng.normal(0, 2, SHORT.points)).round(), limit=1024.0)
        for grown in (100.0, 600.0)
    )
    scan = judged(late, soon, window=SHORT)
    assert [one.labels["instance"] for one in scan.aging] == ["1", "0"]
    outlook, hours = scan.aging[0].outlook, (1024 - 700) / 600 * 48
    assert outlook is not None
    assert outlook.limit_name == "limit"
    assert (outlook.earliest_hours or 0.0) < hours < (outlook.latest_hours or 0.0)
    assert outlook.earliest_hours == pytest.approx(hours, rel=0.2)


def test_leak_under_the_cycles_of_load() -> None:
    """Its cycle hides that the growth is sustained, though the interval of the slope is no narrower without it."""
    signal = LEAKS["leak with cycles"](np.random.default_rng(1000))
    (found,) = judged(signal).findings
    assert found.verdict == "aging"
    assert found.rate == pytest.approx(signal.rate, rel=0.15)
    assert "cycle" in {note.code for note in found.notes}
