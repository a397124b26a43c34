"""Whether growth goes on, has ended, or is slowing down: by its size, not by refuting an exactly constant rate.

The rules, in order; the first that holds decides:

1. Flat: neither the second half, the last three fifths, nor a half of the last two fifths grew beyond the resolution,
   where that is known or the last two fifths are constant. The series is a step if one rise made its growth, flat if
   the part before did not grow by more than twice the resolution either, settled otherwise.
   A sawtooth with too few teeth to see its floor is flat if the medians of its quarters agree, otherwise undecided.
   No growth: the last level is not above the first.
2. A staircase: at least five rising steps whose sizes follow the load are sustained growth; steps that get rarer or
   smaller are not; fewer are undecided, and one is a step.
3. Sustained: in one of the windows that begin at 5, 20 and 40 % of the series, powers of growth up to 1/2 are refuted,
   or a line is needed beneath every warm-up curve that fits, and makes half of the late growth; the second half grew
   at more than 0.7 of the rate of the first, and with 90 % confidence at more than a quarter of it; at least 10 of 40
   blocks rise, none by half of all; the growth is at least four times the resolution, in the second half one and a half
   times; no window that begins later refutes powers from 1/2 on; and the end, 1/15 to 1/6 of the window, did
   not grow at less than a quarter of the mean rate and less than any other part of that length.
4. Bounded: powers from 1/2 on are refuted, no growth is shown now, neither by its rate nor by the slope of the last
   three fifths if that goes on, and what might be hidden is less than 0.35 of the early rate.
5. Undecided otherwise.

Rules 1, 3 and 4 exclude one another by the ratio of the halves and by the growth of the second half, none of which
hangs on where the axis begins: an earlier start of load turns no answer into its opposite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from aging.stats.growth.current_rate import CurrentRate, current_rate, rate_shown
from aging.stats.growth.decision_time import longer
from aging.stats.growth.evidence import Evidence, evidence, quantile
from aging.stats.growth.exponent import Exponent, growth_exponent
from aging.stats.growth.sawtooth import floor_window, is_sawtooth, trailing_minimum
from aging.stats.growth.staircase import FEWEST_STEPS, Staircase, staircase
from aging.stats.note import Note
from aging.stats.series.block_medians import block_medians
from aging.stats.series.prepared import Observed
from aging.stats.series.validation import Floats
from aging.stats.slope.interval import interval

FEWEST_RISES = 10
"""Fewest clearly rising blocks, of 40, of sustained growth without steps."""

LEAST_GROWTH = 4.0
"""Least growth that is called sustained, in resolutions: what warm processes take in minutes is less."""

_LEAST_LATE_GROWTH = 1.5
_SUSTAINED_SHARE = 0.7
_FINEST = 2_000
_LATEST_START = 2
_SIGN = 1.0
_LASTING = 0.5
_PARTS = 4
_TWICE = 2.0
_RULES = 1.0  # what the other rules of a decision ask for, in units of the score
_LEAST_SHARE, _SHARE_CONFIDENCE = 0.25, 0.8
_ENDED_SHARE = 0.35
_CONFIDENCE, _FINEST_SLOPE = 0.95, 1_000

Decision = Literal["none", "flat", "settled", "step", "sustained", "decelerating", "undecided"]

_FEW_SAMPLES = Note("few_samples", "Too few samples since the start of load.")
_FEW_COLLECTIONS = Note("few_collections", "The sawtooth has too few collections to see the floor under it.")
_OPEN = Note("growth_open", "Not enough data to tell a steady leak from growth that is slowing down.")
_AFTER_WARMUP = Note("after_warmup", "The growth is sustained after a warm-up.")
_SMALL_GROWTH = Note("small_growth", "The growth so far is too small to tell a leak from a warm-up.")


@dataclass(frozen=True, slots=True)
class Growth:
    """What is known of a series' growth; rates are per unit of its axis.

    ``reason`` says why a case is undecided or what made it sustained; ``longer`` how many times as long a series
    decides with a probability of 80 %, ``at_least`` how many times as long it must be at any rate; None where that is
    not known. ``exponent`` is the power of growth, ``largest`` the share of the largest of 40 blocks in it.
    """

    decision: Decision
    current: CurrentRate | None = None
    exponent: Exponent | None = None
    steps: Staircase | None = None
    reason: Note | None = None
    longer: float | None = None
    at_least: float | None = None
    largest: float = 0.0

    @property
    def sustained(self) -> bool:
        return self.decision == "sustained"


def assess_growth(x: Floats, y: Floats, resolution: float = 0.0, *, brief: bool = False, rate: bool = True) -> Growth:
    """Decide whether ``y`` keeps growing at ``x`` >= 0 since the start of load, both shape (n,), by the rules above.

    ``resolution`` is the smallest change that matters, in the unit of ``y``. ``brief`` leaves out what no rule needs:
    the power of growth, and the current rate of growth that is not sustained. It takes a third of the time. Without
    ``rate`` there is no current rate at all.
    """
    sawtooth = is_sawtooth(y)
    if sawtooth:
        window = floor_window(y)
        if window is None:
            levels = [float(np.median(part)) for part in np.array_split(y, _PARTS)]
            flat = max(levels) - min(levels) <= resolution
            return Growth("flat") if flat else Growth("undecided", reason=_FEW_COLLECTIONS)
        x, y = x[window - 1 :], trailing_minimum(y, window)[window - 1 :]
    x, y = block_medians(x, y, _FINEST)
    windows = evidence(x, y, floor=sawtooth) if x[-1] > 0 and np.ptp(y) > 0 else []
    if not windows:
        return Growth("undecided", reason=_FEW_SAMPLES)
    steps = staircase(windows[0].x, windows[0].y, resolution)
    decided = _decide(_Seen(windows, steps, resolution))
    current = current_rate(windows, steps) if rate and (not brief or decided.decision == "sustained") else None
    exponent = growth_exponent(x, y, windows[0].start) if not brief and windows[0].growth > 0 else None
    whole = windows[0].constant
    largest = whole.largest / whole.growth if whole.growth > 0 else 0.0
    return Growth(decided.decision, current, exponent, steps, decided.reason, decided.longer, decided.at_least, largest)


class _Decided(NamedTuple):
    decision: Decision
    reason: Note | None = None
    longer: float | None = None
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the rules decide on; ``windows`` begin ever later."""

    windows: Sequence[Evidence]
    steps: Staircase | None
    resolution: float

    @property
    def whole(self) -> Evidence:
        return self.windows[0]

    @property
    def last(self) -> Evidence:
        """The last three fifths."""
        return self.windows[min(_LATEST_START, len(self.windows) - 1)]

    @property
    def latest(self) -> Evidence:
        """The last two fifths."""
        return self.windows[-1]


