"""The power b of growth, rate ~ t^(b-1), with the interval of powers that the data do not reject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from aging.stats.growth.operational_time import Recording, recording, score
from aging.stats.series.validation import Floats

LOWEST, HIGHEST = -1.0, 3.0
_COARSE, _FINE, _NEAR = 0.2, 0.05, 0.3
_RESOLUTION = 0.02


@dataclass(frozen=True, slots=True)
class Exponent:
    """The power of growth and its confidence limits: 1 a constant leak, 0 logarithmic, below 0 saturating.

    Powers are sought between -1 and 3; a limit there means "or beyond". Limits
    lie at least 0.02 from the power: block edges do not resolve it more finely.
    """

    b: float
    low: float
    high: float


def growth_exponent(t: Floats, y: Floats, start: float, confidence: float = 0.95) -> Exponent | None:
    """Return the power of growth on the samples with t >= ``start``, or ``None`` where there are too few samples.

    The estimate is where the score changes sign, the interval the run of
    accepted powers around it. A single refused power inside the run is the
    jitter of block edges and does not end it.
    """
    return exponent_of(recording(t, y, start), confidence)


def exponent_of(samples: Recording, confidence: float = 0.95) -> Exponent | None:
    """As :func:`growth_exponent`."""
    powers = np.arange(LOWEST, HIGHEST + _COARSE / 2, _COARSE)
    found = _accepted(samples, powers, confidence)
    if found is not None and found.high - found.low < 2 * _NEAR:
        nearby = found.b + np.arange(-_NEAR, _NEAR + _FINE / 2, _FINE)
        found = _accepted(samples, nearby, confidence) or found
    if found is None:
        return None
    b = min(max(found.b, LOWEST), HIGHEST)
    low, high = min(found.low, b - _RESOLUTION), max(found.high, b + _RESOLUTION)
    return Exponent(b, max(low, LOWEST), min(high, HIGHEST))


def _accepted(samples: Recording, powers: Floats, confidence: float) -> Exponent | None:
    scores = [score(samples, float(b)) for b in powers]
    known = [s for s in scores if s is not None]
    if len(known) < len(scores):
        return None
    z = np.array([s.z for s in known])
    bound = stdtrit(np.array([float(s.df) for s in known]), (1 + confidence) / 2)
    if np.ptp(z) == 0:
        return None
    last = int(np.argmax(np.cumsum(np.append(0.0, np.sign(z))))) - 1
    low = _run_end(z[: last + 1][::-1] > bound[: last + 1][::-1])
    high = _run_end(z[last + 1 :] < -bound[last + 1 :])
    excess = np.abs(z) - bound
    b = _root(powers, z, last)
    return Exponent(
        b,
        min(b, _edge(powers, excess, last - low, last - low + 1)),
        max(b, _edge(powers, excess, last + 1 + high, last + high)),
    )


def _run_end(refused: NDArray[np.bool_]) -> int:
    """Return how many powers belong to the run before it is ended by two refusals in a row, or one at the end."""
    for k in range(refused.size):
        if refused[k] and (k + 1 == refused.size or refused[k + 1]):
            return k
    return int(refused.size)


def _root(powers: Floats, z: Floats, last: int) -> float:
    if last < 0:
        return float(powers[0])
    if last + 1 >= z.size:
        return float(powers[-1])
    share = z[last] / (z[last] - z[last + 1]) if z[last] > 0 >= z[last + 1] and z[last] > z[last + 1] else 0.5
    return float(powers[last] + share * (powers[last + 1] - powers[last]))


def _edge(powers: Floats, excess: Floats, outside: int, inside: int) -> float:
    """Interpolate between a refused power and its accepted neighbour; the ends of the search are ends."""
    if outside < 0:
        return float(powers[0])
    if outside >= powers.size:
        return float(powers[-1])
    inside = min(max(inside, 0), powers.size - 1)
    over, under = excess[outside], excess[inside]
    share = min(max(over / (over - under), 0.0), 1.0) if over > under else 0.5
    return float(powers[outside] + share * (powers[inside] - powers[outside]))
