"""Attribution of growth to time, requests or tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.noise.model_selection import whitened_criterion
from aging.stats.series.block_medians import block_medians
from aging.stats.series.lengths import LEAST_FOR_INTERVAL
from aging.stats.series.validation import Floats, SeriesError, as_values
from aging.stats.slope.interval import AutocorrelatedSlope, sen_slope_autocorrelated

_FINEST = 1_000
_CLEAR = 6.0


@dataclass(frozen=True, slots=True)
class Attribution:
    """The slope of an indicator against each driver, and the driver that explains it best.

    ``evidence`` is, per driver, how far its information criterion lies above the
    best one's; ``driver`` is ``None`` unless every other lies at least 6 above
    (strong evidence: Kass and Raftery 1995). Under a steady load all drivers are
    proportional and none stands out.
    """

    slopes: Mapping[str, AutocorrelatedSlope]
    evidence: Mapping[str, float]
    driver: str | None


def attribute_growth(y: ArrayLike, drivers: Mapping[str, ArrayLike]) -> Attribution:
    """Compare what explains ``y``, shape (n,), n >= 12: time, cumulative requests, cumulative tokens, ...

    Each driver has shape (n,), in its own unit, and must not fall; slopes are in
    the indicator's unit per that unit. Raises :class:`~aging.stats.SeriesError`.
    """
    values = as_values(y, least=LEAST_FOR_INTERVAL)
    given = {name: as_values(driver, least=LEAST_FOR_INTERVAL, name=name) for name, driver in drivers.items()}
    for name, driver in given.items():
        if driver.size != values.size or np.any(np.diff(driver) < 0) or np.ptp(driver) == 0:
            raise SeriesError(f"{name} must rise, never fall, and have as many values as y ({values.size})")
    if not given:
        raise SeriesError("at least one driver is needed")
    criteria = {name: driver_criterion(driver, values) for name, driver in given.items()}
    best = min(criteria, key=lambda name: criteria[name])
    evidence = {name: criterion - criteria[best] for name, criterion in criteria.items()}
    clear = all(gap >= _CLEAR for name, gap in evidence.items() if name != best)
    return Attribution(
        slopes={name: sen_slope_autocorrelated(driver, values) for name, driver in given.items()},
        evidence=evidence,
        driver=best if clear else None,
    )


def driver_criterion(driver: Floats, y: Floats) -> float:
    """Return the information criterion of ``y`` on a line of ``driver``, both shape (n,): the lower, the better."""
    x, levels = block_medians(driver, y, _FINEST)
    scaled = (x - x[0]) / max(float(np.ptp(x)), 1e-300)
    return whitened_criterion(levels, np.column_stack([np.ones(x.size), scaled])) if np.ptp(levels) > 0 else 0.0
