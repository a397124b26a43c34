"""Whether growth is sustained, or a high-water mark, a warm-up, a cache that fills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit

from aging.stats.growth.curve_score import curve_score
from aging.stats.growth.exponent import Exponent, exponent_of
from aging.stats.growth.operational_time import Recording, Score, operational_time, recording, score
from aging.stats.growth.sawtooth import floor_window, is_sawtooth, trailing_minimum
from aging.stats.noise.har_variance import COSINES
from aging.stats.note import Note
from aging.stats.series.block_medians import block_medians
from aging.stats.series.validation import Floats

FEWEST_RISES = 10
"""Fewest clearly rising steps of sustained growth: three jumps are no growth."""

_FINEST, _FINEST_CURVE = 8_000, 1_000
_FROM, _LATE_FROM = 0.05, 0.20
_REFUTED = 0.9
_LEAST_POWER, _LEAST_LATE_POWER = 0.0, 0.5
_FEW_SAMPLES = Note("few_samples", "Too few samples since the start of load.")

Decision = Literal["none", "sustained", "sustained after warm-up", "decelerating", "undecided"]

SUSTAINED: tuple[Decision, ...] = ("sustained", "sustained after warm-up")


@dataclass(frozen=True, slots=True)
class Growth:
    """Whether growth is sustained, the power of growth where it could be had, and why a case is undecided (``reason``).

    ``largest_share`` is how much of the net growth the largest of 40 steps made.
    """

    decision: Decision
    exponent: Exponent | None
    reason: Note | None = None
    largest_share: float = 0.0

    @property
    def sustained(self) -> bool:
        return self.decision in SUSTAINED


def assess_growth(t: Floats, y: Floats) -> Growth:
    """Decide whether ``y`` keeps growing at ``t`` seconds since the start of load, both shape (n,).

    Decelerating: a constant rate is refuted (power 0.9 at 97.5 %); growth may
    still go on. Sustained: growth faster than logarithmic, in at
    least 10 clearly rising steps. What decelerates from 5 % of the window on but
    not from 20 % on is sustained after a warm-up.
    """
    found = _assess(t, y)
    if found.samples is None:
        return Growth(found.decision, None, found.reason)
    exponent, reason = exponent_of(found.samples), found.reason
    if found.decision == "undecided" and reason is None:
        reason = _open_question(exponent)
    return Growth(found.decision, exponent, reason, found.largest_share)


def growth_decision(t: Floats, y: Floats) -> Decision:
    """The decision of :func:`assess_growth` alone, without the exponent: a seventh to an eleventh of its time."""
    return _assess(t, y).decision


@dataclass(frozen=True, slots=True)
class _Assessment:
    """``samples`` are those that the exponent of growth is estimated from, None where there is none to estimate."""

    decision: Decision
    reason: Note | None = None
    samples: Recording | None = None
    largest_share: float = 0.0


def _assess(t: Floats, y: Floats) -> _Assessment:
    earliest = 0.0
    if is_sawtooth(y):
        window = floor_window(y)
        if window is None:
            return _Assessment(
                "undecided", Note("few_collections", "The sawtooth has too few collections to see the floor under it.")
            )
        y = trailing_minimum(y, window)
        earliest = float(t[window - 1])
    t, y = block_medians(t, y, _FINEST)
    start = max(_FROM * t[-1], t[0], earliest)
    if not start > 0:
        return _Assessment("undecided", Note("no_time", "No time has passed since the start of load."))
    samples = recording(t, y, float(start))
    constant = score(samples, 1.0)
    if constant is None:
        return _Assessment("undecided", _FEW_SAMPLES)
    if constant.growth <= 0:
        return _Assessment("none")
    share = constant.largest / constant.growth
    decision, reason = _decide(samples, _LEAST_POWER)
    late = max(_LATE_FROM * float(t[-1]), float(start))
    if decision == "decelerating" and late > start:
        decision_late, _ = _decide(recording(t, y, late), _LEAST_LATE_POWER)
        if decision_late == "sustained":
            return _Assessment("sustained after warm-up", None, samples, share)
    return _Assessment(decision, reason, samples, share)


def _open_question(exponent: Exponent | None) -> Note:
    """How long it takes until the exponent's interval, narrowing as the root of time, cannot hold both 0 and 0.9."""
    message = "Not enough data to tell a steady leak from growth that is slowing down."
    if exponent is not None:
        factor = ((exponent.high - exponent.low) / _REFUTED) ** 2
        message += f" {_measure(max(factor, 1.5))}"
    return Note("growth_open", message)


def _measure(factor: float) -> str:
    return f"Measure about {factor:.1f} times longer."


def _decide(samples: Recording, least_power: float) -> tuple[Decision, Note | None]:
    constant, nearly, bar = (score(samples, power) for power in (1.0, _REFUTED, least_power))
    if constant is None or nearly is None or bar is None:
        return "undecided", _FEW_SAMPLES
    if constant.growth <= 0:
        return "none", None
    if nearly.z < -_quantile(nearly, 0.975):
        return "decelerating", None
    if constant.rises < FEWEST_RISES:
        longer = FEWEST_RISES / max(constant.rises, 1)
        message = (
            f"Only {constant.rises} of {constant.df + 1} steps rise; {FEWEST_RISES} are needed. {_measure(longer)}"
        )
        return "undecided", Note("few_rises", message)
    if bar.z > _quantile(bar, 0.95) or _outgrows(samples, least_power):
        return "sustained", None
    return "undecided", None


def _outgrows(samples: Recording, power: float) -> bool:
    """Whether a line is needed beside the curve of that power: the better witness where noise hides the growth."""
    t, y = block_medians(samples.t, samples.y, _FINEST_CURVE)
    return curve_score(y, t, operational_time(t / t[-1], power)) > float(stdtrit(COSINES, 0.975))


def _quantile(s: Score, p: float) -> float:
    return float(stdtrit(s.df, p))
