"""What the whole pipeline says: how often each kind of series is called ``aging``, and what else it is called.

For noise and for growth that is no leak every ``aging`` is a false alarm; a leak
must be called so. A verdict of ``inconclusive`` is neither.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from aging.stats import trend_test
from analysis.methods.signals import GROWING, LEAKS, NOISE, sampled
from analysis.methods.study import LENGTHS, conduct, generator, on_all_cores, progress

CASES = (*NOISE, *GROWING, *LEAKS)
VERDICTS = ("aging", "bounded", "step", "cyclic", "stable", "inconclusive")
REPLICATES, _QUICK = 100, 5


def verdicts(index: int, n: int, replicates: int) -> dict[str, float]:
    """Return the share of each verdict over ``replicates`` series of ``n`` samples of a case."""
    rng = generator("verdicts", CASES[index].name, n)
    counts: Counter[str] = Counter(trend_test(*sampled(CASES[index], rng, n)).verdict for _ in range(replicates))
    return {verdict: counts[verdict] / replicates for verdict in VERDICTS}


def measure(full: bool) -> pd.DataFrame:
    """One row a process and length."""
    cells = [(index, n, full) for index in range(len(CASES)) for n in (LENGTHS if full else LENGTHS[:1])]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: tuple[int, int, bool]) -> dict[str, object]:
    index, n, full = cell
    case = CASES[index]
    shares = verdicts(index, n, REPLICATES if full else _QUICK)
    progress(f"{case.name}, n = {n}: {shares['aging']:.2f} aging")
    return {"process": case.name, "kind": case.kind, "n": n} | shares


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The largest share of false alarms, and the smallest of leaks found, by kind and length."""
    worst = {"leak": np.min}
    rows = [
        {"kind": kind, "n": n, "aging, worst case": worst.get(str(kind), np.max)(part["aging"])}
        for (kind, n), part in table.groupby(["kind", "n"], sort=False)
    ]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    conduct("verdicts", __doc__, measure)
