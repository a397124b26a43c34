"""Logarithm, exponential, sine and normal quantile that are the same to the last bit on every machine.

IEEE 754 rounds +, −, ×, ÷ and square roots alike everywhere, and nothing more: the C
library's and numpy's vectorised functions differ in the last bit from processor to
processor, and a schedule made with them would now and then be another one elsewhere.
These are made of the exact operations alone. All take and give float64 arrays of one shape;
relative errors are below 1e-14.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476
_ATANH = [1.0 / (2 * k + 1) for k in range(11)]
_EXP = [1.0 / factorial(k) for k in range(14)]
_PI_2 = 1.5707963267948966
_SINE = [(-1) ** k / factorial(2 * k + 1) for k in range(10)]


def log(x: Floats) -> Floats:
    """Natural logarithm of positive numbers."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    exponent = exponent - small
    ratio = (mantissa - 1.0) / (mantissa + 1.0)  # log(m) = 2 atanh((m - 1) / (m + 1)), |ratio| < 0.172
    series = _polynomial(_ATANH, ratio * ratio)
    return exponent * _LN2_HIGH + (2.0 * ratio * series + exponent * _LN2_LOW)


def exp(x: Floats) -> Floats:
    """Exponential; 0 below −700, where results are indistinguishable from 0."""
    bounded = np.clip(x, -700.0, 700.0)
    halvings = np.rint(bounded * (1.0 / 0.6931471805599453))
    rest = (bounded - halvings * _LN2_HIGH) - halvings * _LN2_LOW
    value: Floats = np.ldexp(_polynomial(_EXP, rest), halvings.astype(np.int64))
    return np.where(x < -700.0, 0.0, value)


def sine_of_turns(turns: Floats) -> Floats:
    """Sine of an angle in whole turns, in [0, 1)."""
    quarters = 4.0 * turns
    # Mirrored into [-1, 1] quarters, where the series converges fast.
    folded = np.where(quarters > 3.0, quarters - 4.0, np.where(quarters > 1.0, 2.0 - quarters, quarters))
    angle = folded * _PI_2
    return angle * _polynomial(_SINE, angle * angle)


def normal_quantile(p: Floats) -> Floats:
    """The standard normal distribution's quantile of ``p`` in (0, 1).

    Wichura 1988, Algorithm AS 241 (PPND16), Applied Statistics 37, 477-484.
    """
    q = p - 0.5
    r = 0.180625 - q * q
    central = q * _polynomial(_CENTRAL[0], r) / _polynomial(_CENTRAL[1], r)
    (outside,) = np.nonzero(r < 0)
    if outside.size:
        tail = p[outside]
        r = np.sqrt(-log(np.minimum(tail, 1.0 - tail)))
        near, far = r - 1.6, r - 5.0
        value = np.where(
            far <= 0,
            _polynomial(_NEAR[0], near) / _polynomial(_NEAR[1], near),
            _polynomial(_FAR[0], far) / _polynomial(_FAR[1], far),
        )
        central[outside] = np.where(tail < 0.5, -value, value)
    return central


def _polynomial(coefficients: list[float], x: Floats) -> Floats:
    """By Horner's rule, the constant first; products and sums one by one, so that no two are fused."""
    value = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value *= x
        value += coefficient
    return value


_CENTRAL = (
    [
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ],
    [
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ],
)
_NEAR = (
    [
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ],
    [
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ],
)
_FAR = (
    [
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ],
    [
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ],
)
