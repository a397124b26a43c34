"""Coverage of the 95 % interval of the current rate: after warm-ups, in steps, under changing load and under noise.

A constant leak of known rate is put beneath what hides it; the interval should hold the rate in 95 % of series. Work is
counted where the load changes, so that the rate is one a request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from aging.stats import trend_test
from analysis.methods.signals import Floats, ar1, high_water_mark, losses
from analysis.methods.study import conduct, generator, on_all_cores, progress

_LENGTHS = (360, 1200, 3600)
REPLICATES, _QUICK = 300, 10
_PAGE = 4096.0


@dataclass(frozen=True, slots=True)
class Leaking:
    """Values a second, cumulative work (or None) and the true rate per unit of it, or per second."""

    y: Floats
    work: Floats | None
    rate: float


def plain(rng: Generator, n: int, events: float) -> Leaking:
    """Separate losses of gamma-distributed size, in pages."""
    return Leaking(_pages(losses(rng, n, events * n) * 4 * _PAGE), None, events * 4 * _PAGE)


def after_warm_up(rng: Generator, n: int, size: float) -> Leaking:
    """The same after an exponential warm-up of a minute that takes ``size`` times as much as the leak in all."""
    leak = losses(rng, n, 1.0 * n) * 4 * _PAGE
    rough = np.cumsum(np.diff(np.append(0.0, -np.expm1(-np.arange(1, n + 1) / 60))) * rng.gamma(0.5, 2.0, n))
    return Leaking(_pages(leak + size * 4 * _PAGE * n * rough), None, 4 * _PAGE)


def beside_high_water_mark(rng: Generator, n: int) -> Leaking:
    """The same beside a high-water mark of a tenth of it."""
    mark = high_water_mark(rng, n, 0.95)
    leak = losses(rng, n, 1.0 * n) * 4 * _PAGE
    return Leaking(_pages(leak + 0.1 * 4 * _PAGE * n * mark / max(float(np.ptp(mark)), 1.0)), None, 4 * _PAGE)


def under_changing_load(rng: Generator, n: int) -> Leaking:
    """A leak of 1 KiB a request while the load changes among 10, 30 and 5 requests a second."""
    rates = np.repeat(rng.permutation([10.0, 30.0, 5.0]), -(-n // 3))[:n]
    work = np.cumsum(rng.poisson(rates)).astype(np.float64)
    return Leaking(_pages(1024 * work + 40 * _PAGE * ar1(rng, n, 0.5)), work, 1024.0)


def in_equal_steps(rng: Generator, n: int) -> Leaking:
    """A leak of 600 bytes, 14 times a second, in arenas of a twelfth of it: about twelve steps."""
    work = np.cumsum(rng.poisson(14.0, n)).astype(np.float64)
    arena = 600 * 14 * n / 12
    return Leaking(_pages(np.floor(600 * work / arena + rng.random()) * arena), work, 600.0)


def in_doubling_steps(rng: Generator, n: int) -> Leaking:
    """The same in a table that grows by a quarter whenever it is full."""
    work = np.cumsum(rng.poisson(14.0, n)).astype(np.float64)
    sizes = 600 * 14 * n * 1.25 ** (np.arange(-30, 3) + rng.random())
    return Leaking(_pages(sizes[np.searchsorted(sizes, 600 * work)]), work, 600.0)


def under_noise(rng: Generator, n: int) -> Leaking:
    """A leak under AR(1) 0.8 noise of a tenth of its growth."""
    return Leaking(4 * _PAGE * n * (np.arange(1, n + 1) / n + 0.1 * ar1(rng, n, 0.8)), None, 4 * _PAGE)


def _pages(y: NDArray[np.floating[Any]]) -> Floats:
    return np.asarray(np.floor(y / _PAGE) * _PAGE, dtype=np.float64)


CASES: dict[str, Callable[[Generator, int], Leaking]] = {
    "losses, one a second": partial(plain, events=1.0),
    "losses, one in 20 s": partial(plain, events=0.05),
    "warm-up as large as the leak": partial(after_warm_up, size=1.0),
    "warm-up four times as large": partial(after_warm_up, size=4.0),
    "beside a high-water mark": beside_high_water_mark,
    "under changing load": under_changing_load,
    "in about twelve equal steps": in_equal_steps,
    "in steps of a quarter": in_doubling_steps,
    "under AR(1) 0.8 noise": under_noise,
}


def coverage(name: str, n: int, replicates: int) -> tuple[float, float, Counter[str]]:
    """Return the share of intervals that hold the rate, the median of their half widths in rates, and the verdicts."""
    rng, held, widths = generator("current_rate", name, n), 0, []
    verdicts: Counter[str] = Counter()
    for _ in range(replicates):
        one = CASES[name](rng, n)
        work = None if one.work is None else {"requests": one.work}
        found = trend_test(np.arange(1, n + 1), one.y, work=work)
        verdicts[found.verdict] += 1
        if found.current is None:
            continue
        scale = 1.0 if one.work is None or found.axis == "requests" else float(np.ptp(one.work)) / n
        held += found.current.low <= one.rate * scale <= found.current.high
        widths.append((found.current.high - found.current.low) / 2 / (one.rate * scale))
    return held / replicates, float(np.median(widths)) if widths else np.nan, verdicts


def measure(full: bool) -> pd.DataFrame:
    """One row a case and length."""
    table = pd.DataFrame(on_all_cores(_row, [(name, n, full) for name in CASES for n in _LENGTHS]))
    return table.fillna(dict.fromkeys(table.columns[4:], 0.0))


def _row(cell: tuple[str, int, bool]) -> dict[str, object]:
    name, n, full = cell
    replicates = REPLICATES if full else _QUICK
    share, width, verdicts = coverage(name, n, replicates)
    progress(f"{name}, {n} s: {share:.3f}")
    row: dict[str, object] = {"case": name, "seconds": n, "coverage": share, "half_width": width}
    return row | {verdict: count / replicates for verdict, count in verdicts.items()}


if __name__ == "__main__":
    conduct("current_rate", __doc__, measure)
