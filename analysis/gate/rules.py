"""Rules that projects use to say that memory grows, as scores of one series; red where a score exceeds a threshold.

Each is read from its source at the commit given, and used with the threshold that its users have. They were written
for other things than memory once a second (latencies, heap snapshots, allocation records): each docstring says how it
was applied. Times are seconds since load began, shape (n,), memory in bytes; none of them counts requests. All but
guidellm's look once, at the end of the window that they are given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aging.stats import mann_kendall

Floats = NDArray[np.float64]
Score = Callable[[Floats, Floats], float]

_MB, _MIB = 1e6, 1024.0**2
_MOST = 40.0
"""A normal score beyond which probabilities are not computed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by name: red where ``score(t, y)`` exceeds ``usual``. ``source`` is where score and threshold are from."""

    name: str
    score: Score
    usual: float
    source: str


def mann_kendall_score(_t: Floats, y: Floats) -> float:
    """Return the normal score of Kendall's S without the first quarter (Mann 1945); usual: 1.96, two-sided 5 %."""
    return float(np.clip(mann_kendall(_warm(y)).z, -_MOST, _MOST))


def least_squares_score(t: Floats, y: Floats) -> float:
    """Return the t statistic of the slope without the first quarter, as a normal score; usual: 1.96, two-sided 5 %."""
    t, y = _warm(t), _warm(y)
    slope, error = _line(t, y)
    if error == 0:
        return _MOST * float(np.sign(slope))
    tail = float(stats.t.sf(abs(slope) / error, t.size - 2))
    return float(np.sign(slope)) * (_MOST if tail < 1e-300 else min(float(stats.norm.isf(tail)), _MOST))


def settled_difference(_t: Floats, y: Floats) -> float:
    """Return how much memory rose over the second half, in MiB; usual: 48.

    BerriAI/litellm, pull request 40640 (release gate): the resident memory of the proxy, settled after a batch of
    requests and after a second, equal one, must not differ by more than 48 MB. Here the batches are the halves of the
    window, and a settled value is the median of its last five samples.
    """
    middle = y.size // 2
    return float(np.median(y[-5:]) - np.median(y[max(middle - 5, 0) : middle])) / _MIB


