"""Stationarity of growth in operational time: one test for each power b of growth rate ~ t^(b-1).

t counts from the start of load (Duane 1964; the Crow–AMSAA power law). In
tau = (t^b - 1) / b such growth is stationary, so the growth of blocks equal in
tau must not be correlated with ln t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dstevd

from aging.stats.series.validation import Floats
from aging.stats.slope.kendall import average_ranks

BLOCKS = 40
FEWEST_STEPS = 5
_CLEAR_RISE = 0.1
_NOISE_RATIOS = np.concatenate([[0.0], 0.05 * 4.0 ** np.arange(9)])
_CLEAR_GAIN = 2.0
_LARGEST_LAG_CORRELATION = 0.8


class Blocks(NamedTuple):
    """Block medians, shape (m,); between them steps of operational time, growth rates and ln t, shape (m-1,)."""

    levels: Floats
    spans: Floats
    rates: Floats
    log_times: Floats


@dataclass(frozen=True)
class Score:
    """The trend of growth in operational time, in ``blocks``: it accelerates where ``z`` > 0, decelerates where < 0.

    ``z`` is Student t with ``df`` degrees of freedom if the power is right.
    ``rises`` counts blocks that rise clearly, ``growth`` is last less first level,
    ``largest`` the largest single rise.
    """

    blocks: Blocks
    df: int
    rises: int
    growth: float
    largest: float

    @cached_property
    def z(self) -> float:
        """Computed where a rule asks for it: it costs more than all else of the score."""
        noisy = _noisy_score(self.blocks)
        return _rank_score(self.blocks.rates, self.blocks.log_times) if noisy is None else noisy


@dataclass(frozen=True, slots=True)
class Recording:
    """The samples from ``start`` > 0 on, with what is the same for every power. Times are shares of the last one."""

    t: Floats
    y: Floats
    start: float
    log_t: Floats
    by_value: NDArray[np.int64]


def recording(t: Floats, y: Floats, start: float) -> Recording:
    """Take the samples with ``t`` >= ``start`` > 0, seconds since the start of load; both arrays have shape (n,)."""
    shares, share = t / t[-1], start / float(t[-1])
    kept = shares >= share
    shares, y = shares[kept], y[kept]
    return Recording(shares, y, share, np.log(shares), np.argsort(y))


def score(samples: Recording, b: float) -> Score | None:
    """Test the power ``b``; ``None`` where fewer than 5 steps remain.

    The score is the correlation of the ranks of the rates with ln t; where a
    random walk plus measurement noise describes the rates better by more than 2
    units of (restricted) log-likelihood, it is that model's generalised least
    squares slope.
    """
    blocks = cut_blocks(samples, b)
    steps = blocks.rates.size
    if steps < FEWEST_STEPS:
        return None
    growth = float(blocks.levels[-1] - blocks.levels[0])
    moves = np.diff(blocks.levels)
    rises = int(np.count_nonzero(moves > _CLEAR_RISE * growth / steps))
    return Score(blocks, steps - 1, rises, growth, float(moves.max()))


def cut_blocks(samples: Recording, b: float) -> Blocks:
    """Cut the samples into 40 blocks equal in operational time of power ``b``; empty blocks are absent."""
    t, y = samples.t, samples.y
    tau = _operational(samples.log_t, b)
    first, last = operational_time(np.array([samples.start, t[-1]]), b)
    place = (tau - first) / (last - first) if last > first else np.zeros(t.size)
    block = np.clip(np.ceil(place * BLOCKS - 1e-9), 1, BLOCKS).astype(np.uint8)
    begins = np.flatnonzero(np.append(True, block[1:] != block[:-1]))
    ends = np.append(begins[1:], t.size) - 1
    ordered = y[samples.by_value[np.argsort(block[samples.by_value], kind="stable")]]  # bytes are sorted by counting
    middle = (begins + ends) / 2
    levels = (ordered[np.floor(middle).astype(np.int64)] + ordered[np.ceil(middle).astype(np.int64)]) / 2
    times = (t[begins] + t[ends]) / 2
    spans = np.diff(operational_time(times, b))
    log_times = np.log(times)
    return Blocks(levels, spans, np.diff(levels) / spans, (log_times[1:] + log_times[:-1]) / 2)


def operational_time(t: Floats, b: float) -> Floats:
    """Return (t^b - 1) / b, ln t at b = 0; ``t`` positive."""
    return _operational(np.log(t), b)


def _operational(log_t: Floats, b: float) -> Floats:
    if abs(b) < 1e-9:
        return log_t
    tau: Floats = np.expm1(b * log_t) / b
    return tau


def _rank_score(rates: Floats, log_times: Floats) -> float:
    """Rank correlation as Student t, widened where neighbouring rates are alike (Bartlett's factor at lag 1)."""
    m = rates.size
    x = average_ranks(rates) - (m + 1) / 2
    s = log_times - log_times.mean()
    xx, ss, xs = float(x @ x), float(s @ s), float(x @ s)
    if xx <= 0:
        return 0.0
    r = max(-0.999999, min(0.999999, xs / math.sqrt(xx * ss)))
    z = r * math.sqrt((m - 2) / (1 - r * r))
    residual = x - xs / ss * s
    alike = float(residual[1:] @ residual[:-1]) / max(float(residual @ residual), 1e-300) + 1 / m
    if alike > 0:
        z /= math.sqrt(1 + 2 * min(alike, _LARGEST_LAG_CORRELATION) * float(s[1:] @ s[:-1]) / ss)
    return z


def _noisy_score(blocks: Blocks) -> float | None:
    """Generalised least squares of the rates on ln t if level noise is evident, else ``None``.

    var rates = diag(1/h) + q B, B the covariance of differenced level noise; in
    the eigenbasis of B relative to diag(1/h) every noise ratio q is diagonal, so
    one decomposition serves the whole profile of q. B is tridiagonal; numpy's eigh
    would share these 39 rows between threads: 16 s of CPU for eight runs of an
    hour on two busy cores, where this takes 0.2.
    """
    m = blocks.rates.size
    h = blocks.spans / blocks.spans.mean()
    root = np.sqrt(h)
    eigenvalues, vectors, _ = dstevd(2 / h, -1 / (root[1:] * root[:-1]))
    centred = blocks.log_times - blocks.log_times.mean()
    one, slope, rate = vectors.T @ root, vectors.T @ (root * centred), vectors.T @ (root * blocks.rates)
    spread = 1 + _NOISE_RATIOS[:, None] * eigenvalues
    weights = 1 / spread
    a00, a01, a11 = weights @ (one * one), weights @ (one * slope), weights @ (slope * slope)
    b0, b1, total = weights @ (one * rate), weights @ (slope * rate), weights @ (rate * rate)
    determinant = a00 * a11 - a01 * a01
    level, lean = (a11 * b0 - a01 * b1) / determinant, (a00 * b1 - a01 * b0) / determinant
    unexplained = np.maximum(total - level * b0 - lean * b1, 1e-14 * total) / (m - 2)
    if not np.all(unexplained > 0):
        return None
    likelihood = -((m - 2) * np.log(unexplained) + np.log(spread).sum(axis=1) + np.log(determinant)) / 2
    best = int(np.argmax(likelihood))
    if likelihood[best] <= likelihood[0] + _CLEAR_GAIN:
        return None
    return float(lean[best] / math.sqrt(unexplained[best] * a00[best] / determinant[best]))
