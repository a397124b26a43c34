"""Host as a random effect: the mean rate over hosts, how far hosts differ, and which host is an outlier.

The model of the rate in cell j of variant v on host h, whose own error s is known from its series::

    y = mean(v) + u(h) + c(h, j) + e(h, j),   u ~ N(0, host²),   c ~ N(0, cell²),   e ~ N(0, s²)

The code is of this package since ``statsmodels.MixedLM`` estimates one error variance common to all observations and
cannot take a known one each, and ``statsmodels.stats.meta_analysis`` knows neither two levels nor crossed designs.

Both variances are generalized moment estimates (Paule and Mandel 1982; DerSimonian and Kacker 2007). With fixed
weights 1 / (s² + cell²), Q(host²) = y' P y is what the model leaves, P = V⁻¹ - V⁻¹X (X'V⁻¹X)⁻¹ X'V⁻¹ (Viechtbauer 2007,
eq. 4). The part of it that lies within hosts, Q(∞), does not depend on host², and cell² is where it is its degrees of
freedom; the rest, Q(host²) - Q(∞), falls in host², is chi² with as many degrees of freedom as contrasts between hosts,
and host² is where it is that many. At this solution the scale of Hartung and Knapp is 1, or below 1 at host² = 0,
where the modified one is 1 (Knapp and Hartung 2003; Röver et al. 2015).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, ndtr, ndtri, stdtr, stdtrit

from aging.stats.multiple.fdr import benjamini_hochberg
from aging.stats.note import Note
from aging.stats.series.validation import Floats, SeriesError

CONFIDENCE = 0.95
_FEWEST_FOR_OUTLIERS = 3
_WIDE = 2
_DIGITS = 1e-12

Control = Literal["benjamini-hochberg", "holm"]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Observation:
    """The rate of one cell of a variant on a host, and its standard error, greater than 0."""

    variant: str
    host: str
    rate: float
    error: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How far hosts differ.

    ``host_sd`` is the standard deviation between hosts, ``limits`` its 95 % limits by Q-profile (Viechtbauer 2007),
    given the cells' own spread; None where hosts differ less than their own errors allow: Q is then below the quantile
    of every spread, 0 included, and the interval is the null set. ``i2`` is the share of the hosts' spread that is no
    chance, in percent (Higgins and Thompson 2002). ``q`` is Cochran's Q between hosts on ``df`` degrees of freedom,
    ``p`` that of "hosts do not differ". ``cell_sd`` is the standard deviation between cells of one host, None where no
    host ran two of a kind.
    """

    host_sd: float
    limits: tuple[float, float] | None
    i2: float
    q: float
    df: int
    p: float
    cell_sd: float | None


