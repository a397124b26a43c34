"""Whether a longer recording decides as often as predicted: at the length at which a verdict has a chance of 80 %.

Where a series is undecided, the analysis says how much longer it takes until it is decided with a probability of 80 %.
Here the series goes on for that long (at most to ten times its length), and is analyzed again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.random import Generator

from aging.stats import trend_test
from analysis.methods.signals import Floats, high_water_mark, leak_and_high_water_mark, losses
from analysis.methods.study import conduct, generator, on_all_cores, progress

_START, _LONGEST = 300, 3_000
REPLICATES, _QUICK = 200, 10


def _pools(rng: Generator, n: int) -> Floats:
    return np.asarray(np.sum([high_water_mark(rng, n, 0.7) for _ in range(12)], axis=0), dtype=np.float64)


CASES: dict[str, Callable[[Generator, int], Floats]] = {
    "leak, one loss in 10 samples": partial(losses, events=_LONGEST / 10),
    "leak, one loss in 30 samples": partial(losses, events=_LONGEST / 30),
    "leak + high-water mark": leak_and_high_water_mark,
    "twelve high-water marks": _pools,
}


def outcomes(name: str, replicates: int) -> tuple[int, int, int]:
    """Return how many series were undecided, had a prediction within ten times their length, and were decided then."""
    rng, undecided, predicted, decided = generator("decision_time", name), 0, 0, 0
    t = np.arange(1.0, _LONGEST + 1)
    for _ in range(replicates):
        y = CASES[name](rng, _LONGEST)
        now = trend_test(t[:_START], y[:_START])
        if now.verdict != "inconclusive":
            continue
        undecided += 1
        if now.longer is None or _START + now.longer > _LONGEST:
            continue
        predicted += 1
        then = _START + int(np.ceil(now.longer))
        decided += trend_test(t[:then], y[:then]).verdict != "inconclusive"
    return undecided, predicted, decided


def measure(full: bool) -> pd.DataFrame:
    """One row a case."""
    return pd.DataFrame(on_all_cores(_row, [(name, full) for name in CASES]))


def _row(cell: tuple[str, bool]) -> dict[str, object]:
    name, full = cell
    undecided, predicted, decided = outcomes(name, REPLICATES if full else _QUICK)
    progress(f"{name}: {decided} of {predicted}")
    share = decided / predicted if predicted else np.nan
    return {"case": name, "undecided": undecided, "predicted": predicted, "decided": decided, "share": share}


if __name__ == "__main__":
    conduct("decision_time", __doc__, measure)
