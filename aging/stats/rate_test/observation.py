"""A series as the rate test sees it: along its axis, with its resolution and the window of its present rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.growth.sawtooth import floor_window, is_sawtooth, trailing_minimum
from aging.stats.note import Note
from aging.stats.rate_test.present import FEWEST, Window, present
from aging.stats.series.validation import Floats, SeriesError, as_series
from aging.stats.trend import default_resolution

UNSEEN = 2.0
"""Growth of so many resolutions shows: what a heap has free, and one step of its allocator."""

FEW = Note("few_samples", f"Fewer than {FEWEST} samples since the start of load.")
NO_WORK = Note("no_requests", "No requests were counted in this time.")
UNKNOWN = Note("resolution_unknown", "The series never moved and its resolution is not known: nothing was excluded.")


class NothingSeenError(SeriesError):
    """A series that shows no rate; ``note`` says why."""

    def __init__(self, note: Note) -> None:
        super().__init__(str(note))
        self.note = note


@dataclass(frozen=True, slots=True)
class Observation:
    """Values ``y`` at ``x`` of the axis, both shape (m,), m >= 20, and what they show.

    ``floor`` holds places and levels after collections where the values are a sawtooth, else the same. ``per_second``
    is how far the axis moves a second, ``resolution`` the smallest growth that matters or can be seen, ``window`` that
    of the present rate.
    """

    x: Floats
    y: Floats
    floor: tuple[Floats, Floats]
    per_second: float
    resolution: float
    window: Window

    @property
    def unseen(self) -> float:
        """The largest rate of a leak that may be hidden in the window."""
        return UNSEEN * self.resolution / self.window.span


def observed(t: ArrayLike, y: ArrayLike, w: ArrayLike | None, resolution: float | None = None) -> Observation:
    """Return ``y`` at ``t`` seconds since the start of load along the cumulative work ``w``, or the time where None.

    All shape (n,). ``resolution``: by default 64 pages of memory that is in whole pages, and no less than the smallest
    change of the series. Raises :class:`NothingSeenError` and :class:`~aging.stats.SeriesError`.
    """
    if np.size(t) == 0:
        raise NothingSeenError(FEW)
    x, values, per_second = _on_axis(t, y, w)
    if x.size < FEWEST:
        raise NothingSeenError(NO_WORK if w is not None and np.ptp(np.asarray(w, dtype=np.float64)) == 0 else FEW)
    least = default_resolution(values) if resolution is None else resolution
    floor = _floor(x, values)
    window = present(*floor, least)
    least = max(least, window.quantum)
    if least == 0:
        if np.any(np.mod(values, 1.0)):
            raise NothingSeenError(UNKNOWN)
        least = 1.0  # a count that stands still: of threads, of descriptors
    return Observation(x, values, floor, per_second, least, window)


def _on_axis(t: ArrayLike, y: ArrayLike, w: ArrayLike | None) -> tuple[Floats, Floats, float]:
    """The values along the work, or the time where there is none, and how far that axis moves a second.

    Of samples between which no work was done the last is kept.
    """
    times, values = as_series(t, y)
    if w is None:
        return times, values, 1.0
    _, work = as_series(t, w)
    if np.any(np.diff(work) < 0):
        raise SeriesError("w must be a cumulative count that never falls")
    kept = np.append(np.diff(work) > 0, True) & (work > 0)
    return work[kept], values[kept], float(work[-1] / times[-1]) if times[-1] > 0 else 1.0


def _floor(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The level after collections where the series is a sawtooth with enough of them, else the series."""
    window = floor_window(y) if is_sawtooth(y) else None
    return (x, y) if window is None else (x[window - 1 :], trailing_minimum(y, window)[window - 1 :])