def _decide(seen: _Seen) -> _Decided:
    """The answer of the first rule that has one."""
    for rule in (_flat, _by_steps, _sustained, _decelerating):
        decided = rule(seen)
        if decided is not None:
            return decided
    return _undecided(seen)


def _flat(seen: _Seen) -> _Decided | None:
    known = seen.resolution > 0 or np.ptp(seen.latest.y) == 0
    if known and max(seen.whole.late_growth, seen.last.growth, seen.latest.larger_growth) <= seen.resolution:
        if seen.steps is not None and seen.steps.steps == 1:
            return _Decided("step")
        return _Decided("flat" if seen.whole.growth <= 2 * seen.resolution else "settled")
    return _Decided("none") if seen.whole.growth <= 0 else None


def _by_steps(seen: _Seen) -> _Decided | None:
    steps = seen.steps
    if steps is None:
        return None
    if steps.goes_on and seen.whole.growth >= LEAST_GROWTH * seen.resolution:
        message = f"The growth comes in {steps.steps} steps, and they go on."
        return _Decided("sustained", Note("steps_go_on", message))
    one = steps.steps == 1 or steps.largest > 1 - 1 / FEWEST_STEPS
    return _Decided("step") if one else None


def _sustained(seen: _Seen) -> _Decided | None:
    large = [window for window in seen.windows[: _LATEST_START + 1] if _large(window, seen.resolution)]
    if not large or any(window.slower_than_half for window in seen.windows[1:]):
        return None
    for window in large:
        if window.faster_than_half or _lasts(window, seen.whole):
            return _Decided("sustained", None if window is seen.whole else _AFTER_WARMUP)
    return None