def most_above_mean(_t: Floats, y: Floats) -> float:
    """Return the maximum less the mean of the second half, in MB; usual: 100.

    triton-inference-server/server, qa/L0_memory_growth/test.sh (0150d96, ``MAX_ALLOWED_ALLOC``, from the middle on)
    and qa/common/check_massif_log.py (24dfc78). There over heap snapshots of massif, here over samples.
    """
    half = y[y.size // 2 :]
    return float(half.max() - half.mean()) / _MB


def batch_growth(_t: Floats, y: Floats) -> float:
    """Return the larger of two growths of batches in units of their limits; usual: 1.

    BerriAI/litellm, tests/memory_leak_tests/memory_test_helpers.py (10cda05) and constants.py (1614576): after five
    batches of warm-up, memory after each of fifteen; red if the mean of the last three rolling averages of seven is
    25 % above that of the first three, or if each of the last five batches adds more than 0.05 MB. There of the
    memory that tracemalloc traces, here of the process; a batch is a twentieth of the window.
    """
    ends = np.linspace(0, y.size, 21).astype(int)[6:] - 1
    batches = y[ends]
    rolling = np.convolve(batches[:-1], np.full(7, 1 / 7), "valid")
    before, after = float(rolling[:3].mean()), float(rolling[-3:].mean())
    percent = 100 * (after - before) / before
    return max(percent / 25.0, float(np.diff(batches[-5:]).min()) / (0.05 * _MIB))


def kept_at_the_end(_t: Floats, y: Floats) -> float:
    """Return what the window kept, in MiB; usual: 1.

    bloomberg/pytest-memray, src/pytest_memray/marks.py (e772f1e), ``limit_leaks``: red if one call stack allocated
    more than a limit that was not freed when the test ended; its documentation's limit is 1 MB. Here the test is the
    window, and all that was kept came from one call stack, which is the largest score that the rule can have. It
    counts allocations and not pages: of the noise that a series of pages has, it would see nothing.
    """
    return float(y[-1] - y[0]) / _MIB


def rank_correlation_of_batches(_t: Floats, y: Floats) -> float:
    """Return Spearman's correlation of ten batch means with their order; usual: 0.65.

    ai-dynamo/aiperf, src/aiperf/analysis/stationarity.py (0873224), ``batch_means_trend_test``: a trend if the
    correlation exceeds 0.65 with p < 0.05, which 0.65 of ten values always has. There of latencies of the requests of
    the steady window, here of the samples after the first quarter; only a rise is red.
    """
    kept = _warm(y)
    size = kept.size // 10
    means = kept[: size * 10].reshape(10, size).mean(axis=1)
    if np.ptp(means) == 0:
        return 0.0
    return float(np.corrcoef(stats.rankdata(means), np.arange(10.0))[0, 1])


GUIDELLM_FIRST, GUIDELLM_WINDOW, GUIDELLM_SHARE, GUIDELLM_CONFIDENCE = 30.0, 120.0, 0.75, 0.95
GUIDELLM_USUAL = 0.5


def slopes_over_margins(t: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the times of guidellm's looks, and at each the slope over the margin of its error.

    vllm-project/guidellm, src/guidellm/scheduler/constraints/saturation.py (ee7a774), ``SlopeChecker`` and
    ``OverSaturationConstraint``: from 30 s on, at every update, the least-squares slope of the last three quarters of
    the points and at most 120 s; an alarm if it is positive and its 95 % margin is less than twice as large. There of
    requests in flight and of times to first token, which both must rise; here of memory alone, looked at every second.
    """
    last = np.flatnonzero(t >= GUIDELLM_FIRST)
    first = np.maximum(
        last + 1 - ((last + 1) * GUIDELLM_SHARE).astype(int), np.searchsorted(t, t[last] - GUIDELLM_WINDOW)
    )
    x, level = t - t.mean(), y - y.mean()

    def sums(values: Floats) -> Floats:
        total = np.append(0.0, np.cumsum(values))
        return np.asarray(total[last + 1] - total[first], dtype=np.float64)

    n = (last + 1 - first).astype(np.float64)
    xx = sums(x * x) - sums(x) ** 2 / n
    xy = sums(x * level) - sums(x) * sums(level) / n
    yy = sums(level * level) - sums(level) ** 2 / n
    slope = xy / xx
    margin = stats.t.ppf(0.5 + GUIDELLM_CONFIDENCE / 2, n - 2) * np.sqrt(np.maximum(yy - xy * slope, 0) / (n - 2) / xx)
    sure = np.where(margin <= 0, _MOST * np.sign(slope), 0.0)
    return t[last], np.divide(slope, margin, out=sure, where=margin > 0)


def largest_slope_over_margin(t: Floats, y: Floats) -> float:
    """Return the largest of :func:`slopes_over_margins`; usual: 1/2, a margin of twice the slope."""
    _, ratios = slopes_over_margins(t, y)
    return float(ratios.max()) if ratios.size else 0.0


def _warm(values: Floats) -> Floats:
    return values[values.size // 4 :]


def _line(t: Floats, y: Floats) -> tuple[float, float]:
    """The least-squares slope and its standard error for independent values."""
    x = t - t.mean()
    squares = float(x @ x)
    slope = float(x @ y) / squares
    left = y - y.mean() - slope * x
    return slope, float(np.sqrt(max(float(left @ left), 0.0) / (t.size - 2) / squares))


RULES = (
    Rule("Mann–Kendall", mann_kendall_score, 1.96, "Mann 1945"),
    Rule("least squares", least_squares_score, 1.96, "t test of the slope"),
    Rule("before and after, 48 MB", settled_difference, 48.0, "LiteLLM, release gate"),
    Rule("most above mean, 100 MB", most_above_mean, 100.0, "Triton, L0_memory_growth"),
    Rule("batches, 25 %", batch_growth, 1.0, "LiteLLM, memory_leak_tests"),
    Rule("kept at the end, 1 MB", kept_at_the_end, 1.0, "pytest-memray, limit_leaks"),
    Rule("Spearman of ten batches", rank_correlation_of_batches, 0.65, "AIPerf"),
    Rule("slope above its margin", largest_slope_over_margin, GUIDELLM_USUAL, "guidellm"),
)
