"""The rows of one source of one run in the order of their times, column by column, for what is drawn of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.core.records import TREE

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Readings:
    """Rows within a run's load; ``t`` (shape n) is seconds since it began, ``generation`` (shape n) the server's."""

    t: Floats
    generation: NDArray[np.int64]
    frame: pd.DataFrame
    place: NDArray[np.int64] | slice

    def of(self, values: pd.Series) -> Floats:
        """Values on the index of the frame at the times ``t``."""
        return np.asarray(values.to_numpy(dtype=np.float64)[self.place])

    def column(self, name: str) -> Floats | None:
        """A column of the frame at the times ``t``; None where it has none of that name."""
        return self.of(self.frame[name]) if name in self.frame else None


def readings(frame: pd.DataFrame, time: str, begin: float, end: float) -> Readings:
    """Rows whose ``time``, monotonic seconds, is within ``begin`` and ``end``; of a whole deployment, not its parts."""
    if frame.empty or time not in frame:
        return Readings(np.empty(0), np.empty(0, dtype=np.int64), frame, slice(0, 0))
    t = frame[time].to_numpy(dtype=np.float64)
    kept = (t >= begin) & (t <= end) & frame["generation"].notna().to_numpy()
    if "entity" in frame and time == "mono" and (frame["entity"] == TREE).any():
        kept &= (frame["entity"] == TREE).to_numpy(dtype=bool)
    place: NDArray[np.int64] | slice = slice(None)
    if not kept.all() or np.any(np.diff(t) < 0):
        within = np.flatnonzero(kept)
        place = within[np.argsort(t[within], kind="stable")]
    generation = frame["generation"].to_numpy()[place].astype(np.int64)
    return Readings(t[place] - begin, generation, frame, place)
