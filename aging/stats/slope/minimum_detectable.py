"""How small a slope this measurement could have found: the other half of every "no leak"."""

from __future__ import annotations

from scipy.special import ndtri

from aging.stats.series.validation import SeriesError


def minimum_detectable(half_width: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest slope that a two-sided test at ``alpha`` would have found with probability ``power``.

    (z_{1-alpha/2} + z_power) times the standard error, which is read off the
    slope's 1 - ``alpha`` interval as its ``half_width`` over z_{1-alpha/2}
    (Bloom 1995); in the unit of ``half_width``. An approximation: it takes the
    interval for a normal one.

    An interval of ±10 MiB an hour would have shown a leak of 14.3 in four of five measurements:

    >>> round(minimum_detectable(10.0), 1)
    14.3
    """
    if not (0 < alpha < 1 and 0 < power < 1):
        raise SeriesError(f"alpha and power must lie between 0 and 1, not {alpha} and {power}")
    if not half_width >= 0:
        raise SeriesError(f"half_width must be 0 or more, not {half_width}")
    z = float(ndtri(1 - alpha / 2))
    return half_width * (z + float(ndtri(power))) / z
