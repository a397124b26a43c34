"""Looking early: 20 looks at a growing series, at 5 % each, and with the levels that spending leaves them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aging.stats import look_levels, mann_kendall, series_har
from analysis.methods.power import detectable
from analysis.methods.signals import ar1
from analysis.methods.study import conduct, generator, on_all_cores, progress

N, LOOKS = 600, 20
REPLICATES, _QUICK = 400, 5


def first_look(y: np.ndarray, ends: np.ndarray, levels: np.ndarray, test: str) -> int:
    """Return the first look that finds a rising trend, ``LOOKS`` where none does."""
    run = {"series_har": series_har, "mann_kendall": mann_kendall}[test]
    for look, (end, level) in enumerate(zip(ends, levels, strict=True)):
        result = run(y[:end])
        if result.s > 0 and result.p <= level:
            return look
    return LOOKS


def measure(full: bool) -> pd.DataFrame:
    """One row a coefficient, growth (1: what the oracle finds 8 times in 10) and way of looking."""
    cells = [(phi, growth, full) for phi in (0.0, 0.6, 0.9) for growth in (0.0, 1.0, 2.0)]
    return pd.DataFrame([row for rows in on_all_cores(_rows, cells) for row in rows])


def _rows(cell: tuple[float, float, bool]) -> list[dict[str, object]]:
    phi, growth, full = cell
    rng = generator("sequential", phi, growth)
    ends = np.linspace(0, N, LOOKS + 1)[1:].astype(int)
    spent, naive = look_levels(ends.astype(float)), np.full(LOOKS, 0.05)
    ways = {
        "primary test, spending": (spent, "series_har"),
        "primary test, 5 % a look": (naive, "series_har"),
        "Mann–Kendall, 5 % a look": (naive, "mann_kendall"),
        "primary test, one look at the end": (np.append(np.zeros(LOOKS - 1), 0.05), "series_har"),
    }
    found: dict[str, list[int]] = {name: [] for name in ways}
    for _ in range(REPLICATES if full else _QUICK):
        y = growth * detectable(phi, N) * np.arange(N) + ar1(rng, N, phi)
        for name, (levels, test) in ways.items():
            found[name].append(first_look(y, ends, levels, test))
    progress(f"AR(1) {phi:g}, growth {growth:g}")
    return [
        {
            "phi": phi,
            "growth": growth,
            "looks": name,
            "called rising": np.mean(np.array(looks) < LOOKS),
            "median share of the time": (np.median([look for look in looks if look < LOOKS] or [LOOKS - 1]) + 1)
            / LOOKS,
        }
        for name, looks in found.items()
    ]


if __name__ == "__main__":
    conduct("early_looks", __doc__, measure)
