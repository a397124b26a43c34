"""The driver of a deployment's growth: the clock, the requests, or the tokens.

Under a steady load all three rise together and none can be named. Under a varying
load the best fit names one; phases of different load (arrivals of kind ``dose``)
separate them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from aging.core.metrics import resolution
from aging.findings.series import Series
from aging.findings.types import Dose
from aging.stats import SeriesError, attribute_growth, dose_response, sen_slope_autocorrelated
from aging.stats.note import Note

_HOUR = 3600.0
_Z975 = float(ndtri(0.975))
_LEAST = 12
_REFUTED = 0.05


@dataclass(frozen=True, slots=True)
class GrowthDriver:
    """The driver that explains the growth best, the evidence of the phases, and notes; None where it is open."""

    driver: str | None
    dose: Dose | None
    notes: tuple[Note, ...]


def growth_driver(series: Series) -> GrowthDriver:
    """The driver of the growth of ``series``; a pure function of it.

    By information criterion (:func:`aging.stats.attribute_growth`) and, over phases of different load, by weighted
    least squares (:func:`aging.stats.dose_response`).
    """
    dose = _dose(series)
    return GrowthDriver(_driver(series), dose, () if dose is None else (_dose_note(dose),))


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
        late = (series.t >= (begin + end) / 2) & (
            series.t <= end
        )  # the effect of the change itself has settled by then
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


def _dose_note(dose: Dose) -> Note:
    phases = f"Over {dose.phases} phases of different load"
    if dose.share_of_requests is not None:
        phases += f", {100 * dose.share_of_requests:.0f} % of the growth follows the requests"
    low, high = dose.ci_per_request
    if low <= 0 <= high:
        return Note("dose_no_request_growth", f"{phases}; growth per request is not significant.")
    if dose.same_p is None:
        return Note("dose", f"{phases}.")
    p = f"(p = {dose.same_p:.2g})"
    if dose.same_p < _REFUTED:
        differ = f"growth per request differs between loaded phases {p}, which a leak would not do"
        return Note("dose_differs", f"{phases}; {differ}.")
    return Note("dose_same", f"{phases}; growth per request is the same in all loaded phases {p}, as for a leak.")
