"""Simulated servers for the gate: memory once a second under load, clean, growing without a leak, and leaking.

Every family is a pure function of a random generator. A server has a base of 10 to 200 MB, a start-up growth of up to
2 MB in the first half minute, and noise of its level in whole pages; what its family adds comes on top. The truth is
``Sampled.rate``: how fast it grows at the end of the budget, in bytes per request.

Sizes and time constants are shares of the budget, so that a look-alike ends within it, but for the families of
:data:`BEYOND`: until a cache is full that fills at one rate, it grows as a leak does, and no rule can tell.

``drawn("cache, exponential", rng)`` gives one server; ``python -m analysis.gate.series`` lists the families.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from analysis.methods.signals import ar1

Floats = NDArray[np.float64]
Kind = Literal["clean", "look-alike", "leak", "beyond"]

PAGE = 4096.0
KIB, MIB = 1024.0, 1024.0**2
CHUNKS: Mapping[str, float] = {"page": PAGE, "glibc": 132 * KIB, "arena": MIB}
"""What memory grows in: pages, glibc's top chunk (M_TOP_PAD and one page), an arena that is touched as a whole."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for all servers of a cell.

    ``seconds`` is the budget; ``per_second`` the requests a second, of Poisson arrivals; ``noise`` the range of the
    standard deviation of the level in pages, log-uniform (None: no noise); ``limit`` the bytes per request to
    which the sizes of leaks refer.
    """

    seconds: int = 600
    per_second: float = 100.0
    noise: tuple[float, float] | None = (0.5, 32.0)
    limit: float = 32.0

    @property
    def requests(self) -> float:
        """How many requests are expected."""
        return self.seconds * self.per_second


@dataclass(frozen=True, slots=True)
class Sampled:
    """One server: ``t`` seconds since the start of load, memory ``y`` in bytes, requests so far ``w``, all (n,).

    ``rate`` is the true growth at the end, in bytes per request.
    """

    t: Floats
    y: Floats
    w: Floats
    rate: float
    family: str
    kind: Kind


Added = tuple[Floats, float]
"""Bytes on top of the base, shape (n,), and the true rate at the end."""
Family = Callable[[Generator, Floats, Setting], Added]


def nothing(_rng: Generator, w: Floats, _setting: Setting) -> Added:
    """A server that holds what it needs."""
    return np.zeros(w.size), 0.0


def exponential_cache(rng: Generator, w: Floats, setting: Setting) -> Added:
    """A cache of random keys that fills ever more slowly: time constant 2 to 25 % of the budget, 2 to 64 MB."""
    tau = _log_uniform(rng, 0.02, 0.25) * setting.requests
    size = _log_uniform(rng, 2e6, 64e6)
    return size * -np.expm1(-w / tau), size / tau * float(np.exp(-w[-1] / tau))


def linear_cache(rng: Generator, w: Floats, setting: Setting) -> Added:
    """A cache of 0.5 to 64 MB that takes as much of every request until it is full, at 3 to 30 % of the budget."""
    share, size = rng.uniform(0.03, 0.3), _log_uniform(rng, 0.5e6, 64e6)
    return size * np.minimum(w / (share * setting.requests), 1.0), 0.0


def large_linear_cache(rng: Generator, w: Floats, setting: Setting) -> Added:
    """A cache at one rate, 2 to 16 times the limit, until 35 to 90 % of the budget: a leak until it is full."""
    rate, share = setting.limit * _log_uniform(rng, 2, 16), rng.uniform(0.35, 0.9)
    return rate * np.minimum(w, share * setting.requests), 0.0


def step(rng: Generator, w: Floats, setting: Setting) -> Added:
    """One jump of 1 to 64 MB in the first 60 % of the budget, within a few samples."""
    at, size = rng.uniform(0.05, 0.6) * setting.requests, _log_uniform(rng, MIB, 64e6)
    lasts = rng.uniform(0.2, 5.0) * setting.per_second
    return size * np.clip((w - at) / lasts, 0.0, 1.0), 0.0


def sawtooth(rng: Generator, w: Floats, setting: Setting) -> Added:
    """A collector's sawtooth of 12 to 60 teeth, 1 to 32 MB high, of uneven lengths."""
    teeth, height = rng.uniform(12, 60), _log_uniform(rng, 1e6, 32e6)
    ends = np.cumsum(rng.lognormal(0.0, 0.2, 200)) * setting.requests / teeth - rng.random() * setting.requests / teeth
    begun = np.searchsorted(ends, w, side="right")
    begins = np.append(ends[0] - setting.requests / teeth, ends)
    lengths = np.diff(begins)[np.minimum(begun, ends.size - 1)]
    return height * np.clip((w - begins[begun]) / lengths, 0, 1), 0.0


def deferred(rng: Generator, w: Floats, setting: Setting) -> Added:
    """Collection that is deferred: growth of 1 to 32 MB for a quarter to a tenth of the budget, then all is freed."""
    teeth, height = rng.uniform(4, 10), _log_uniform(rng, 1e6, 32e6)
    phase = (w / setting.requests * teeth + 0.3 * rng.random()) % 1.0
    return height * phase, 0.0


def high_water_mark(rng: Generator, w: Floats, _setting: Setting) -> Added:
    """The running maximum of demand, 0.2 to 8 MB of it: an allocator that keeps the most it ever needed."""
    mark = np.maximum.accumulate(ar1(rng, w.size, rng.uniform(0.3, 0.95)))
    mark -= mark[0]
    return _log_uniform(rng, 0.2e6, 8e6) * mark / max(float(mark[-1]), 1e-9), 0.0


