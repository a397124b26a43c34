"""What is said of growth whose start of load is not known, and does the note beside it tell a leak from a logarithm?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aging.stats import origin_range, trend_test
from analysis.methods.signals import Floats
from analysis.methods.study import conduct, generator, on_all_cores, progress

LOSSES = 1000
EARLIER = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0)
REPLICATES, _QUICK = 200, 10


def losses(rng: np.random.Generator, n: int, count: int, logarithmic: bool, earlier: float) -> Floats:
    """Losses at a constant rate, or at 1 / t with t since a load that began ``earlier`` windows before, shape (n,)."""
    since = np.linspace(0, 1, n + 1) + earlier + 1e-3
    growth = np.diff(np.log(since)) if logarithmic else np.diff(since)
    return np.asarray(np.cumsum(rng.poisson(count * growth / growth.sum())) * 8192.0, dtype=np.float64)


def measure(full: bool) -> pd.DataFrame:
    """One row a kind of growth and a true start of load; the first sample is taken for it throughout."""
    cells = [(f"logarithm, {LOSSES} losses", LOSSES, True, earlier, full) for earlier in EARLIER]
    cells += [(f"leak, {count} losses", count, False, 0.0, full) for count in (60, 300, 1000)]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: tuple[str, int, bool, float, bool]) -> dict[str, object]:
    name, count, logarithmic, earlier, full = cell
    rng, n = generator("origin", name, earlier), 600
    t = np.arange(float(n))
    replicates = REPLICATES if full else _QUICK
    aging = refuted = open_ = 0
    for _ in range(replicates):
        y = losses(rng, n, count, logarithmic, earlier)
        if trend_test(t, y).verdict != "aging":
            continue
        aging += 1
        then = origin_range(t, y).then
        refuted += then == "decelerating"
        open_ += then == "other"
    progress(f"{name}, {earlier:g} windows earlier: aging {aging / replicates:.2f}")
    return {
        "growth": name,
        "load began, windows earlier": earlier,
        "aging": aging / replicates,
        "only if not earlier": refuted / replicates,
        "undecided if earlier": open_ / replicates,
        "wherever it began": (aging - refuted - open_) / replicates,
    }


if __name__ == "__main__":
    conduct("load_start", __doc__, measure)
