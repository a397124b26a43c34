"""What drives a deployment's growth: the clock, the requests, or the tokens?

A steady load leaves it open, for all three rise together. A load that varies
may tell by the fit alone; phases of different load (arrivals of kind ``dose``)
settle it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from aging.core.metrics import resolution
from aging.findings.series import Series
from aging.findings.types import Dose
from aging.stats import SeriesError, attribute_growth, dose_response, sen_slope_autocorrelated

_HOUR = 3600.0
_Z975 = float(ndtri(0.975))
_LEAST = 12
_REFUTED = 0.05


@dataclass(frozen=True, slots=True)
class Driven:
    """The driver that explains the growth best, the phases' evidence, and both in words; None where it is open."""

    driver: str | None
    dose: Dose | None
    notes: tuple[str, ...]


def driven(series: Series) -> Driven:
    """What the series says of its own growth; a pure function of it."""
    dose = _dose(series)
    return Driven(_driver(series), dose, () if dose is None else (_in_words(dose),))


def _driver(series: Series) -> str | None:
    if series.t.size < _LEAST:
        return None
    drivers = {"seconds": series.t, **{name: work for name, work in series.work.items() if np.ptp(work) > 0}}
    if len(drivers) < 2:
        return None
    try:
        return attribute_growth(series.y, drivers).driver
    except SeriesError:
        return None


def _dose(series: Series) -> Dose | None:
    requests = series.work.get("requests")
    if requests is None:
        return None
    growth, errors, loads, seconds = [], [], [], []
    for begin, end in series.phases:
        late = (series.t >= (begin + end) / 2) & (series.t <= end)  # what the change of load moved has settled by then
        t, y, sent = series.t[late], series.y[late], requests[late]
        if t.size < _LEAST:
            continue
        found, span = sen_slope_autocorrelated(t, y), float(t[-1] - t[0])
        growth.append(found.slope)
        errors.append(max((found.high - found.low) / (2 * _Z975), resolution(series.indicator) / span / _Z975, 1e-300))
        loads.append(float(sent[-1] - sent[0]) / span)
        seconds.append(span)
    if len(loads) < 2 or np.ptp(loads) <= 0.2 * max(loads):
        return None
    found_response = dose_response(growth, errors, loads, seconds)
    by_request, by_clock = found_response.per_request, found_response.per_second
    return Dose(
        phases=len(loads),
        per_request=by_request.rate,
        ci_per_request=(by_request.low, by_request.high),
        per_hour=by_clock.rate * _HOUR,
        ci_per_hour=(by_clock.low * _HOUR, by_clock.high * _HOUR),
        share_of_requests=_known(found_response.share_of_requests),
        same_p=_known(found_response.same_per_request_p),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _in_words(dose: Dose) -> str:
    said = f"over {dose.phases} phases of different load"
    if dose.share_of_requests is not None:
        said += f", {dose.share_of_requests:.0%} of the growth follows the requests"
    low, high = dose.ci_per_request
    if low <= 0 <= high:
        return f"{said}; a growth per request is not shown"
    if dose.same_p is None:
        return said
    if dose.same_p < _REFUTED:
        return f"{said}; the loaded phases differ in growth per request (p = {dose.same_p:.2g}), as no leak does"
    return f"{said}; the growth per request is the same in all loaded phases (p = {dose.same_p:.2g}), as a leak's is"
