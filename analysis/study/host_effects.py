"""Host as a random effect: coverage of the mean and of the spread between hosts, false and true naming of outliers.

``coverage``: a host's rate has a known error and differs from the mean by a normal deviation whose scale is ``spread``
errors. The share of studies whose interval of the mean, of the spread between hosts (Q-profile) and of one more host's
rate holds the truth. ``none`` is the share without an interval of the spread, since the hosts differ less than their
errors allow; these do not count as holding it.

``outlier``: each host ran one cell, or two cells of each of two variants. Rates differ between hosts by ``spread`` of
the mean rate, each with an error of 2 % of it, and of 6 % every third. In ``none`` no host is an outlier: ``false`` is
the share of studies in which some host is named at q = 0.10. In ``heavy`` neither is any, and the hosts' deviations
have Student's t with 3 degrees of freedom, of the same standard deviation: the model is wrong. In ``doubled`` the rate
of one host is twice that of the mean: ``named`` is the share of studies that name it, ``false`` the mean share of wrong
hosts among those named (the false-discovery rate). ``two doubled`` masks: the second is in the spread of the others.
``error`` is the standard error of ``false``. Studies of one cell a host are computed side by side, by the arithmetic of
the package; a test compares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy.special import chdtri, stdtr, stdtrit

from aging.stats.host_effects import Observation, host_deviations
from analysis.methods.study import conduct, generator, monte_carlo_error, on_all_cores, progress

HOSTS = (2, 3, 5, 8, 16)
SPREADS = (0.0, 0.5, 1.0, 2.0, 5.0)
OUTLIER_SPREADS = (0.0, 0.05, 0.1, 0.2, 0.3)
DESIGNS = ("one cell", "two variants, two cells")
LEVEL = 0.10

_ERROR = 0.02
_REPLICATES = {True: (20_000, 0), False: (400, 4)}
_STEPS, _WIDE, _HEAVY = 60, 2, 3
_OUTLIERS = {"none": 0, "heavy": 0, "doubled": 1, "two doubled": 2}

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
    errors = np.array([errors_of(rng, hosts) for _ in range(replicates)])
    y = spread * rng.standard_normal((replicates, hosts)) + errors * rng.standard_normal((replicates, hosts))
    middle, error, between = side_by_side(y, errors)
    reach = stdtrit(hosts - 1, 0.975) * error
    new_host = spread * rng.standard_normal(replicates)
    far = (
        stdtrit(hosts - 2, 0.975) * np.hypot(error, np.sqrt(between)) if hosts > _WIDE else np.full(replicates, np.nan)
    )
    upper, lower = chdtri(hosts - 1, 0.025), chdtri(hosts - 1, 0.975)
    none = _q(y, errors, np.zeros(replicates)) <= lower
    # Q falls in the variance: the limits are beside the truth where Q at the truth is beside the quantiles.
    q = _q(y, errors, np.full(replicates, spread**2))
    return {
        "part": "coverage",
        "case": "one cell",
        "hosts": hosts,
        "spread": spread,
        "mean": float(np.mean(np.abs(middle) <= reach)),
        "host sd": float(np.mean(~none & (q >= lower) & (q <= upper))),
        "none": float(np.mean(none)),
        "new host": float(np.mean(np.abs(middle - new_host) <= far)) if hosts > _WIDE else np.nan,
        "width": float(np.median(2 * reach)),
    }


def side_by_side(y: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean, its error and the variance between hosts of studies of shape (n, hosts), as the package has them."""
    low, high = np.zeros(len(y)), np.full(len(y), 1e6)
    freedom = y.shape[1] - 1
    for _ in range(_STEPS):
        middle = (low + high) / 2
        more = _q(y, errors, middle) > freedom
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    between = np.where(_q(y, errors, np.zeros(len(y))) <= freedom, 0.0, low)
    weights = 1 / (errors**2 + between[:, None])
    total = weights.sum(axis=1)
    return (weights * y).sum(axis=1) / total, 1 / np.sqrt(total), between