def _decelerating(seen: _Seen) -> _Decided | None:
    slows = seen.whole.slower_than_half and _has_ended(seen)
    return _Decided("decelerating") if slows else None


def _has_ended(seen: _Seen) -> bool:
    """Whether no growth is shown now, and what might be hidden is little of what there was."""
    now = rate_shown(seen.windows, seen.steps)
    return now.low <= 0 and now.high < _ENDED_SHARE * seen.whole.early and not _still_rises(seen)


def _still_rises(seen: _Seen) -> bool:
    """Whether the slope of the last three fifths is above zero, and goes on: noise of the level hides it from blocks.

    That of the last two fifths is then more than 0.35 of it; of what is left of a warm-up it is less.
    """
    last, latest = (
        Observed.of(*block_medians(window.x, window.y, _FINEST_SLOPE)) for window in (seen.last, seen.latest)
    )
    found = interval(last, _CONFIDENCE)
    return found.low > 0 and latest.sen_slope > _ENDED_SHARE * found.slope


def _large(window: Evidence, resolution: float) -> bool:
    return (
        window.constant.rises >= FEWEST_RISES
        and window.constant.largest < window.growth / 2
        and window.late > max(_SUSTAINED_SHARE * window.early, 0.0)
        and window.growth >= LEAST_GROWTH * resolution
        and not window.stopped
        and window.late_growth > _LEAST_LATE_GROWTH * resolution
        and (window.noisy or window.share_at(_SHARE_CONFIDENCE)[0] > _LEAST_SHARE)
    )


def _lasts(window: Evidence, whole: Evidence) -> bool:
    """Whether a line beneath the warm-up makes half of the late growth."""
    if window.slows or window.half.z <= _SIGN:
        return False
    lasting = whole.line
    return lasting is not None and lasting.least > _LASTING * window.late


def _longer(windows: Sequence[Evidence]) -> float | None:
    """Until the score of the first open window decides; of growth that seems to slow down, that of every window."""
    scores = [window.half for window in windows[: _LATEST_START + 1]]
    undecided = [one for one in scores if abs(one.z) < quantile(one)]
    if not undecided:
        return _TWICE
    factors = [longer(one.z, quantile(one) + _RULES) for one in undecided]
    if undecided[0].z > 0:
        return factors[0]
    return None if None in factors else max(factor for factor in factors if factor is not None)


def _undecided(seen: _Seen) -> _Decided:
    whole, steps, least = seen.whole, seen.steps, LEAST_GROWTH * seen.resolution
    if whole.growth < least and whole.late_growth > 0:
        at_least = 1 + (least - whole.growth) / whole.late_growth / 2
        return _Decided("undecided", _SMALL_GROWTH, at_least=at_least)
    if steps is not None and steps.steps < FEWEST_STEPS:
        message = f"{steps.steps} rising steps; {FEWEST_STEPS} are needed to tell a leak from a high-water mark."
        at_least = 1 + (FEWEST_STEPS - steps.steps) * steps.gap / whole.span
        return _Decided("undecided", Note("few_steps", f"Only {message}"), at_least=at_least)
    return _Decided("undecided", _OPEN, longer=_longer(seen.windows))