@dataclass(frozen=True, slots=True)
class MeanRate:
    """A variant's mean rate over hosts, its error, 95 % limits, degrees of freedom and p of "the mean is 0".

    ``new_host`` are the limits of one more host's rate (Higgins et al. 2009), None for fewer than three hosts;
    ``spread`` is None for one host. ``weights`` are the observations' shares of the rate, which add up to 1.
    """

    rate: float
    error: float
    low: float
    high: float
    freedom: float
    p: float
    hosts: int
    new_host: tuple[float, float] | None
    spread: Spread | None
    weights: tuple[float, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Deviation:
    """One host beside the others, in ``cells`` observations.

    ``effect`` is the best linear unbiased prediction of its deviation from the variants' means, with 95 % limits.
    ``deleted`` is its distance from the means of the other hosts, and ``residual`` this over its standard error, all of
    it computed without the host (externally studentized: Viechtbauer and Cheung 2010, eq. 5); ``p`` is by Student's t
    on the degrees of freedom of the other hosts' spread, ``q`` is p adjusted over the hosts. They are None where the
    others cannot say.
    """

    host: str
    cells: int
    effect: float
    low: float
    high: float
    deleted: float | None
    residual: float | None
    p: float | None
    q: float | None


def mean_over_hosts(observations: Sequence[Observation]) -> MeanRate:
    """Return the mean rate of one variant, each host a random deviation from it.

    The limits are by Student's t on as many degrees of freedom as hosts less one. One host has no spread between
    hosts: its own error is returned, and a note with the code ``one_host`` says that it holds for this host alone. Two
    hosts have very wide limits (``two_hosts``). Raises :class:`~aging.stats.SeriesError` for no observation, for those
    of several variants, and for an error that is not greater than 0.

    >>> found = mean_over_hosts([Observation("a", host, rate, 2.0) for host, rate in zip("klmn", (98, 104, 91, 107))])
    >>> round(found.rate), round(found.low), round(found.high)
    (100, 89, 111)
    >>> round(found.spread.host_sd, 1), found.spread.p < 0.01
    (6.8, True)
    """
    data = _Data.of(observations)
    if data.variants.size > 1:
        raise SeriesError("observations of several variants have no common mean")
    hosts = data.hosts.size
    if hosts == 1:
        return _of_one_host(data)
    fit = _Fit.of(data)
    rate, error = float(fit.means[0]), math.sqrt(fit.covariance[0, 0])
    reach = float(stdtrit(hosts - 1, (1 + CONFIDENCE) / 2)) * error
    new_host = None
    if hosts > _WIDE:
        beyond = float(stdtrit(hosts - 2, (1 + CONFIDENCE) / 2)) * math.hypot(error, math.sqrt(fit.host_variance))
        new_host = (rate - beyond, rate + beyond)
    weights = fit.row_weights()
    message = "Two hosts leave 1 degree of freedom: the interval over hosts is very wide. Use three hosts or more."
    return MeanRate(
        rate=rate,
        error=error,
        low=rate - reach,
        high=rate + reach,
        freedom=float(hosts - 1),
        p=_two_sided(rate, error, hosts - 1),
        hosts=hosts,
        new_host=new_host,
        spread=fit.spread(),
        weights=tuple(float(weight) for weight in weights),
        notes=(Note("two_hosts", message),) if hosts == _WIDE else (),
    )


def host_deviations(observations: Sequence[Observation], control: Control = "benjamini-hochberg") -> list[Deviation]:
    """Return every host's deviation from the means of its variants, by name; none for fewer than two hosts.

    A host that ran several variants has one effect common to all, in the unit of the rates. Raises
    :class:`~aging.stats.SeriesError` for an error that is not greater than 0.

    >>> cells = [Observation("a", host, rate, 1.0) for host, rate in zip("klmnop", (50, 51, 49, 50, 52, 99))]
    >>> [one.host for one in host_deviations(cells) if one.q <= 0.05]
    ['p']
    """
    data = _Data.of(observations)
    if data.hosts.size < _WIDE:
        return []
    fit = _Fit.of(data)
    effects, errors = fit.predictions()
    reach = float(stdtrit(max(fit.between, 1), (1 + CONFIDENCE) / 2)) * errors
    deleted = [_deleted(data, host) for host in range(data.hosts.size)]
    adjust = _holm if control == "holm" else benjamini_hochberg
    adjusted = adjust([None if one is None else one[2] for one in deleted])
    return [
        Deviation(
            host=str(data.hosts[place]),
            cells=int(np.sum(data.host == place)),
            effect=float(effects[place]),
            low=float(effects[place] - reach[place]),
            high=float(effects[place] + reach[place]),
            deleted=None if one is None else one[0],
            residual=None if one is None else one[1],
            p=None if one is None else one[2],
            q=None if one is None else float(adjusted[place]),
        )
        for place, one in enumerate(deleted)
    ]


@dataclass(frozen=True, slots=True)
class _Data:
    """Observations as arrays; ``host`` and ``variant`` are places in ``hosts`` and ``variants``, both sorted."""

    hosts: NDArray[np.str_]
    variants: NDArray[np.str_]
    host: Ints
    variant: Ints
    y: Floats
    v: Floats

    @classmethod
    def of(cls, observations: Sequence[Observation]) -> _Data:
        if not observations:
            raise SeriesError("there is no observation")
        y, error = (np.array([getattr(one, name) for one in observations]) for name in ("rate", "error"))
        if not (np.all(np.isfinite(y)) and np.all(np.isfinite(error)) and np.all(error > 0)):
            raise SeriesError("every rate needs a finite standard error greater than 0")
        hosts, host = np.unique([one.host for one in observations], return_inverse=True)
        variants, variant = np.unique([one.variant for one in observations], return_inverse=True)
        return cls(hosts, variants, host, variant, y.astype(np.float64), error.astype(np.float64) ** 2)

    def chosen(self, rows: NDArray[np.bool_]) -> _Data:
        """Some of its observations, the places of hosts and variants renumbered."""
        hosts, host = np.unique(self.host[rows], return_inverse=True)
        variants, variant = np.unique(self.variant[rows], return_inverse=True)
        return _Data(self.hosts[hosts], self.variants[variants], host, variant, self.y[rows], self.v[rows])


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the model needs of the data at one variance between cells: weights and weighted sums by host and variant.

    V is block-diagonal in hosts, and a block's inverse is diag(w) - w w' host² / (1 + host² Σw) (Sherman and Morrison
    1950): nothing larger than hosts × variants is ever made.
    """

    weight: Floats
    total: Floats
    squares: float

    @classmethod
    def of(cls, data: _Data, centred: Floats, cell_variance: float) -> _Sums:
        w = 1 / (data.v + cell_variance)
        weight = np.zeros((data.hosts.size, data.variants.size))
        total = np.zeros_like(weight)
        np.add.at(weight, (data.host, data.variant), w)
        np.add.at(total, (data.host, data.variant), w * centred)
        return cls(weight, total, float(np.sum(w * centred**2)))

    def shrinkage(self, host_variance: float) -> Floats:
        """host² / (1 + host² Σw) of each host; 1 / Σw at infinity."""
        own = self.weight.sum(axis=1)
        return np.asarray(1 / own if math.isinf(host_variance) else host_variance / (1 + host_variance * own))

    def normal(self, host_variance: float) -> tuple[Floats, Floats, float]:
        """X'V⁻¹X, X'V⁻¹y and y'V⁻¹y."""
        c, sums = self.shrinkage(host_variance), self.total.sum(axis=1)
        left = np.diag(self.weight.sum(axis=0)) - (self.weight * c[:, None]).T @ self.weight
        right = self.total.sum(axis=0) - (c * sums) @ self.weight
        return left, right, self.squares - float(np.sum(c * sums**2))

    def q(self, host_variance: float) -> float:
        """y'Py, the generalized Q."""
        left, right, squares = self.normal(host_variance)
        means = np.linalg.lstsq(left, right, rcond=_DIGITS)[0]
        return max(0.0, squares - float(right @ means))


@dataclass(frozen=True, slots=True)
class _Fit:
    """The model at its estimates. ``between`` and ``within`` are degrees of freedom."""

    data: _Data
    sums: _Sums
    offset: Floats
    host_variance: float
    cell_variance: float
    between: int
    within: int
    means: Floats
    covariance: Floats

    @classmethod
    def of(cls, data: _Data) -> _Fit:
        # Differences of rates decide; with the means taken off, squares of large rates do not cancel.
        offset = np.bincount(data.variant, data.y) / np.bincount(data.variant)
        centred = data.y - offset[data.variant]
        between, within = _degrees(data)
        cell_variance = 0.0
        if within:
            cell_variance = _falling(lambda x: _Sums.of(data, centred, x).q(math.inf), within, float(np.median(data.v)))
        sums = _Sums.of(data, centred, cell_variance)
        host_variance = _host_variance(sums, between) if between else 0.0
        left, right, _ = sums.normal(host_variance)
        covariance = np.asarray(np.linalg.pinv(left, rcond=_DIGITS, hermitian=True), dtype=np.float64)
        means = offset + covariance @ right
        return cls(data, sums, offset, host_variance, cell_variance, between, within, means, covariance)

    def spread(self) -> Spread:
        q = self.sums.q(0.0) - self.sums.q(math.inf)
        levels = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)  # of the upper tail: the limit below has the smaller one
        low, high = (_host_variance(self.sums, float(chdtri(self.between, level))) for level in levels)
        return Spread(
            host_sd=math.sqrt(self.host_variance),
            limits=(math.sqrt(low), math.sqrt(high)) if high > 0 else None,
            i2=100 * max(0.0, (q - self.between) / q) if q > 0 else 0.0,
            q=q,
            df=self.between,
            p=float(chdtrc(self.between, q)),
            cell_sd=math.sqrt(self.cell_variance) if self.within else None,
        )

    def row_weights(self) -> Floats:
        """The share of each observation in the mean of a single variant: those of V⁻¹, scaled to 1."""
        data, c = self.data, self.sums.shrinkage(self.host_variance)
        w = 1 / (data.v + self.cell_variance)
        shares = w * (1 - c * self.sums.weight.sum(axis=1))[data.host]
        return np.asarray(shares / shares.sum())

    def predictions(self) -> tuple[Floats, Floats]:
        """The hosts' effects, host² Z'Py, and their prediction errors, (host² - host⁴ Z'PZ)^½ (Henderson 1975)."""
        c, weight = self.sums.shrinkage(self.host_variance), self.sums.weight
        left_over = self.sums.total.sum(axis=1) - weight @ (self.means - self.offset)
        spread_of_means = np.einsum("hv,vw,hw->h", weight, self.covariance, weight)
        # host² (1 - host² Z'V⁻¹Z) with known means, and what the means' own error adds.
        variance = self.host_variance * (1 - c * weight.sum(axis=1)) + c**2 * spread_of_means
        return c * left_over, np.sqrt(np.maximum(0.0, variance))