def _q(y: np.ndarray, errors: np.ndarray, between: np.ndarray) -> np.ndarray:
    weights = 1 / (errors**2 + between[:, None])
    middle = (weights * y).sum(axis=1) / weights.sum(axis=1)
    return np.asarray((weights * (y - middle[:, None]) ** 2).sum(axis=1))


def deleted_side_by_side(y: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The p of every host's deleted residual, of studies of shape (n, hosts), as the package has them."""
    found = np.empty_like(y)
    for host in range(y.shape[1]):
        others = np.arange(y.shape[1]) != host
        middle, error, between = side_by_side(y[:, others], errors[:, others])
        far = np.abs(y[:, host] - middle) / np.sqrt(errors[:, host] ** 2 + between + error**2)
        found[:, host] = 2 * stdtr(y.shape[1] - 2, -far)
    return found


def adjusted_side_by_side(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's adjustment of each row."""
    order = np.argsort(p, axis=1)
    count = p.shape[1]
    steps = np.take_along_axis(p, order, axis=1) * count / np.arange(1, count + 1)
    falling = np.minimum.accumulate(steps[:, ::-1], axis=1)[:, ::-1]
    found = np.empty_like(p)
    np.put_along_axis(found, order, np.minimum(falling, 1), axis=1)
    return found


def deviations(rng: Generator, case: str, size: tuple[int, ...]) -> np.ndarray:
    """Hosts' deviations of standard deviation 1."""
    if case == "heavy":
        return np.asarray(rng.standard_t(_HEAVY, size) / np.sqrt(_HEAVY / (_HEAVY - 2)))
    return np.asarray(rng.standard_normal(size))


def naming(case: str, design: str, hosts: int, spread: float, replicates: int) -> dict[str, object]:
    """One row: how often the doubled hosts are named, and others wrongly."""
    rng = generator("host effects", "outlier", case, design, hosts, spread)
    outliers = _OUTLIERS[case]
    effects = spread * deviations(rng, case, (replicates, hosts))
    effects[:, :outliers] = 1.0
    if design == DESIGNS[0]:
        errors = _ERROR * np.array([errors_of(rng, hosts) for _ in range(replicates)])
        y = 1.0 + effects + errors * rng.standard_normal(effects.shape)
        q = adjusted_side_by_side(deleted_side_by_side(y, errors))
    else:
        q = np.array([_adjusted(observed(rng, design, own, _ERROR, (1.0, 1.2))) for own in effects])
    shown = q <= LEVEL
    wrong = shown[:, outliers:].sum(axis=1) / np.maximum(1, shown.sum(axis=1))
    false = float(wrong.mean())
    return {
        "part": "outlier",
        "case": f"{case}, {design}",
        "hosts": hosts,
        "spread": spread,
        "named": float(shown[:, :outliers].mean()) if outliers else np.nan,
        "false": false,
        "error": monte_carlo_error(false, replicates),
    }


def _adjusted(cells: Sequence[Observation]) -> list[float]:
    return [1.0 if one.q is None else one.q for one in host_deviations(cells)]


def measure(full: bool) -> pd.DataFrame:
    """One row a cell of the study."""
    one, two = DESIGNS
    cases = [
        *product(("none",), (one,), (3, 4, 5, 8, 16)),
        *product(("heavy",), (one,), (4, 8, 16)),
        *product(("doubled",), (one,), (4, 5, 8, 16)),
        ("two doubled", one, 8),
    ]
    if not full:
        cases += [("none", two, 4), ("doubled", two, 8)]
    asked = [*product(("coverage",), (one,), HOSTS), *cases]
    cells: list[Cell] = [
        (*place, spread, full) for place in asked for spread in (SPREADS if place[0] == "coverage" else OUTLIER_SPREADS)
    ]
    return pd.DataFrame(on_all_cores(_row, cells))


def _row(cell: Cell) -> dict[str, object]:
    part, design, hosts, spread, full = cell
    many, few = _REPLICATES[full]
    if part == "coverage":
        row = coverage(hosts, spread, many)
    else:
        row = naming(part, design, hosts, spread, many if design == DESIGNS[0] else few)
    progress(", ".join(f"{name} {value}" for name, value in row.items()))
    return row


if __name__ == "__main__":
    conduct("host_effects", __doc__, measure)
