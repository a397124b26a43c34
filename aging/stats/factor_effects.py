"""Effects of factors on a rate: main effects and two-factor interactions by least squares, replicas as the error.

Two-level factors are coded −1 and +1, so that an effect is the change from the low level to the high one (Box, Hunter
and Hunter 2005, chapter 5). Only repeats show the error: replicas and centre points (pure error; Montgomery
2017, section 6.8). Interactions of three factors and more are never taken for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtrit

from aging.stats.note import Note

Floats = NDArray[np.float64]

_SAME = 1e-9
_LONGEST_ALIAS = 3
"""Interactions of more factors are not named as aliases: they are assumed not to be there, and the list explodes."""

Factors = Mapping[str, Sequence[Any]]
"""The levels of each factor, in order."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One run: the level of each factor, and the rate that it had."""

    levels: Mapping[str, Any]
    rate: float
    centre: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """One term. ``effect`` is the change of the rate from the low level to the high one, None for more levels.

    ``means`` are the mean rates by level of a main effect, in the factor's order. ``aliases`` are the terms that this
    design cannot separate from it, with their sign. What is not known is None.
    """

    term: tuple[str, ...]
    effect: float | None
    ci: tuple[float, float] | None
    f: float | None
    df: int
    p: float | None
    means: tuple[float, ...]
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """The regression of a design. Rates are in the unit of the observations; ``error_sd`` is that of one run."""

    observations: int
    points: int
    mean: float
    error_df: int
    error_sd: float | None
    lack_of_fit_p: float | None
    effects: tuple[Effect, ...]
    curvature: Effect | None
    notes: tuple[Note, ...]


def name(term: Sequence[str]) -> str:
    """``a × b``."""
    return " × ".join(term)


def estimate(factors: Factors, observations: Sequence[Observation], resolution: float = 0.0) -> Effects:
    """Main effects and, where the design can estimate them, two-factor interactions, with 95 % intervals.

    A rate is known to ``resolution`` (in its unit) at best: repeats that agree more closely than that show the
    error of rounding (Sheppard 1898) alone. Raises ValueError for fewer than two observations.
    """
    if len(observations) < 2:
        raise ValueError(f"effects need at least 2 runs, got {len(observations)}")
    y = np.array([one.rate for one in observations])
    design = _Design(factors, observations)
    pure, repeats = _pure_error(observations, y)
    chosen, notes = _estimable(design)
    curved = design.curvature()
    columns = [np.ones((y.size, 1)), *(design.columns(term) for term in chosen)]
    if curved is not None:
        columns.append(curved)
    x = np.hstack(columns)
    from statsmodels.regression.linear_model import OLS  # noqa: PLC0415 - 60 MB that the runner never needs

    fit = OLS(y, x).fit()
    variance = max(pure / repeats, resolution**2 / 12) if repeats else None
    error = _Error(variance, repeats, np.asarray(fit.normalized_cov_params))
    place, effects = 1, []
    for term in chosen:
        width = design.columns(term).shape[1]
        effects.append(_effect(design, term, np.asarray(fit.params)[place : place + width], place, error))
        place += width
    bend = None
    if curved is not None:
        bend = _effect(design, ("curvature",), np.asarray(fit.params)[place:], place, error)
    residual = float(np.sum(np.asarray(fit.resid) ** 2))
    return Effects(
        observations=y.size,
        points=len({_cell(one) for one in observations}),
        mean=float(y.mean()),
        error_df=repeats,
        error_sd=None if error.variance is None else float(np.sqrt(error.variance)),
        lack_of_fit_p=_lack_of_fit(residual, y.size - x.shape[1], pure, repeats),
        effects=tuple(effects),
        curvature=bend,
        notes=(*notes, *(() if repeats else (_NO_ERROR,))),
    )


_NO_ERROR = Note(
    "no_error_estimate",
    "Every point was run once and there are no center points, so no error can be estimated and effects have no "
    "interval. Add replicas or center points.",
)


@dataclass(frozen=True, slots=True)
class _Error:
    """The variance of one run from what was repeated, and what least squares makes of it."""

    variance: float | None
    df: int
    spread: Floats

    def half_width(self, place: int) -> float | None:
        if self.variance is None:
            return None
        quantile = float(stdtrit(self.df, 0.975))
        return quantile * float(np.sqrt(self.variance * self.spread[place, place]))

    def f(self, values: Floats, at: slice) -> float | None:
        if self.variance is None:
            return None
        explained = float(values @ np.linalg.solve(self.spread[at, at], values)) / values.size
        if self.variance == 0:  # repeats that agree to the last digit
            return np.inf if explained > 0 else 0.0
        return explained / self.variance


