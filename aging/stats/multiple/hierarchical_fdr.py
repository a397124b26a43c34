"""False-discovery control in two levels: deployments first, then the indicators of those selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.multiple.fdr import benjamini_hochberg, probabilities
from aging.stats.series.validation import Floats


def simes(p: ArrayLike | Sequence[float | None]) -> float:
    """Return Simes' p of "none of these is true" (Simes 1986): min over k of m p_(k) / k; missing ones do not count.

    NaN where every p is missing.

    >>> simes([0.01, 0.02, 0.5])
    0.03
    """
    q = benjamini_hochberg(p)
    known = q[np.isfinite(q)]
    return float(known.min()) if known.size else float("nan")


def hierarchical_fdr(families: Mapping[str, ArrayLike | Sequence[float | None]]) -> dict[str, Floats]:
    """Return for every family (deployment) the q of each of its tests (Benjamini and Bogomolov 2014).

    At level q, the families whose Simes p passes Benjamini–Hochberg are selected,
    R of m, and within each Benjamini–Hochberg is run at q R / m. The q returned is
    the smallest level at which that procedure rejects the test, so that comparing
    it with any level is running the procedure at that level. A missing p stays NaN
    and a family of missing ones does not count. Raises
    :class:`~aging.stats.SeriesError` for a p outside [0, 1].

    Of two deployments one grows in one of its two indicators:

    >>> found = hierarchical_fdr({"leaking": [0.001, 0.4], "healthy": [0.6, 0.7]})
    >>> {name: q.tolist() for name, q in found.items()}
    {'leaking': [0.004, 0.7], 'healthy': [0.7, 0.7]}
    """
    names = list(families)
    chosen_at = dict(zip(names, benjamini_hochberg([simes(families[name]) for name in names]), strict=True))
    thresholds = np.sort([level for level in chosen_at.values() if np.isfinite(level)])
    return {
        name: np.array([_least_level(q, chosen_at[name], thresholds) for q in benjamini_hochberg(families[name])])
        if np.isfinite(chosen_at[name])
        else np.full(probabilities(families[name]).shape, np.nan)
        for name in names
    }


def _least_level(within: float, chosen_at: float, thresholds: Floats) -> float:
    """The least level that selects the family and, with R selected there, has level * R / m >= ``within``."""
    if np.isnan(within):
        return float("nan")
    m = thresholds.size
    for threshold in thresholds[thresholds >= chosen_at]:
        selected = int(np.searchsorted(thresholds, threshold, side="right"))
        level = max(float(threshold), within * m / selected)
        if selected == m or level < thresholds[selected]:
            return min(level, 1.0)
    return 1.0
