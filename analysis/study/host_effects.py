"""Host as a random effect: coverage of the mean and of the spread between hosts, false and true naming of outliers.

``coverage``: a host's rate has a known error and differs from the mean by a normal deviation whose scale is ``spread``
errors. The share of intervals of the mean, of the spread between hosts (Q-profile) and of one more host's rate that
hold the truth.

``outlier``: each host ran one cell, or two cells of each of two variants. Rates differ between hosts by ``spread`` of
the mean rate, each with an error of 2 % of it. In ``none`` no
host is an outlier: ``false`` is the share of studies in which some host is named at q = 0.10. In ``doubled`` the rate
of one host is twice that of the mean: ``named`` is the share of studies that name it, ``false`` the mean share of wrong
hosts among those named (the false-discovery rate). ``two doubled`` masks: the second is in the spread of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.random import Generator

from aging.stats.host_effects import Observation, host_deviations, mean_over_hosts
from analysis.methods.study import conduct, generator, on_all_cores, progress

HOSTS = (2, 3, 5, 8, 16)
SPREADS = (0.0, 0.5, 1.0, 2.0, 5.0)
CASES = ("none", "doubled", "two doubled")
OUTLIER_HOSTS = (4, 8, 16)
OUTLIER_SPREADS = (0.0, 0.1, 0.2, 0.3)
DESIGNS = ("one cell", "two variants, two cells")
LEVEL = 0.10

_ERROR = 0.02
_REPLICATES = {True: (1_000, 300), False: (40, 10)}

Cell = tuple[str, str, int, float, bool]


def errors_of(rng: Generator, size: int) -> np.ndarray:
    """Errors of cells: every third is three times the others, from a random place on."""
    errors = np.ones(size)
    errors[int(rng.integers(3)) :: 3] = 3.0
    return errors


def observed(
    rng: Generator, design: str, effects: np.ndarray, error: float, means: Sequence[float] = (0.0, 0.0)
) -> list[Observation]:
    """Cells of a study whose hosts have these effects."""
    repeats = (
        [("a", means[0])]
        if design == "one cell"
        else [(name, mean) for name, mean in zip("ab", means, strict=True)] * 2
    )
    places = [(f"h{host:02d}", effect, *one) for host, effect in enumerate(effects) for one in repeats]
    errors = error * errors_of(rng, len(places))
    return [
        Observation(variant, host, mean + effect + own * rng.standard_normal(), own)
        for (host, effect, variant, mean), own in zip(places, errors, strict=True)
    ]


def coverage(hosts: int, spread: float, replicates: int) -> dict[str, object]:
    """One row: the shares of intervals that hold the truth, and the median width of the mean's."""
    rng = generator("host effects", "coverage", hosts, spread)
    held = np.zeros((replicates, 3))
    widths = np.zeros(replicates)
    for number in range(replicates):
        found = mean_over_hosts(observed(rng, "one cell", spread * rng.standard_normal(hosts), 1.0))
        sd, new = found.spread, found.new_host
        held[number, 0] = found.low <= 0 <= found.high
        held[number, 1] = sd is not None and sd.low <= spread <= sd.high
        held[number, 2] = np.nan if new is None else new[0] <= spread * rng.standard_normal() <= new[1]
        widths[number] = found.high - found.low
    mean, between, new_host = held.mean(axis=0)
    return {
        "part": "coverage",
        "case": "one cell",
        "hosts": hosts,
        "spread": spread,
        "mean": mean,
        "host sd": between,
        "new host": new_host,
        "width": float(np.median(widths)),
    }


def naming(case: str, design: str, hosts: int, spread: float, replicates: int) -> dict[str, object]:
    """One row: how often the doubled hosts are named, and others wrongly."""
    rng = generator("host effects", "outlier", case, design, hosts, spread)
    outliers = {"none": 0, "doubled": 1, "two doubled": 2}[case]
    true = {f"h{host:02d}" for host in range(outliers)}
    named, false = np.zeros(replicates), np.zeros(replicates)
    for number in range(replicates):
        effects = spread * rng.standard_normal(hosts)
        effects[:outliers] = 1.0
        found = host_deviations(observed(rng, design, effects, _ERROR, (1.0, 1.2)))
        shown = {one.host for one in found if one.q is not None and one.q <= LEVEL}
        named[number] = len(shown & true) / outliers if outliers else np.nan
        false[number] = len(shown - true) / max(1, len(shown))
    return {
        "part": "outlier",
        "case": f"{case}, {design}",
        "hosts": hosts,
        "spread": spread,
        "named": float(named.mean()),
        "false": float(false.mean()),
    }


def measure(full: bool) -> pd.DataFrame:
    """One row a cell of the study."""
    cells: list[Cell] = [("coverage", "", hosts, spread, full) for hosts, spread in product(HOSTS, SPREADS)]
    cells += [
        (case, design, hosts, spread, full)
        for case, design, hosts, spread in product(CASES, DESIGNS, OUTLIER_HOSTS, OUTLIER_SPREADS)
    ]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: Cell) -> dict[str, object]:
    part, design, hosts, spread, full = cell
    many, few = _REPLICATES[full]
    row = coverage(hosts, spread, many) if part == "coverage" else naming(part, design, hosts, spread, few)
    progress(f"{part} {design}, {hosts} hosts, spread {spread:g}")
    return row


if __name__ == "__main__":
    conduct("host_effects", __doc__, measure)
