"""What is kept of a series for the live page: a bounded number of equal cells of time.

When time runs beyond the last cell, neighbors are merged and each cell lasts twice as long: two weeks take as much
memory as two minutes. No spike is lost: a cell keeps its least and its greatest value.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from aging.report.charts.cells import CELLS, broken
from aging.report.charts.chart import Floats

Array = np.ndarray[Any, np.dtype[Any]]

_FIRST_WIDTH = 1.0
_FEW = 8
"""Up to so many values one by one is faster."""


class Cells:
    """Equal cells of ``width`` seconds from ``start``, ``used`` of them reached. Earlier values are left out."""

    _ARRAYS: ClassVar[Mapping[str, tuple[np.ufunc, float]]] = {}
    """By name: how two neighbors become one, and the value of an empty cell."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.width = _FIRST_WIDTH
        self.used = 0

    def reach(self, t: float) -> int:
        """The cell of time ``t``, made by wider cells where it is beyond the last; negative before the start."""
        cell = int((t - self.start) // self.width)
        while cell >= self._count():
            self._widen()
            cell //= 2
        if cell >= self.used:
            self.used = cell + 1
        return cell

    def middles(self) -> Floats:
        """The time in the middle of each cell that is in use."""
        middles: Floats = self.start + (np.arange(self.used, dtype=np.float64) + 0.5) * self.width
        return middles

    def packed(self) -> dict[str, Any]:
        """All of it as JSON."""
        arrays = {name: _text(getattr(self, name)[: self.used]) for name in self._ARRAYS}
        return {"start": self.start, "width": self.width, "used": self.used, "arrays": arrays}

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> Self:
        found = cls(packed["start"])
        found.width, found.used = packed["width"], packed["used"]
        for name, text in packed["arrays"].items():
            array = getattr(found, name)
            flat = np.frombuffer(base64.b64decode(text), dtype=array.dtype)
            array[: found.used] = flat.reshape(found.used, *array.shape[1:])
        return found

    def _count(self) -> int:
        return len(getattr(self, next(iter(self._ARRAYS))))

    def _widen(self) -> None:
        self.width *= 2
        self.used = (self.used + 1) // 2
        for name, (merge, empty) in self._ARRAYS.items():
            array: Array = getattr(self, name)
            half = len(array) // 2
            array[:half] = merge(array[0::2], array[1::2])
            array[half:] = empty


class Envelope(Cells):
    """The least, the greatest and the mean value of each cell."""

    _ARRAYS: ClassVar = {
        "low": (np.minimum, np.inf),
        "high": (np.maximum, -np.inf),
        "total": (np.add, 0.0),
        "count": (np.add, 0.0),
    }

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self.low, self.high = np.full(CELLS, np.inf), np.full(CELLS, -np.inf)
        self.total, self.count = np.zeros(CELLS), np.zeros(CELLS)
        self.last: float | None = None

    def add(self, t: float, value: float) -> None:
        cell = self.reach(t)
        if cell < 0:
            return
        self.low[cell] = min(self.low[cell], value)
        self.high[cell] = max(self.high[cell], value)
        self.total[cell] += value
        self.count[cell] += 1
        self.last = value

    def add_many(self, t: Floats, values: Floats) -> None:
        """The same for many finite values, in order of time."""
        if not t.size:
            return
        if t.size <= _FEW:
            for one, value in zip(t.tolist(), values.tolist(), strict=True):
                self.add(one, value)
            return
        self.reach(float(t.max()))
        cells = ((t - self.start) // self.width).astype(np.int64)
        inside = cells >= 0
        cells, kept = cells[inside], values[inside]
        np.minimum.at(self.low, cells, kept)
        np.maximum.at(self.high, cells, kept)
        np.add.at(self.total, cells, kept)
        np.add.at(self.count, cells, 1.0)
        self.last = float(values[-1])

    def curves(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Times, least, greatest and mean values of the cells with values; NaN where the series pauses."""
        used = slice(self.used)
        there = np.flatnonzero(self.count[used])
        t, mean = self.middles()[there], self.total[there] / self.count[there]
        times, (low, high, middle) = broken(t, (self.low[there], self.high[there], mean))
        return times, low, high, middle


class Quantiles(Cells):
    """How many values of each cell are of which size, in steps of 5 %: any quantile to 2.5 %, also of merged cells."""

    CELLS = 240
    _LEAST, _STEP, _BINS = 1e-4, 1.05, 332
    """From 0.1 ms to 1000 s."""

    _ARRAYS: ClassVar = {"counts": (np.add, 0)}

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self.counts = np.zeros((self.CELLS, self._BINS), dtype=np.uint32)

    def add_many(self, t: Floats, values: Floats) -> None:
        """Positive values at times ``t``."""
        if not t.size:
            return
        self.reach(float(t.max()))
        cells = ((t - self.start) // self.width).astype(np.int64)
        with np.errstate(divide="ignore", invalid="ignore"):
            bins = np.log(np.maximum(values, self._LEAST) / self._LEAST) / np.log(self._STEP)
        bins = np.clip(np.nan_to_num(bins), 0, self._BINS - 1).astype(np.int64)
        inside = cells >= 0
        np.add.at(self.counts, (cells[inside], bins[inside]), 1)

    def curves(self, *shares: float) -> tuple[Floats, ...]:
        """The times of the cells with values, and for each share (0.5: the median) the quantile of each."""
        counts = self.counts[: self.used]
        sums = counts.cumsum(axis=1)
        there = np.flatnonzero(sums[:, -1]) if self.used else np.empty(0, dtype=np.int64)
        found = [
            self._LEAST * self._STEP ** ((sums[there] < share * sums[there, -1:]).sum(axis=1) + 0.5) for share in shares
        ]
        times, lines = broken(self.middles()[there], found)
        return times, *lines


class Counts(Cells):
    """How often what happened in each cell: a column a kind."""

    CELLS = 240
    _ARRAYS: ClassVar = {"counts": (np.add, 0)}
    KINDS = ("ok", "error", "dropped", "aborted", "refused")

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self.counts = np.zeros((self.CELLS, len(self.KINDS)), dtype=np.uint32)

    def add(self, t: float, kind: str, many: int = 1) -> None:
        cell = self.reach(t)
        if cell >= 0 and kind in self.KINDS:
            self.counts[cell, self.KINDS.index(kind)] += many

    def add_many(self, t: Floats, kind: str) -> None:
        if not t.size:
            return
        self.reach(float(t.max()))
        cells = ((t - self.start) // self.width).astype(np.int64)
        np.add.at(self.counts[:, self.KINDS.index(kind)], cells[cells >= 0], 1)

    def rates(self) -> tuple[Floats, Mapping[str, Floats]]:
        """Times and rates per second of the cells that time has left; the last one is still being counted."""
        done = max(self.used - 1, 0)
        rates = {kind: self.counts[:done, place] / self.width for place, kind in enumerate(self.KINDS)}
        return self.middles()[:done], rates


def _text(array: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
