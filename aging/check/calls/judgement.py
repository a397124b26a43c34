"""The judgement of samples by number of calls: both kinds of memory, one decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aging.check.calls.caller import SAMPLES
from aging.check.calls.messages import Sample
from aging.stats.rate_test import Design, RateDecision, decide, planned_looks
from aging.stats.series.validation import Floats

_FIRST_LOOK = 0.12
"""The share of the calls before the first look: 24 samples."""

_RATIO = 1.3
"""Of the calls at two looks: a look costs as much as thousands of calls."""

_IN_USE_RESOLUTION = 4096.0
"""Bytes: a table that grows by doubling, or an interned name, is no leak."""

_PAGES_RESOLUTION = 64 * 4096.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What is asked: at most ``per_call`` bytes a call, at most ``calls`` calls in about ``seconds``, both errors."""

    per_call: float
    seconds: float
    calls: int
    alpha: float
    beta: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of a look. ``in_use`` is None where the allocators cannot be asked; the rates are bytes a call.

    ``python`` and ``heap`` are the parts of the rate in use. ``leaking`` is the decision that shows the leak.
    """

    outcome: Literal["passed", "failed", "undecided"]
    in_use: RateDecision | None
    anonymous: RateDecision
    python: float | None
    heap: float | None

    @property
    def leaking(self) -> RateDecision:
        """The decision that a failure rests on, and the finer one otherwise."""
        if self.in_use is None or (self.anonymous.outcome == "above" and self.in_use.outcome != "above"):
            return self.anonymous
        return self.in_use


def design_of(limit: Limit, calls: int) -> Design:
    """The design whose time is the number of calls: a busy host makes it slower, and changes nothing else."""
    looks = planned_looks(float(calls), first=max(_FIRST_LOOK * calls, 1.0), ratio=_RATIO)
    return Design(limit.per_call, limit.alpha, limit.beta, looks)


def judge(samples: Sequence[Sample], design: Design, look: int) -> Judged:
    """Judge the samples up to this look, counted from 1.

    Failed where memory in use, or anonymous memory, grows by more than the limit. Passed where the growth of memory in
    use is below it, and that of anonymous memory, too, as far as so many calls can show it: memory that neither malloc
    nor Python gave is in pages.
    """
    calls = np.array([one.calls for one in samples], dtype=np.float64)
    anonymous = _decided(calls, [one.anonymous for one in samples], design, look, _PAGES_RESOLUTION)
    python, heap = ([getattr(one, name) for one in samples] for name in ("python", "heap"))
    if any(one is None for one in (*python, *heap)):
        outcomes = {"above": "failed", "below": "passed"}
        return Judged(outcomes.get(anonymous.outcome, "undecided"), None, anonymous, None, None)  # type: ignore[arg-type]
    total = [a + b for a, b in zip(python, heap, strict=True)]
    in_use = _decided(calls, total, design, look, _IN_USE_RESOLUTION)
    parts = (_rate(calls, python, in_use.start), _rate(calls, heap, in_use.start))
    return Judged(_outcome(in_use, anonymous, design, look), in_use, anonymous, *parts)


def _outcome(
    in_use: RateDecision, anonymous: RateDecision, design: Design, look: int
) -> Literal["passed", "failed", "undecided"]:
    if "above" in (in_use.outcome, anonymous.outcome):
        return "failed"
    if in_use.outcome != "below" or anonymous.low is None or anonymous.low > design.limit:
        return "undecided"
    shows = 2 * _PAGES_RESOLUTION / design.budget < design.limit / 2
    waits = shows and anonymous.outcome != "below" and look < len(design.looks)
    return "undecided" if waits else "passed"


def _decided(calls: Floats, values: Sequence[int], design: Design, look: int, resolution: float) -> RateDecision:
    y = np.array(values, dtype=np.float64)
    return decide(calls, y, calls, design, look, resolution=resolution)


def _rate(calls: Floats, values: Sequence[int], start: float | None) -> float | None:
    """The mean rate since ``start``."""
    kept = calls >= (start or 0.0)
    x, y = calls[kept], np.array(values, dtype=np.float64)[kept]
    return None if x.size < 2 else float((y[-1] - y[0]) / (x[-1] - x[0]))


FEWEST_CALLS = SAMPLES // 8
"""With fewer calls no rate is taken."""
