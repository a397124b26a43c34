"""How often each test refuses "no trend" where there is none: it should be 5 % at a nominal 5 %.

The compatibility tests get fewer replicates than the primary one: they are not
off by a percentage point. A test that has no answer (NaN) has not refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

import aging.stats.trend_tests
from aging.core.plugins import discover
from aging.stats import series_har
from aging.stats.trend_tests.base import TrendTest
from analysis.methods.signals import NOISE, Case, sampled
from analysis.methods.study import LENGTHS, conduct, generator, on_all_cores, progress

ALPHA = 0.05
PRIMARY = "series_har"
REPLICATES, COMPATIBILITY_REPLICATES = 2000, 250
_QUICK, _QUICK_COMPATIBILITY = 100, 10

TESTS: Mapping[str, TrendTest] = discover(aging.stats.trend_tests, TrendTest)
COMPATIBILITY = tuple(sorted(set(TESTS) - {PRIMARY}))


def rejection_rate(case: Case, n: int, replicates: int) -> float:
    """Return the share of ``replicates`` series of ``n`` samples that the primary test refuses at 5 %."""
    rng = generator("size", case.name, n)
    return sum(series_har(sampled(case, rng, n)[1]).p < ALPHA for _ in range(replicates)) / replicates


def compatibility_rates(case: Case, n: int, replicates: int) -> dict[str, float]:
    """Return the same for every other test, all of them on the same series."""
    rng = generator("size, compatibility", case.name, n)
    refused = dict.fromkeys(COMPATIBILITY, 0)
    for _ in range(replicates):
        t, y = sampled(case, rng, n)
        for kind in COMPATIBILITY:
            refused[kind] += TESTS[kind].run(t, y).p < ALPHA
    return {kind: count / replicates for kind, count in refused.items()}


def measure(full: bool) -> pd.DataFrame:
    """One row a process and length."""
    cells = [(index, n, full) for index in range(len(NOISE)) for n in (LENGTHS if full else LENGTHS[:1])]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: tuple[int, int, bool]) -> dict[str, object]:
    index, n, full = cell
    case = NOISE[index]
    others = compatibility_rates(case, n, COMPATIBILITY_REPLICATES if full else _QUICK_COMPATIBILITY)
    rate = rejection_rate(case, n, REPLICATES if full else _QUICK)
    progress(f"{case.name}, n = {n}: {rate:.3f}")
    return {"process": case.name, "kind": case.kind, "held_out": case.held_out, "n": n, PRIMARY: rate} | others


def draw(table: pd.DataFrame) -> Figure:
    """Rejection rates by process, the three lengths as three dots."""
    figure = Figure(figsize=(7, 7))
    axes = figure.subplots()
    names = list(dict.fromkeys(table["process"]))[::-1]
    axes.axvspan(0.03, 0.07, color="0.9")
    axes.axvline(ALPHA, color="0.5", linewidth=0.8)
    colours = {"mann_kendall": "tab:red", "hamed_rao": "tab:orange", PRIMARY: "tab:blue"}
    for kind, colour in colours.items():
        places = [names.index(name) for name in table["process"]]
        axes.plot(table[kind], places, "o", color=colour, markersize=4, label=kind, alpha=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("share of series without a trend in which one is found, nominal 5 % (grey: 3–7 %)")
    axes.set_xlim(0, 1)
    axes.legend(loc="upper right")
    return figure


if __name__ == "__main__":
    conduct("size", __doc__, measure, draw)