def _deleted(data: _Data, host: int) -> tuple[float, float, float] | None:
    """The host's distance from the others' means, as a multiple of its error, and p; None where it has no others."""
    mine = data.host == host
    if data.hosts.size < _FEWEST_FOR_OUTLIERS:
        return None
    others = _Fit.of(data.chosen(~mine))
    place = {str(name): at for at, name in enumerate(others.data.variants)}
    own = np.flatnonzero(mine)
    faced = np.array([row for row in own if str(data.variants[data.variant[row]]) in place], dtype=np.intp)
    if not faced.size or not others.between:
        return None
    at = [place[str(data.variants[data.variant[row]])] for row in faced]
    apart = data.y[faced] - others.means[at]
    covariance = others.covariance[np.ix_(at, at)] + others.host_variance
    covariance = covariance + np.diag(data.v[faced] + others.cell_variance)
    weights = np.linalg.solve(covariance, np.ones(faced.size))
    error = math.sqrt(1 / float(weights.sum()))
    distance = float(weights @ apart) * error**2
    return distance, distance / error, _two_sided(distance, error, others.between)


def _of_one_host(data: _Data) -> MeanRate:
    """The mean of one host's cells: by its own error for one, by Hartung and Knapp's for several."""
    cells = data.y.size
    message = "One host: how far hosts differ is not known. The rate and its interval hold for this host alone."
    variance = 0.0
    if cells > 1:

        def left(x: float) -> float:
            w = 1 / (data.v + x)
            return float(np.sum(w * (data.y - np.average(data.y, weights=w)) ** 2))

        variance = _falling(left, cells - 1, float(np.median(data.v)))
    w = 1 / (data.v + variance)
    rate, error, freedom = float(np.average(data.y, weights=w)), math.sqrt(1 / float(w.sum())), cells - 1
    level = (1 + CONFIDENCE) / 2
    reach = float(stdtrit(freedom, level) if freedom else ndtri(level)) * error
    return MeanRate(
        rate=rate,
        error=error,
        low=rate - reach,
        high=rate + reach,
        freedom=float(freedom) if freedom else math.inf,
        p=_two_sided(rate, error, freedom),
        hosts=1,
        new_host=None,
        spread=None,
        weights=tuple(float(weight) for weight in w / w.sum()),
        notes=(Note("one_host", message),),
    )


