"""Dose and response: growth under different loads shows its driver, which a constant load leaves open."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtri

from aging.stats.series.validation import SeriesError, as_values


@dataclass(frozen=True, slots=True)
class Driver:
    """A part of the growth: its rate (per request, or per second), with limits."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DoseResponse:
    """Growth per second = ``per_second`` + ``per_request`` * load, over phases of different load.

    ``share_of_requests`` is the part of the growth over all phases that the load
    drove (0 to 1; NaN without growth). ``consistent_p`` is the p of "the phases
    follow this line", NaN for two phases; ``same_per_request_p`` that of "every
    loaded phase grew by the same amount a request", as a leak does and a
    high-water mark does not.
    """

    per_request: Driver
    per_second: Driver
    share_of_requests: float
    consistent_p: float
    same_per_request_p: float


def dose_response(
    growth: ArrayLike, standard_errors: ArrayLike, load: ArrayLike, seconds: ArrayLike, confidence: float = 0.95
) -> DoseResponse:
    """Compare the ``growth`` rates (per second) of k >= 2 phases of different ``load`` (requests per second).

    All have shape (k,); ``standard_errors`` are the growth rates', ``seconds``
    the phases' lengths. Weighted least squares with known errors, normal limits;
    Cochran's Q for the growth per request of the phases that had load. Raises
    :class:`~aging.stats.SeriesError`.
    """
    y, se, dose, duration = (
        as_values(given, least=2, name=name)
        for given, name in (
            (growth, "growth"),
            (standard_errors, "standard_errors"),
            (load, "load"),
            (seconds, "seconds"),
        )
    )
    if not y.size == se.size == dose.size == duration.size or np.any(se <= 0) or np.any(dose < 0):
        raise SeriesError("every phase needs a growth, a standard error above 0, a load of 0 or more, and seconds")
    if np.ptp(dose) == 0:
        raise SeriesError("the phases must differ in load")
    design = np.column_stack([dose, np.ones(y.size)]) / se[:, None]
    covariance = np.linalg.inv(design.T @ design)
    fitted = covariance @ (design.T @ (y / se))
    z = float(ndtri((1 + confidence) / 2))
    drivers = [
        Driver(float(rate), float(rate - z * error), float(rate + z * error))
        for rate, error in zip(fitted, np.sqrt(np.diag(covariance)), strict=True)
    ]
    total = float(y @ duration)
    share = float(fitted[0] * (dose @ duration)) / total if total > 0 else math.nan
    loaded = dose > 0
    return DoseResponse(
        per_request=drivers[0],
        per_second=drivers[1],
        share_of_requests=min(max(share, 0.0), 1.0) if total > 0 else math.nan,
        consistent_p=_p(float(np.sum((y / se - design @ fitted) ** 2)), y.size - 2),
        same_per_request_p=_same(y[loaded] / dose[loaded], se[loaded] / dose[loaded]),
    )


def _same(rates: np.ndarray, errors: np.ndarray) -> float:
    weights = 1 / errors**2
    return _p(float(np.sum(weights * (rates - np.average(rates, weights=weights)) ** 2)), rates.size - 1)


def _p(q: float, freedom: int) -> float:
    return float(chdtrc(freedom, q)) if freedom > 0 else math.nan
