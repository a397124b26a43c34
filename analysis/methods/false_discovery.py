"""False alarms among many indicators: six deployments, 60 indicators each, dependent within a deployment.

Two deployments age in ten indicators each. A deployment is flagged when any of its
indicators is; the share of flagged deployments that do not age is what a user sees.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from aging.stats import benjamini_hochberg, benjamini_yekutieli, hierarchical_fdr
from analysis.methods.study import conduct, generator

DEPLOYMENTS, INDICATORS, AGING, AGING_INDICATORS, EFFECT = 6, 60, 2, 10, 4.5
LEVEL = 0.10
REPLICATES, _QUICK = 2000, 50


def campaign(rng: np.random.Generator, correlation: float) -> np.ndarray:
    """Return the p of every indicator, shape (deployments, indicators), equicorrelated within a deployment."""
    common = rng.standard_normal((DEPLOYMENTS, 1))
    own = rng.standard_normal((DEPLOYMENTS, INDICATORS))
    z = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    z[:AGING, :AGING_INDICATORS] += EFFECT
    return np.asarray(2 * norm.sf(np.abs(z)))


def flags(p: np.ndarray) -> dict[str, np.ndarray]:
    """Return which deployments each procedure flags at the level."""
    families = hierarchical_fdr({str(k): row for k, row in enumerate(p)})
    return {
        "hierarchical": np.array([np.nanmin(families[str(k)]) <= LEVEL for k in range(DEPLOYMENTS)]),
        "BH": benjamini_hochberg(p.ravel()).reshape(p.shape).min(axis=1) <= LEVEL,
        "BY": benjamini_yekutieli(p.ravel()).reshape(p.shape).min(axis=1) <= LEVEL,
        "each at 5 %": p.min(axis=1) <= 0.05,
    }


def measure(full: bool) -> pd.DataFrame:
    """One row a procedure and correlation: mean false share of the flagged, and share of the aging found."""
    rows = []
    replicates = REPLICATES if full else _QUICK
    for correlation in (0.0, 0.5, 0.9):
        rng = generator("false discovery", correlation)
        trials = [flags(campaign(rng, correlation)) for _ in range(replicates)]
        for procedure in trials[0]:
            flagged = np.array([one[procedure] for one in trials])
            false = flagged[:, AGING:].sum(axis=1) / np.maximum(flagged.sum(axis=1), 1)
            row = {"correlation": correlation, "procedure": procedure, "false share of flagged": false.mean()}
            rows.append(row | {"aging found": flagged[:, :AGING].mean()})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    conduct("false_discovery", __doc__, measure)