def _degrees(data: _Data) -> tuple[int, int]:
    """Degrees of freedom between hosts and within them.

    The rank of [X Z] is hosts + variants - the parts into which the design falls, which no host connects.
    """
    met = np.zeros((data.hosts.size, data.variants.size), dtype=bool)
    met[data.host, data.variant] = True
    parts, left = 0, np.ones(data.hosts.size, dtype=bool)
    while left.any():
        reached = np.zeros_like(left)
        reached[int(np.flatnonzero(left)[0])] = True
        while True:
            wider = np.asarray((met & met[reached].any(axis=0)).any(axis=1))
            if np.array_equal(wider, reached):
                break
            reached = wider
        parts += 1
        left = np.asarray(left & ~reached)
    between = data.hosts.size - parts
    return between, data.y.size - (between + data.variants.size)


def _host_variance(sums: _Sums, value: float) -> float:
    """The host² at which Q between hosts is ``value``; 0 where it is less for every one."""
    within = sums.q(math.inf)
    scale = sums.weight.shape[0] / float(sums.weight.sum())
    return _falling(lambda x: sums.q(x) - within, value, scale)


def _falling(function: Callable[[float], float], value: float, scale: float) -> float:
    """The x >= 0 at which a falling function has a value, 0 where it is below it at 0; ``scale`` is a usual x."""
    from scipy.optimize import brentq  # noqa: PLC0415 - 0.2 s to import, and only a study of several hosts needs it

    if function(0.0) <= value:
        return 0.0
    high = scale
    while function(high) > value:
        high *= 4
    return float(brentq(lambda x: function(x) - value, 0.0, high, xtol=scale * 1e-9, rtol=1e-9))


def _two_sided(value: float, error: float, freedom: float) -> float:
    t = -abs(value) / error
    return float(2 * (stdtr(freedom, t) if freedom else ndtr(t)))


def _holm(p: Sequence[float | None]) -> Floats:
    """Holm's step-down adjustment (1979), of any dependence; a missing p stays NaN and does not count."""
    values = np.asarray(p, dtype=np.float64)
    known = np.isfinite(values)
    order = np.argsort(values[known])
    adjusted = np.empty(order.size)
    adjusted[order] = np.maximum.accumulate(values[known][order] * np.arange(order.size, 0, -1))
    q = np.full(values.shape, np.nan)
    q[known] = np.minimum(adjusted, 1)
    return q
