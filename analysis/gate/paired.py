"""Paired A/B against two separate runs: the smallest difference that each sees, on noise that both versions share.

A server and its baseline have noise of the host in common (a share of its variance) and noise of their own. Each is
measured for 300 s at 100 requests a second. Paired: the gate judges the difference of both series. Separate: the
baseline has been measured before, alone, with noise of the same kind, and its rate is subtracted with its own error
(:mod:`aging.check.stored_difference`). The limit is small, so that noise decides. ``seen`` is the least difference that
is red in 90 % of the runs; ``false`` the share of runs without a difference that are red.

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
_LIMIT = 4.0
_SIZES = (0.0, 12.0, 16.0, 23.0, 32.0, 45.0, 64.0, 91.0, 128.0, 181.0, 256.0, 362.0, 512.0)
"""Bytes per request, in steps of the square root of 2."""

_SEEN = 0.9
_ALPHA, _BETA = 0.01, 0.05
_DESIGN = Design(_LIMIT, _ALPHA, _BETA, (float(SECONDS),))


@dataclass(frozen=True, slots=True)
class _Cell:
    shared: float
    runs: int


def measure(full: bool) -> pd.DataFrame:
    cells = [_Cell(shared, 60 if full else 3) for shared in (0.0, 0.5, 0.75, 0.9, 0.97)]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: _Cell) -> dict[str, float]:
    red = {way: [_share_red(way, cell, size) for size in _SIZES] for way in ("paired", "separate")}
    seen = {way: _least(shares) for way, shares in red.items()}
    return {
        "shared": cell.shared,
        "runs": cell.runs,
        "paired_seen": seen["paired"],
        "separate_seen": seen["separate"],
        "ratio": seen["paired"] / seen["separate"],
        "paired_false": red["paired"][0],
        "separate_false": red["separate"][0],
    }


def _share_red(way: str, cell: _Cell, size: float) -> float:
    rng = generator("paired", way, cell.shared, size)
    decided = _paired if way == "paired" else _separate
    return sum(decided(rng, cell.shared, size).outcome == "above" for _ in range(cell.runs)) / cell.runs


def _least(shares: list[float]) -> float:
    """The size from which on the share is never below 90 %, interpolated between two sizes by their logarithms."""
    below = max(place for place, share in enumerate(shares) if share < _SEEN)
    if below == len(shares) - 1:
        return float("inf")
    if below == 0:
        return _SIZES[1]
    low, high = np.log(_SIZES[below]), np.log(_SIZES[below + 1])
    part = (_SEEN - shares[below]) / (shares[below + 1] - shares[below])
    return float(np.exp(low + part * (high - low)))


def _paired(rng: Generator, shared: float, size: float) -> RateDecision:
    common = _noise(rng)
    ours, theirs = (_level(size * (which == "judged"), common, shared, rng) for which in ("judged", "baseline"))
    return decide(_T, ours - theirs, _W, _DESIGN, 1)


def _separate(rng: Generator, shared: float, size: float) -> RateDecision:
    ours, theirs = (_level(one, _noise(rng), shared, rng) for one in (size, 0.0))
    before = decide(_T, theirs, _W, _DESIGN, 1)
    if before.rate is None or before.low is None or before.high is None:
        return before
    stored = StoredRate("a", "memory", "per_request", before.rate, before.low, before.high, _ALPHA, _BETA)
    return against(lambda design: decide(_T, ours, _W, design, 1), stored, _DESIGN, 1)


_T = np.arange(0.5, SECONDS)
_W = np.round(_T * PER_SECOND)


def _noise(rng: Generator) -> Floats:
    return _NOISE_PAGES * ar1(rng, SECONDS, _PHI)


def _level(size: float, common: Floats, shared: float, rng: Generator) -> Floats:
    """Memory in whole pages: a base, the leak, and noise of which a share of the variance is ``common``."""
    noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * _noise(rng)
    pages: Floats = 20_000 + np.floor(size * _W / _PAGE) + np.round(noise)
    return pages * _PAGE


if __name__ == "__main__":
    conduct("gate_paired", __doc__, measure)
