"""Leaving the warm-up out of a series."""

from __future__ import annotations

from numpy.typing import ArrayLike

from aging.trends.series import Floats, as_series


def drop_warmup(t: ArrayLike, y: ArrayLike, seconds: float) -> tuple[Floats, Floats]:
    """Return the part of a series at or after ``seconds`` from the start of load (t = 0); times are kept as they are.

    Both shape (n,) in, shape (m,) out, m <= n, possibly empty. Raises :class:`~aging.trends.SeriesError`.
    """
    times, values = as_series(t, y)
    kept = times >= seconds
    return times[kept], values[kept]
