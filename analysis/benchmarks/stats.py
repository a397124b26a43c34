"""What the tests, the slopes and the analysis of a whole campaign cost."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pymannkendall
from scipy import stats

import aging.stats.trend_tests
from aging.core.plugins import discover
from aging.findings.indicator_analysis import analyze_all
from aging.findings.series import Series
from aging.stats import hamed_rao, mann_kendall, sen_slope, trend_test
from aging.stats.series.prepared import Observed
from aging.stats.slope.interval import interval
from aging.stats.trend_tests.base import TrendTest
from aging.stats.trend_tests.series_har import SERIES_HAR
from analysis.benchmarks.figures import Call, Line, medians

_SIZES = (1_000, 10_000, 100_000, 777_600)
_MOST_BYTES = 2 << 30
_CAMPAIGN, _CAMPAIGN_AT_1_HZ = 6 * 60, 24
_FRESH = """
import sys, time
import numpy as np
from aging.stats import trend_test

def peak():  # of this process alone: ru_maxrss begins at what its parent held
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

before = peak()
t, y = np.load(sys.argv[1])
took = []
for _ in range(4):
    began = time.process_time()
    trend_test(t, y)
    took.append(time.process_time() - began)
print(took[0], sorted(took[1:])[1], before, peak())
"""


def trends() -> Iterator[Line]:
    """Tests and slopes of one series, against the field's tools, where those need neither 2 GiB nor a minute."""
    for n in _SIZES:
        t, y = _series(n)
        scattered = np.random.default_rng(0).normal(size=n)
        kendall = partial(stats.kendalltau, t, y)
        pairs = [
            Pair("mann_kendall", partial(mann_kendall, y), "scipy.stats.kendalltau", kendall),
            Pair(
                "hamed_rao",
                partial(hamed_rao, t, y),
                "pymannkendall",
                partial(pymannkendall.hamed_rao_modification_test, y),
                bytes_needed=4 * n**2,
            ),
            Pair(
                "sen_slope, with its interval",
                partial(sen_slope, t, y),
                "scipy.stats.theilslopes",
                partial(stats.theilslopes, y, t),
                bytes_needed=3 * 8 * n**2,
            ),
            Pair("sen_slope, of white noise", partial(sen_slope, t, scattered), "its stable sort", _sort(scattered)),
            Pair("trend_test, the whole analysis", partial(trend_test, t, y), "scipy.stats.kendalltau", kendall),
        ]
        yield from (pair.measured(n) for pair in pairs)
        spent = _in_a_fresh_process(t, y)
        what, later = f"trend_test, n = {n:,}", f"a later one ({spent.steady * 1e3:.4g} ms)"
        yield Line(f"{what}: a process' first", spent.first * 1e3, "ms", spent.first / spent.steady, later)
        imported = f"the import alone ({spent.imported_mib:.3g} MiB)"
        yield Line(f"{what}: peak memory", spent.peak_mib, "MiB", spent.peak_mib / spent.imported_mib, imported)


def sorts() -> Iterator[Line]:
    """The same in stable sorts of the data, for series of few and of many distinct values, nine days at 1 Hz."""
    n = _SIZES[-1]
    for what, (t, y) in (("a slow leak", _series(n)), ("a random walk", _walk(n))):
        calls: dict[str, Call] = {
            "mann_kendall": partial(mann_kendall, y),
            "hamed_rao": partial(hamed_rao, t, y),
            "sen_slope": partial(sen_slope, t, y),
            "test, slope, interval": partial(_whole_test, t, y),
        }
        distinct = f"its stable sort, {np.unique(y).size:,} values"
        yield from (Pair(f"{name}, {what}", call, distinct, _sort(y)).measured(n) for name, call in calls.items())


def campaign() -> Iterator[Line]:
    """The published campaign, 216 hours of 6 deployments × 60 indicators, every test reported; wall time."""
    tests = discover(aging.stats.trend_tests, TrendTest)
    for what, n, analyzed in (("60 s medians", 216 * 60, _CAMPAIGN), ("1 Hz", 216 * 3600, _CAMPAIGN_AT_1_HZ)):
        series = [_indicator(n, k) for k in range(analyzed)]
        began = time.perf_counter()
        analyze_all(series, tests)
        wall = (time.perf_counter() - began) * _CAMPAIGN / analyzed
        label = f"{_CAMPAIGN} series of {what} and 216 h, every test"
        yield Line(
            label, wall, "s of wall time", None, "" if analyzed == _CAMPAIGN else f"extrapolated from {analyzed}"
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Our call and another tool's, which is not made where it would need more than 2 GiB."""

    what: str
    ours: Call
    other: str
    theirs: Call
    bytes_needed: int = 0

    def measured(self, n: int) -> Line:
        what = f"{self.what}, n = {n:,}"
        if self.bytes_needed > _MOST_BYTES:
            (cost,) = medians(self.ours, repeats=5)
            return Line(what, cost * 1e3, "ms", None, f"{self.other} needs {self.bytes_needed / 2**30:,.0f} GiB")
        cost, bare = medians(self.ours, self.theirs, repeats=5)
        return Line(what, cost * 1e3, "ms", cost / bare, f"{self.other} ({bare * 1e3:.4g} ms)")


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of a process' first call and of a later one, and what memory it peaked at before them and at all."""

    first: float
    steady: float
    imported_mib: float
    peak_mib: float


def _whole_test(t: np.ndarray, y: np.ndarray) -> None:
    series = Observed.of(t, y)
    SERIES_HAR.on(series)
    interval(series, 0.95)


def _sort(y: np.ndarray) -> Call:
    return lambda: np.sort(y, kind="stable")


def _in_a_fresh_process(t: np.ndarray, y: np.ndarray) -> Spent:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "series.npy"
        np.save(path, np.array([t, y]))
        argv = (sys.executable, "-c", _FRESH, str(path))
        printed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return Spent(*map(float, printed.split()))


def _indicator(n: int, k: int) -> Series:
    """Leaks, walks, high-water marks and noise in turn, in pages."""
    rng = np.random.default_rng(k)
    t, noise = np.arange(1.0, n + 1), rng.normal(size=n)
    level = (t / n + 0.1 * noise, np.cumsum(noise) / math.sqrt(n), np.maximum.accumulate(noise), noise)[k % 4]
    return Series(f"deployment-{k % 6}", 1, 1, f"indicator_{k // 6}", t, 4096 * np.round(1000 * level), {})


def _series(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A slow leak under a random walk, in whole pages: what memory looks like, ties included."""
    t = 60.0 * np.arange(1, n + 1)
    walk = np.cumsum(np.random.default_rng(n).normal(0.0, 300.0, n))
    return t, 4096.0 * np.round((0.01 * t + walk) / 4096.0)


def _walk(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A random walk over tens of thousands of pages."""
    walk = np.cumsum(np.random.default_rng(n).normal(0.0, 25.0, n))
    return np.arange(1.0, n + 1), 4096.0 * np.round(walk)
