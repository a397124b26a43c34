"""The verdict of one series: every rule by itself."""

from __future__ import annotations

import dataclasses

import pytest

from aging.stats.growth.current_rate import CurrentRate
from aging.stats.growth.shape import Shape
from aging.stats.growth.sustained import Decision, Growth
from aging.stats.note import Note
from aging.stats.verdict import Basis, Direction, Verdict, decide

RATE = CurrentRate(start=30.0, rate=2.0, low=1.0, high=3.0, share=(0.8, 1.2))
WHY = Note("growth_open", "Why.")
BASIS = Basis("increasing", "linear", Growth("undecided", RATE), low=1.0, n_effective=50.0, seconds=2400.0)


def decided(basis: Basis) -> tuple[Verdict, list[str]]:
    verdict, notes = decide(basis)
    return verdict, [note.code for note in notes]


def of(**changes: object) -> Basis:
    return dataclasses.replace(BASIS, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("decision", "verdict"), [("flat", "stable"), ("settled", "bounded"), ("step", "step")])
@pytest.mark.parametrize("direction", ["increasing", "decreasing", "none"])
def test_growth_that_ended(decision: Decision, verdict: Verdict, direction: Direction) -> None:
    noted = ["below_resolution"] if decision == "flat" else []
    assert decided(of(direction=direction, growth=Growth(decision, RATE))) == (verdict, noted)


def test_sustained_growth() -> None:
    assert decided(of(growth=Growth("sustained", RATE))) == ("aging", [])
    reason = Note("steps_go_on", "Why.")
    assert decided(of(growth=Growth("sustained", RATE, reason=reason))) == ("aging", ["steps_go_on"])


@pytest.mark.parametrize(("seconds", "codes"), [(599.0, ["may_still_fill"]), (600.0, [])])
def test_cache_that_may_still_fill(seconds: float, codes: list[str]) -> None:
    assert decided(of(growth=Growth("sustained", RATE), seconds=seconds)) == ("aging", codes)


@pytest.mark.parametrize("current", [None, dataclasses.replace(RATE, low=0.0), dataclasses.replace(RATE, low=-1.0)])
def test_current_rate_not_above_zero(current: CurrentRate | None) -> None:
    assert decided(of(growth=Growth("sustained", current))) == ("inconclusive", ["rate_not_above_zero"])


def test_growth_that_slows_down() -> None:
    assert decided(of(growth=Growth("decelerating", RATE))) == ("bounded", [])


def test_no_net_growth() -> None:
    assert decided(of(growth=Growth("none", RATE))) == ("inconclusive", ["no_net_growth"])


def test_undecided_growth() -> None:
    assert decided(of(growth=Growth("undecided", RATE, reason=WHY))) == ("inconclusive", ["growth_open"])
    verdict, notes = decide(of(growth=Growth("undecided", RATE, reason=WHY, longer=2.5)))
    assert (verdict, [note.code for note in notes]) == ("inconclusive", ["growth_open", "measure_longer"])
    assert "1 h" in notes[1]  # 1.5 times 40 minutes
    assert "80 %" in notes[1]
    _, notes = decide(of(growth=Growth("undecided", RATE, reason=WHY, at_least=2.5)))
    assert [note.code for note in notes] == ["growth_open", "measure_longer"]
    assert "1 h" in notes[1]
    assert "%" not in notes[1]


@pytest.mark.parametrize(("shape", "verdict"), [("step", "step"), ("cyclic", "cyclic"), ("linear", "stable")])
def test_shape_without_a_rising_trend(shape: Shape, verdict: Verdict) -> None:
    assert decided(of(direction="none", shape=shape, low=-1.0)) == (verdict, [])
    assert decided(of(direction="decreasing", shape=shape, low=-1.0)) == (verdict, [])


@pytest.mark.parametrize("decision", ["sustained", "decelerating", "undecided"])
def test_no_growth_without_a_rising_trend(decision: Decision) -> None:
    assert decided(of(direction="none", growth=Growth(decision, RATE), low=-1.0)) == ("stable", [])


def test_without_a_trend() -> None:
    assert decided(of(direction="none", low=1e-9)) == ("inconclusive", ["not_significant"])
    assert decided(of(direction="none", low=0.0)) == ("stable", [])
    assert decided(of(direction="none", low=0.0, n_effective=20.0)) == ("stable", [])
    verdict, notes = decide(of(direction="none", low=0.0, n_effective=8.0))
    assert (verdict, [note.code for note in notes]) == ("inconclusive", ["few_effective"])
    assert "1 h" in notes[0]  # 20 of 8 need 1.5 times 40 minutes more


def test_fall_beyond_the_resolution_is_no_flat_series() -> None:
    flat = of(direction="decreasing", shape="step", growth=Growth("flat"), fall=Growth("flat"), low=-1.0)
    assert decide(flat) == ("stable", ())
    assert decide(dataclasses.replace(flat, fall=Growth("step"))) == ("step", ())
    fall = Growth("sustained", RATE)
    assert decide(dataclasses.replace(flat, shape="linear", fall=fall)) == ("declining", ())
