"""Pooling the slopes of replicas by random effects, and their disagreement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from aging.stats.series.validation import Floats, SeriesError, as_values

Method = Literal["dersimonian-laird", "hartung-knapp"]


@dataclass(frozen=True, slots=True)
class Pooled:
    """The replicas' common slope, its standard error, two-sided p and limits, and how the replicas disagree.

    ``tau2`` is the variance between replicas, ``i2`` its share of the total in
    percent, ``q`` Cochran's Q and ``q_p`` the p of "no disagreement" (NaN for one
    replica). ``weights`` are the replicas' shares of the slope, k values that add up to 1. Slopes are in the unit of
    the slopes that were given.
    """

    slope: float
    se: float
    low: float
    high: float
    p: float
    tau2: float
    i2: float
    q: float
    q_p: float
    weights: tuple[float, ...] = ()


def pool(
    slopes: ArrayLike, standard_errors: ArrayLike, method: Method = "dersimonian-laird", confidence: float = 0.95
) -> Pooled:
    """Pool the ``slopes`` of k replicas, k >= 1, by their ``standard_errors``, both shape (k,).

    ``dersimonian-laird``: weights 1 / (se^2 + tau^2) with the moment estimate of
    tau^2 (DerSimonian and Laird 1986), normal limits (with 1.96 for 95 %, two
    decimals, as the published pooling of leak rates has it). ``hartung-knapp``: the same
    slope with the weighted spread of the replicas for its error, Student t with k
    - 1 degrees of freedom, never narrower than the former's error (Knapp and
    Hartung 2003; the modified one of Röver et al. 2015): use it for few replicas. docs/methods.md has its coverage
    and width for 2, 3 and 5 replicas. With one replica both give the replica. Raises
    :class:`~aging.stats.SeriesError`.

    Two replicas, in KiB an hour. Two say little of how far replicas differ, and Student's t with one degree of freedom
    says so:

    >>> usual = pool([1039, 1118], [20, 25])
    >>> careful = pool([1039, 1118], [20, 25], "hartung-knapp")
    >>> [[round(x) for x in (one.low, one.slope, one.high)] for one in (usual, careful)]
    [[1000, 1077, 1154], [576, 1077, 1579]]
    """
    y, se = as_values(slopes, least=1, name="slopes"), as_values(standard_errors, name="standard_errors")
    if y.size != se.size or np.any(se <= 0):
        raise SeriesError("every slope needs a standard error greater than 0")
    if method not in ("dersimonian-laird", "hartung-knapp"):
        raise SeriesError(f"method must be dersimonian-laird or hartung-knapp, not {method}")
    k = y.size
    fixed = 1 / se**2
    q = float(np.sum(fixed * (y - np.average(y, weights=fixed)) ** 2))
    # As a sum of products: the usual difference, Σw − Σw²/Σw, is 0 where one weight is 10⁸ times the others.
    others = np.array([np.delete(fixed, place).sum() for place in range(k)])
    spare = float((fixed * others).sum() / fixed.sum())
    tau2 = max(0.0, (q - (k - 1)) / spare) if k > 1 else 0.0
    weights = 1 / (se**2 + tau2)
    slope = float(np.average(y, weights=weights))
    error = math.sqrt(1 / float(weights.sum()))
    quantile, p = round(float(ndtri((1 + confidence) / 2)), 2), float(2 * ndtr(-abs(slope / error)))
    if method == "hartung-knapp" and k > 1:
        error *= math.sqrt(max(1.0, float(np.sum(weights * (y - slope) ** 2)) / (k - 1)))
        quantile, p = float(stdtrit(k - 1, (1 + confidence) / 2)), float(2 * stdtr(k - 1, -abs(slope / error)))
    return Pooled(
        slope=slope,
        se=error,
        low=slope - quantile * error,
        high=slope + quantile * error,
        p=p,
        tau2=tau2,
        i2=100 * max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0,
        q=q,
        q_p=float(chdtrc(k - 1, q)) if k > 1 else math.nan,
        weights=tuple(float(weight) for weight in weights / weights.sum()),
    )


def width_beside_one_more(k: int) -> float:
    """Return how many times as wide as of k + 1 replicas the interval of k like ones is, k >= 2.

    The ratio of Student's quantiles over the roots of the numbers: 3.6 for two, 1.6 for three.
    """
    narrower, wider = (float(stdtrit(n - 1, 0.975)) / math.sqrt(n) for n in (k + 1, k))
    return wider / narrower


def stouffer(z: ArrayLike, weights: ArrayLike | None = None) -> tuple[float, float]:
    """Return the combined normal score of k tests and its two-sided p; ``z`` and ``weights`` (all 1): shape (k,).

    >>> combined, p = stouffer([1.5, 1.5, 1.5])
    >>> round(combined, 2), round(p, 4)
    (2.6, 0.0094)
    """
    scores = as_values(z, least=1, name="z")
    given: Floats = np.ones(scores.size) if weights is None else as_values(weights, name="weights")
    combined = float(given @ scores) / math.sqrt(float(given @ given))
    return combined, float(2 * ndtr(-abs(combined)))
