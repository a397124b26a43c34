"""Which shape is found for each true shape, and how much of a true warm-up is found and cut."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from aging.stats import classify_shape, find_warmup
from analysis.methods.signals import Floats, ar1, line
from analysis.methods.study import conduct, generator, on_all_cores, progress

SHAPES = ("constant", "linear", "decelerating", "step", "saturating", "cyclic")
SPREAD = 0.1
REPLICATES, _QUICK = 500, 5


def truth(shape: str, n: int, rng: np.random.Generator) -> Floats:
    """Return a curve of this shape with a range of 1."""
    share = line(n)
    curves = {
        "constant": np.zeros(n),
        "linear": share,
        "decelerating": np.sqrt(share),
        "step": (share > rng.uniform(0.25, 0.75)).astype(np.float64),
        "saturating": 1 - np.exp(-share / 0.15),
        "cyclic": 0.5 * np.sin(2 * np.pi * (5 * share + rng.random())),
    }
    return np.asarray(curves[shape], dtype=np.float64)


def confusion(shape: str, phi: float, n: int, replicates: int) -> dict[str, float]:
    """Return the share of each shape found for curves of one shape."""
    rng = generator("shapes", shape, phi, n)
    t = np.arange(1.0, n + 1)
    counts = Counter(
        str(classify_shape(t, truth(shape, n, rng) + SPREAD * ar1(rng, n, phi))) for _ in range(replicates)
    )
    return {each: counts[each] / replicates for each in SHAPES}


def warmups(share: float, n: int, replicates: int) -> tuple[float, float]:
    """Return the share of series with a warm-up in which one is cut, and the median cut as a share of the window."""
    rng = generator("warm-up", share, n)
    t = np.arange(1.0, n + 1)
    cuts = []
    for _ in range(replicates):
        settling = 2 * (1 - np.exp(-t / (share * n / 3))) if share else 0.0
        cuts.append(find_warmup(t, settling + line(n) + 0.05 * ar1(rng, n, 0.6)))
    found = np.array(cuts) > t[0]
    return float(found.mean()), float(np.median(cuts) / n)


def measure(full: bool) -> pd.DataFrame:
    """One row a true shape, noise and length; then one a true warm-up."""
    cells = [
        (shape, phi, n, full) for shape in SHAPES for phi in (0.0, 0.6, 0.9) for n in ((216, 1000) if full else (216,))
    ]
    rows = on_all_cores(_row, cells)
    for share in (0.0, 0.1, 0.2, 0.3):
        cut, where = warmups(share, 600, REPLICATES if full else _QUICK)
        rows.append({"truth": f"warm-up of {share:.0%}", "phi": 0.6, "n": 600, "cut": cut, "median cut": where})
    return pd.DataFrame(rows)


def _row(cell: tuple[str, float, int, bool]) -> dict[str, object]:
    shape, phi, n, full = cell
    shares = confusion(shape, phi, n, REPLICATES if full else _QUICK)
    progress(f"{shape}, AR(1) {phi:g}, n = {n}: {shares[shape]:.2f}")
    return {"truth": shape, "phi": phi, "n": n} | shares


if __name__ == "__main__":
    conduct("shapes", __doc__, measure)
