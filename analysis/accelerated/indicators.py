"""What indicators of simulated servers, boards and hosts are: functions of identity and age, as noisy as real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.accelerated.servers import Server

_BLOCK = 3600
"""Seconds of indicators that are drawn at a time."""

_PAGE = 4096

Floats = NDArray[np.float64]
Column = Callable[[np.random.Generator, float, Floats], Floats]
"""Values of one indicator: of a block that begins at an age, at these ages (seconds)."""


def _rounded(y: Floats, decimals: int) -> Floats:
    return np.asarray(np.round(y, decimals), dtype=np.float64)


def constant(value: float) -> Column:
    return lambda _rng, _age, t: np.full(t.size, value)


def gauge(mean: float, sd: float, decimals: int = 0) -> Column:
    return lambda rng, _age, t: _rounded(np.abs(rng.normal(mean, sd, t.size)), decimals)


def counter(per_second: float, decimals: int = 0) -> Column:
    """Rises at random within a block, and by just its rate over it: blocks join without knowing of each other."""

    def column(rng: np.random.Generator, age: float, t: Floats) -> Floats:
        steps = np.cumsum(rng.exponential(size=t.size))
        return _rounded(per_second * (age + _BLOCK * steps / steps[-1]), decimals)

    return column


def share(mean: float, sd: float, decimals: int = 2) -> Column:
    return lambda rng, _age, t: _rounded(np.clip(rng.normal(mean, sd, t.size), 0, 1), decimals)


def memory_of(server: Server, key: Sequence[int]) -> Column:
    """Anonymous memory: a base, a leak, what fills up, slow ups and downs from hour to hour, and a few pages' noise."""

    def column(rng: np.random.Generator, age: float, t: Floats) -> Floats:
        y = server.anonymous + server.leak * t / 3600 - server.fill * np.expm1(-t / server.tau)
        return _in_pages(y + _slow(key, age, t, 24e3) + rng.normal(0.0, 8e3, t.size), _PAGE)

    return column


def device_memory_of(server: Server, key: Sequence[int]) -> Column:
    """A device's pages are larger, and so hide more."""

    def column(_rng: np.random.Generator, age: float, t: Floats) -> Floats:
        return _in_pages(server.device + server.device_leak * t / 3600 + _slow(key, age, t, 1e6), 2 * 2**20)

    return column


def _slow(key: Sequence[int], age: float, t: Floats, sd: float) -> Floats:
    """From hour to hour, each of which begins where the one before it ended."""
    ends = [np.random.default_rng([*key, int(age) // _BLOCK + k]).normal(0.0, sd) for k in (0, 1)]
    return np.asarray(np.interp(t - age, (0.0, float(_BLOCK)), ends), dtype=np.float64)


def _in_pages(y: Floats, page: int) -> Floats:
    return np.asarray(np.round(y / page) * page, dtype=np.float64)


class Indicators:
    """The columns of one entity's rows, drawn a block at a time; a tick takes its row from it."""

    def __init__(self, seed: Sequence[int], columns: Mapping[str, Column], interval: float) -> None:
        self._seed = list(seed)
        self._columns = dict(columns)
        self._interval = interval
        self._block = -1
        self._rows: list[list[float]] = []

    def at(self, age: float) -> dict[str, float]:
        block = max(int(age // _BLOCK), 0)
        if block != self._block:
            rng = np.random.default_rng([*self._seed, block])
            begin = float(block * _BLOCK)
            t = begin + self._interval * np.arange(int(_BLOCK / self._interval), dtype=np.float64)
            drawn = [column(rng, begin, t) for column in self._columns.values()]
            self._rows, self._block = np.column_stack(drawn).tolist(), block
        place = min(int(max(age - block * _BLOCK, 0.0) / self._interval), len(self._rows) - 1)
        return dict(zip(self._columns, self._rows[place], strict=True))