class _Design:
    """The model matrix of a design, term by term."""

    def __init__(self, factors: Factors, observations: Sequence[Observation]) -> None:
        self._factors = factors
        self._observations = observations
        self._main = {factor: self._coded(factor, levels) for factor, levels in factors.items()}

    @property
    def factors(self) -> Factors:
        return self._factors

    @property
    def observations(self) -> Sequence[Observation]:
        return self._observations

    def columns(self, term: Sequence[str]) -> Floats:
        """One column a degree of freedom; that of an interaction are the products of its factors'."""
        product = np.ones((len(self._observations), 1))
        for factor in term:
            main = self._main[factor]
            product = (product[:, :, None] * main[:, None, :]).reshape(len(product), -1)
        return product

    def curvature(self) -> Floats | None:
        """1 at centre points; None where they are all there is, or there are none."""
        centre = np.array([[float(one.centre)] for one in self._observations])
        return centre if 0 < centre.sum() < centre.size else None

    def _coded(self, factor: str, levels: Sequence[Any]) -> Floats:
        """Sum coding: two levels are −1 and +1, of more each but the first has a column; the centre is 0."""
        rows = np.zeros((len(self._observations), len(levels) - 1))
        for row, one in zip(rows, self._observations, strict=True):
            if not one.centre:
                place = list(levels).index(one.levels[factor])
                row[:] = -1.0 if place == 0 else np.arange(1, len(levels)) == place
        return rows


def _cell(one: Observation) -> tuple[Any, ...]:
    return tuple(repr(level) for level in one.levels.values())


def _pure_error(observations: Sequence[Observation], y: Floats) -> tuple[float, int]:
    """Sum of squares within points that were repeated, and its degrees of freedom."""
    cells: dict[tuple[Any, ...], list[float]] = {}
    for one, rate in zip(observations, y, strict=True):
        cells.setdefault(_cell(one), []).append(float(rate))
    within = sum(float(np.sum((np.array(rates) - np.mean(rates)) ** 2)) for rates in cells.values())
    return within, y.size - len(cells)


def _estimable(design: _Design) -> tuple[list[tuple[str, ...]], list[Note]]:
    """Main effects, then two-factor interactions: each that adds a dimension to the ones before it."""
    chosen: list[tuple[str, ...]] = []
    notes: list[Note] = []
    curved = design.curvature()
    have = np.ones((len(design.observations), 1))
    if curved is not None:
        have = np.hstack([have, curved])
    for order in (1, 2):
        for term in combinations(design.factors, order):
            together = np.hstack([have, columns := design.columns(term)])
            if np.linalg.matrix_rank(together) == have.shape[1] + columns.shape[1]:
                chosen.append(term)
                have = together
            elif order == 1:
                message = f"The effect of {name(term)} cannot be separated from the others in the remaining runs."
                notes.append(Note("inseparable", message))
    return chosen, notes


def _effect(design: _Design, term: tuple[str, ...], values: Floats, place: int, error: _Error) -> Effect:
    """One term whose coefficients are ``values``, in the model's columns from ``place`` on."""
    curvature = term == ("curvature",)
    single = values.size == 1
    # From −1 to +1 is two units of a coded factor; the curvature's column is 1 at the centre.
    scale = 1.0 if curvature else 2.0
    half = error.half_width(place) if single else None
    change = scale * float(values[0]) if single else None
    f = error.f(values, slice(place, place + values.size))
    return Effect(
        term=term,
        effect=change,
        ci=None if half is None or change is None else (change - scale * half, change + scale * half),
        f=f,
        df=values.size,
        p=None if f is None else float(fdtrc(values.size, error.df, f)),
        means=() if curvature or len(term) > 1 else _means(design, term[0]),
        aliases=() if curvature else tuple(_aliases(design, term)),
    )


def _means(design: _Design, factor: str) -> tuple[float, ...]:
    seen = [(one.levels[factor], one.rate) for one in design.observations]
    rates = [[rate for level, rate in seen if level == wanted] for wanted in design.factors[factor]]
    return tuple(float(np.mean(of)) if of else np.nan for of in rates)


def _aliases(design: _Design, term: tuple[str, ...]) -> list[str]:
    """The terms of up to three factors whose column is this one's, or its negative."""
    own = design.columns(term)
    if own.shape[1] > 1:
        return []
    found = []
    for order in range(1, _LONGEST_ALIAS + 1):
        for other in combinations(design.factors, order):
            column = design.columns(other)
            if other == term or column.shape[1] > 1:
                continue
            if np.allclose(column, own, atol=_SAME):
                found.append(name(other))
            elif np.allclose(column, -own, atol=_SAME):
                found.append(f"−{name(other)}")
    return found


def _lack_of_fit(residual: float, residual_df: int, pure: float, pure_df: int) -> float | None:
    """p of "what the terms leave unexplained is no more than the repeats' spread"; None where nothing is left over."""
    df = residual_df - pure_df
    if df <= 0 or pure_df == 0 or pure == 0:
        return None
    return float(fdtrc(df, pure_df, max(residual - pure, 0.0) / df / (pure / pure_df)))