def many_pools(rng: Generator, w: Floats, _setting: Setting) -> Added:
    """The sum of twelve high-water marks: an allocator with many pools."""
    marks = np.sum([np.maximum.accumulate(ar1(rng, w.size, 0.7)) for _ in range(12)], axis=0)
    return _log_uniform(rng, 0.2e6, 8e6) * (marks - marks[0]) / max(float(marks[-1] - marks[0]), 1e-9), 0.0


def warm_up(rng: Generator, w: Floats, setting: Setting) -> Added:
    """Warming up as the logarithm of work does, 1 to 16 MB in all, until 10 to 40 % of the budget; then nothing."""
    until = rng.uniform(0.1, 0.4) * setting.requests
    size, first = _log_uniform(rng, 1e6, 16e6), 0.01 * setting.requests
    return size * np.log1p(np.minimum(w, until) / first) / float(np.log1p(until / first)), 0.0


def retention(rng: Generator, w: Floats, _setting: Setting) -> Added:
    """Memory of work in flight, 1 to 16 MB under load, of which an allocator keeps a part when the load stops."""
    size, kept = _log_uniform(rng, 1e6, 16e6), rng.uniform(0.3, 1.0)
    level, now = np.zeros(w.size), 0.0
    for k, busy in enumerate((np.diff(w, prepend=0.0) > 0).tolist()):
        now += (1.0 - now) * 0.2 if busy else (kept - now) * 0.05
        level[k] = now
    return size * level, 0.0


def leak(  # noqa: PLR0913 - what varies among leaks
    rng: Generator,
    w: Floats,
    setting: Setting,
    size: float | None = None,
    chunk: float = PAGE,
    *,
    rough: bool = False,
    beside: Family = nothing,
) -> Added:
    """Every request keeps ``size`` bytes (None: twice the limit) for good; memory grows by whole chunks.

    ``rough``: sizes are exponential. ``beside``: another family's growth on top.
    """
    size = 2 * setting.limit if size is None else size
    kept = size * w
    if rough:
        done = np.diff(np.append(0.0, w))
        kept = size * np.cumsum(rng.gamma(np.maximum(done, 1e-9), 1.0))
    other, rate = beside(rng, w, setting)
    return np.floor(kept / chunk + rng.random()) * chunk + other, size + rate


CLEAN: Mapping[str, Family] = {"clean": nothing}
LOOK_ALIKES: Mapping[str, Family] = {
    "cache, exponential": exponential_cache,
    "cache, linear": linear_cache,
    "step": step,
    "sawtooth": sawtooth,
    "deferred collection": deferred,
    "retention": retention,
    "warm-up": warm_up,
    "high-water mark": high_water_mark,
    "twelve high-water marks": many_pools,
}
LEAKS: Mapping[str, partial[Added]] = {
    "leak": partial(leak),
    "leak, rough": partial(leak, rough=True),
    "leak, glibc": partial(leak, chunk=CHUNKS["glibc"]),
    "leak, arena": partial(leak, chunk=CHUNKS["arena"]),
    "leak beside a cache": partial(leak, beside=exponential_cache),
}
BEYOND: Mapping[str, Family] = {"cache, linear and large": large_linear_cache}
FAMILIES: Mapping[str, Family] = {**CLEAN, **LOOK_ALIKES, **LEAKS, **BEYOND}


def kind_of(family: str) -> Kind:
    """Return what a family is."""
    if family in CLEAN:
        return "clean"
    return "look-alike" if family in LOOK_ALIKES else "leak" if family in LEAKS else "beyond"


def drawn(family: str, rng: Generator, setting: Setting | None = None, size: float | None = None) -> Sampled:
    """Return one server of a family; ``size`` is what a leak keeps of every request."""
    setting = setting or Setting()
    t = np.arange(1, setting.seconds + 1, dtype=np.float64) + rng.uniform(-0.05, 0.05, setting.seconds)
    w = np.cumsum(rng.poisson(loads(family, rng, setting))).astype(np.float64)
    make = FAMILIES[family]
    added, rate = make(rng, w, setting) if size is None else leak_of(family, size)(rng, w, setting)
    y = _base(rng, t) + added + _noise(rng, t.size, setting)
    return Sampled(t, np.floor(np.maximum(y, PAGE) / PAGE) * PAGE, w, rate, family, kind_of(family))


def leak_of(family: str, size: float) -> Family:
    """Return a family of :data:`LEAKS` that keeps ``size`` bytes of every request. Raises KeyError for any other."""
    found = LEAKS[family]
    return partial(found.func, *found.args, **found.keywords, size=size)


def loads(family: str, rng: Generator, setting: Setting) -> Floats:
    """The expected requests of each second, shape (seconds,): steady, or load, idle and load for ``retention``."""
    steady = np.full(setting.seconds, setting.per_second)
    if family == "retention":
        first, second = np.sort(rng.uniform(0.2, 0.7, 2))
        steady[int(first * setting.seconds) : int(max(second, first + 0.1) * setting.seconds)] = 0.0
    return steady


def _base(rng: Generator, t: Floats) -> Floats:
    """What the server holds when load begins, and what its start takes: up to 2 MB within half a minute."""
    return rng.uniform(10e6, 200e6) + rng.uniform(0, 2e6) * -np.expm1(-t / rng.uniform(2.0, 10.0))


def _noise(rng: Generator, n: int, setting: Setting) -> Floats:
    """AR(1) noise of the level in bytes; its coefficient is 0.3 to 0.9."""
    if setting.noise is None:
        return np.zeros(n)
    return PAGE * _log_uniform(rng, *setting.noise) * ar1(rng, n, rng.uniform(0.3, 0.9))


def _log_uniform(rng: Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


if __name__ == "__main__":
    for name, family in FAMILIES.items():
        about = (family.func if isinstance(family, partial) else family).__doc__ or ""
        print(f"{kind_of(name):11}{name:25}{about.splitlines()[0]}")
