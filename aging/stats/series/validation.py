"""Requirements of every analysis on its input: finite numbers, times that increase, and enough of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_LARGEST = 1e100
"""Squares of values up to this, and of their inverses, are numbers still."""

_ROUNDING = 1e-12


class SeriesError(ValueError):
    """A series that cannot be analyzed; the message names what is wrong and what would be right."""


def as_values(y: ArrayLike, least: int = 1, name: str = "y") -> Floats:
    """Return ``y`` as a one-dimensional array of finite float64, shape (n,).

    Raises :class:`SeriesError` when it is not one-dimensional, not numeric, has
    fewer than ``least`` values, holds a NaN or an infinity, or is of a size that
    cannot be squared.
    """
    try:
        if (kind := np.asarray(y).dtype).kind in "mMc":  # dates would be taken for nanoseconds
            raise TypeError(f"{kind} is not numeric; give real numbers, and times in seconds")
        values = np.ascontiguousarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SeriesError(f"{name} must be numbers: {error}") from None
    if values.ndim != 1:
        raise SeriesError(f"{name} must have one dimension, not {values.ndim}")
    if values.size < least:
        raise SeriesError(f"{name} has {values.size} values; at least {least} are needed")
    unusable = int(np.count_nonzero(~np.isfinite(values)))
    if unusable:
        raise SeriesError(f"{name} holds {unusable} values that are NaN or infinite; drop them first")
    largest = float(np.abs(values).max(initial=0.0))
    if largest > _LARGEST or 0 < largest < 1 / _LARGEST:
        raise SeriesError(f"{name} has values up to {largest:.2g}, which are too large or too small; use another unit")
    return values


def is_constant(y: Floats) -> bool:
    """Whether ``y``, shape (n,), n >= 1, differs by no more than the rounding of what it was computed from."""
    return bool(np.ptp(y) <= _ROUNDING * np.abs(y).max())


def as_series(t: ArrayLike, y: ArrayLike, least: int = 1) -> tuple[Floats, Floats]:
    """Return times in seconds and values, both shape (n,), sorted so that the times increase strictly.

    Values that share a time are replaced by their median. Raises
    :class:`SeriesError` as :func:`as_values` does, when the shapes differ, and
    when fewer than ``least`` distinct times remain.
    """
    times, values = as_values(t, least=0, name="t"), as_values(y, least=0, name="y")
    if times.size != values.size:
        raise SeriesError(f"t has {times.size} values and y has {values.size}; they must be equally many")
    if np.any(np.diff(times) <= 0):
        order = np.argsort(times, kind="stable")
        times, values = _distinct(times[order], values[order])
    if times.size < least:
        raise SeriesError(f"the series has {times.size} distinct times; at least {least} are needed")
    return times, values


def _distinct(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    unique, first = np.unique(times, return_index=True)
    if unique.size == times.size:
        return times, values
    ordered = values[np.lexsort((values, times))]
    counts = np.diff(np.append(first, times.size))
    return unique, (ordered[first + (counts - 1) // 2] + ordered[first + counts // 2]) / 2
