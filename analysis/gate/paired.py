"""Paired A/B against two separate runs: the smallest difference that each sees, on noise that both versions share.

A server and its baseline have noise of the host in common (``shared``: its share of the variance) and noise of their
own, in all 32 pages, an autoregression with 0.9. Each is measured for 300 s at 100 requests a second. Paired: the gate
judges the difference of both series. Separate: the baseline has been measured before, with other noise of the same
kind, and its rate is subtracted with its own error (:mod:`aging.check.stored_difference`). ``spread`` is the standard
deviation of the estimated difference, ``margin`` the median distance of its lower bound at 1 %, in bytes per request.
A difference is ``seen``, told from none in nine runs of ten, where it is as large as the margin and 1.28 spreads.

    python -m analysis.gate.paired --quick
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from aging.check.stored_difference import against
from aging.check.stored_rate import StoredRate
from aging.stats.rate_test import Design, RateDecision, decide
from analysis.methods.signals import ar1
from analysis.methods.study import conduct, generator, on_all_cores

Floats = NDArray[np.float64]

SECONDS, PER_SECOND = 300, 100.0
_PAGE = 4096.0
_NOISE_PAGES, _PHI = 32.0, 0.9
_TRUE = 64.0
"""The difference, in bytes per request; the rate of both beside it is 32."""

_ALPHA, _BETA = 0.01, 0.05
_DESIGN = Design(8.0, _ALPHA, _BETA, (float(SECONDS),))
_NINE_OF_TEN = 1.2816


@dataclass(frozen=True, slots=True)
class _Cell:
    shared: float
    runs: int


def measure(full: bool) -> pd.DataFrame:
    cells = [_Cell(shared, 40 if full else 3) for shared in (0.0, 0.5, 0.75, 0.9, 0.97)]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: _Cell) -> dict[str, float]:
    found: dict[str, float] = {"shared": cell.shared, "runs": cell.runs}
    for way, decided in (("paired", _paired), ("separate", _separate)):
        rng = generator("paired", way, cell.shared)
        runs = [decided(rng, cell.shared) for _ in range(cell.runs)]
        bounds = [(one.rate, one.low) for one in runs if one.rate is not None and one.low is not None]
        spread = float(np.std([rate for rate, _ in bounds], ddof=1))
        margin = float(np.median([rate - low for rate, low in bounds]))
        found |= {f"{way}_spread": spread, f"{way}_margin": margin, f"{way}_seen": margin + _NINE_OF_TEN * spread}
    return found | {"ratio": found["paired_seen"] / found["separate_seen"]}


def _paired(rng: Generator, shared: float) -> RateDecision:
    common = _noise(rng)
    ours, theirs = (_level(rate, common, shared, rng) for rate in (32.0 + _TRUE, 32.0))
    return decide(_T, ours - theirs, _W, _DESIGN, 1)


def _separate(rng: Generator, shared: float) -> RateDecision:
    ours, theirs = (_level(rate, _noise(rng), shared, rng) for rate in (32.0 + _TRUE, 32.0))
    before = decide(_T, theirs, _W, _DESIGN, 1)
    if before.rate is None or before.low is None or before.high is None:
        return before
    stored = StoredRate("a", "memory", "per_request", before.rate, before.low, before.high, _ALPHA, _BETA)
    return against(lambda design: decide(_T, ours, _W, design, 1), stored, _DESIGN, 1)


_T = np.arange(0.5, SECONDS)
_W = np.round(_T * PER_SECOND)


def _noise(rng: Generator) -> Floats:
    return _NOISE_PAGES * ar1(rng, SECONDS, _PHI)


def _level(rate: float, common: Floats, shared: float, rng: Generator) -> Floats:
    """Memory in whole pages: a base, growth at this rate, and noise of which a share of the variance is ``common``."""
    noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * _noise(rng)
    pages: Floats = 20_000 + np.floor(rate * _W / _PAGE) + np.round(noise)
    return pages * _PAGE


if __name__ == "__main__":
    conduct("gate_paired", __doc__, measure)
