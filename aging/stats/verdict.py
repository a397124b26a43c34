"""The rules that decide the verdict of one series, in order. Values in, a value out.

1. A series that did not move beyond its resolution, up or down, is ``stable``; one that grew and then did not is
   ``bounded``.
2. One step is ``step``; so is an undecided growth of which a block made half, where the shape is a step.
3. A rising trend whose growth is sustained, with a current rate above zero, is ``aging``; one whose growth is slowing
   down is ``bounded`` (:mod:`aging.stats.growth.sustained`); any other rising trend is ``inconclusive``.
4. Without a rising trend, shape decides: ``step`` or ``cyclic``.
5. Without a rising trend, a series with too few independent samples, or with a slope above zero, is ``inconclusive``;
   ``bounded`` if it rose at its start and has stood since (:mod:`aging.stats.early_rise`).
6. What is left is ``stable``, but for a falling trend that is sustained as growth is: ``declining``.

``exhausted`` and ``capped`` need a limit, or the part before a standstill: :mod:`aging.findings.table_limits`.

Replicas, runs and false-discovery control come after these, in :mod:`aging.findings.verdict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aging.stats.growth.decision_time import PROBABILITY
from aging.stats.growth.shape import Shape
from aging.stats.growth.sustained import Decision, Growth
from aging.stats.note import Note

FEWEST_EFFECTIVE = 20
"""Fewest independent samples' worth of data in which "no trend" means anything."""

Verdict = Literal["aging", "bounded", "step", "cyclic", "stable", "inconclusive", "declining", "exhausted", "capped"]
Direction = Literal["increasing", "decreasing", "none"]

STEP_SHARE = 0.5
"""Of the largest block in an undecided growth that is a step."""

_LONG_ENOUGH_TO_FILL = 600.0
_UNITS = ((86_400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))

_BELOW_RESOLUTION = Note("below_resolution", "It rose by less than its resolution: no growth that matters was seen.")
_NO_NET_GROWTH = Note(
    "no_net_growth", "The trend rises, but there is no net growth since the start of load. Measure longer."
)
_NOT_SIGNIFICANT = Note("not_significant", "The slope estimate is positive, but the trend test is not significant.")
_STANDS = Note("stands", "It rose at its start; its last half shows no trend.")
_FALLS = Note("falls", "It falls, but the data do not show that the fall goes on.")
_RATE_NOT_ABOVE_ZERO = Note("rate_not_above_zero", "The interval of the current rate reaches below zero.")


@dataclass(frozen=True, slots=True)
class Basis:
    """What the verdict of a series follows from.

    ``low`` is the lower bound of the slope, ``seconds`` the length of the series. ``fall`` is the growth of the
    negative of a series whose trend falls. ``stands``: it rose at its start, and has stood since.
    """

    direction: Direction
    shape: Shape
    growth: Growth
    low: float
    n_effective: float
    seconds: float
    fall: Growth | None = None
    stands: bool = False


_BY_GROWTH: Mapping[Decision, Verdict] = {"flat": "stable", "settled": "bounded", "step": "step"}
_BY_SHAPE: Mapping[Shape, Verdict] = {"step": "step", "cyclic": "cyclic"}


def decide(basis: Basis) -> tuple[Verdict, tuple[Note, ...]]:
    """Return the verdict of a series, with notes on why it is not another."""
    fell = basis.direction == "decreasing" and basis.fall is not None and basis.fall.decision != "flat"
    if basis.growth.decision in _BY_GROWTH and not (basis.growth.decision == "flat" and fell):
        moved = basis.growth.decision == "flat" and basis.low > 0
        return _BY_GROWTH[basis.growth.decision], (_BELOW_RESOLUTION,) if moved else ()
    if basis.direction == "increasing":
        return _of_growth(basis)
    if basis.stands and basis.shape != "step":
        return "bounded", (_STANDS,)
    if basis.shape in _BY_SHAPE:
        return _BY_SHAPE[basis.shape], ()
    if basis.direction == "none":
        return _without_trend(basis)
    verdict, notes = _of_fall(basis.fall)
    return verdict, notes if basis.growth.decision != "flat" else ()


def _of_fall(fall: Growth | None) -> tuple[Verdict, tuple[Note, ...]]:
    if fall is None or fall.decision in ("flat", "none"):
        return "stable", ()
    goes_on = fall.sustained and fall.current is not None and fall.current.low > 0
    return ("declining", ()) if goes_on else ("stable", (_FALLS,))


def _without_trend(basis: Basis) -> tuple[Verdict, tuple[Note, ...]]:
    if basis.n_effective < FEWEST_EFFECTIVE:
        factor = FEWEST_EFFECTIVE / basis.n_effective
        worth = f"The series is worth {basis.n_effective:.1f} independent samples; {FEWEST_EFFECTIVE} are needed."
        return "inconclusive", (Note("few_effective", f"{worth} {_measure(basis.seconds * (factor - 1))}."),)
    return ("inconclusive", (_NOT_SIGNIFICANT,)) if basis.low > 0 else ("stable", ())


def _of_growth(basis: Basis) -> tuple[Verdict, tuple[Note, ...]]:
    growth = basis.growth
    reasons = () if growth.reason is None else (growth.reason,)
    if growth.sustained:
        if growth.current is None or growth.current.low <= 0:
            return "inconclusive", (_RATE_NOT_ABOVE_ZERO,)
        return "aging", (*reasons, *_while_filling(basis.seconds))
    if growth.decision == "decelerating":
        return "bounded", reasons
    if basis.shape == "step" and growth.largest >= STEP_SHARE and (growth.steps is None or growth.steps.steps <= 2):
        return "step", ()
    if growth.decision == "none":
        return "inconclusive", (_NO_NET_GROWTH,)
    return "inconclusive", (*reasons, *_waiting(growth, basis.seconds))


def _waiting(growth: Growth, seconds: float) -> tuple[Note, ...]:
    if growth.at_least is not None:
        return (Note("measure_longer", f"{_measure(seconds * (growth.at_least - 1))} at least."),)
    if growth.longer is None:
        return ()
    longer = (
        f"{_measure(seconds * (growth.longer - 1))}: a verdict then has a probability of {100 * PROBABILITY:.0f} %."
    )
    return (Note("measure_longer", longer),)


def _while_filling(seconds: float) -> tuple[Note, ...]:
    if seconds >= _LONG_ENOUGH_TO_FILL:
        return ()
    message = f"The growth was seen for {_duration(seconds)}: a cache that is still filling looks the same."
    return (Note("may_still_fill", message),)


def _measure(seconds: float) -> str:
    return f"Measure {_duration(seconds)} longer"


def _duration(seconds: float) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size or size == 1)
    return f"{max(seconds / size, 1):.2g} {unit}"
