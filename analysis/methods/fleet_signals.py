"""Series of a fleet over 14 days, one value every 5 minutes: healthy shapes, and leaks of a known rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from aging.core.measure import Measure
from aging.findings.fleet.catalogue import Entry
from aging.tables.prometheus import Window
from analysis.methods.signals import Floats

DAYS, STEP = 14, 300.0
WINDOW = Window(1_780_000_200.0, 1_780_000_200.0 + DAYS * 86_400 - STEP, STEP)
HOURS = (WINDOW.times - WINDOW.start) / 3600

_MIB, _GIB = 2.0**20, 2.0**30
_PAGE = 4096.0

MEMORY = Entry("process_resident_memory_bytes", "memory", measure=Measure("B"))
DESCRIPTORS = Entry("process_open_fds", "descriptors")
QUEUE = Entry("vllm:num_requests_waiting", "queue")
LATENCY = Entry("vllm:time_to_first_token_seconds", "latency", "mean", Measure("s"))


@dataclass(frozen=True, slots=True)
class Signal:
    """Values at the window's times; the true rate per hour (0 of a healthy one); restarts (epoch s) and the limit."""

    entry: Entry
    values: Floats
    rate: float = 0.0
    restarts: tuple[float, ...] = ()
    limit: float | None = None


Make = Callable[[np.random.Generator], Signal]


def _ar(rng: np.random.Generator, phi: float) -> Floats:
    """Autoregressive noise of variance 1."""
    return np.asarray(lfilter([np.sqrt(1 - phi**2)], [1, -phi], rng.standard_normal(HOURS.size + 500))[500:])


def _daily(rng: np.random.Generator) -> Floats:
    phase = 2 * np.pi * rng.random()
    weekly = 1 - 0.4 * (np.floor(HOURS / 24 + rng.integers(7)) % 7 >= 5)
    return np.asarray((0.5 + 0.5 * np.sin(2 * np.pi * HOURS / 24 + phase)) * weekly)


def _memory(values: Floats, **known: object) -> Signal:
    return Signal(MEMORY, np.maximum(np.round(values / _PAGE), 1) * _PAGE, **known)  # type: ignore[arg-type]


def _level(rng: np.random.Generator) -> float:
    return float(2 ** rng.uniform(-2, 4)) * _GIB


def _noise(rng: np.random.Generator, level: float, phi: float = 0.7) -> Floats:
    return level * 10 ** rng.uniform(-3.5, -2) * _ar(rng, phi)


def _flat(rng: np.random.Generator) -> Signal:
    return _memory(np.full(HOURS.size, _level(rng)))


def _white(rng: np.random.Generator) -> Signal:
    level = _level(rng)
    return _memory(level + _noise(rng, level, 0.0))


def _correlated(rng: np.random.Generator) -> Signal:
    level = _level(rng)
    return _memory(level + _noise(rng, level, float(rng.uniform(0.9, 0.99))))


def _cycles(rng: np.random.Generator) -> Signal:
    level = _level(rng)
    return _memory(level * (1 + rng.uniform(0.05, 0.5) * _daily(rng)) + _noise(rng, level))


def _cache(rng: np.random.Generator) -> Signal:
    level = _level(rng)
    filled = 1 - np.exp(-HOURS / rng.uniform(2, 24))
    return _memory(level * (1 + rng.uniform(0.2, 2) * filled) + _noise(rng, level))


def _collector(rng: np.random.Generator) -> Signal:
    level, period = _level(rng), float(np.exp(rng.uniform(np.log(0.02), np.log(6))))
    drift = np.cumsum(np.exp(0.2 * rng.standard_normal(HOURS.size))) * STEP / 3600
    return _memory(level * (1 + rng.uniform(0.2, 1) * ((drift / period + rng.random()) % 1)) + _noise(rng, level))


def _step(rng: np.random.Generator) -> Signal:
    level = _level(rng)
    return _memory(level * (1 + rng.uniform(0.1, 0.6) * (rng.uniform(60, 270) < HOURS)) + _noise(rng, level))


def _lives(rng: np.random.Generator) -> tuple[Floats, tuple[float, ...]]:
    """Hours since the last restart, and when restarts were."""
    at = np.cumsum(rng.uniform(24, 96, size=14))
    at = at[at < HOURS[-1] - 12]
    began = np.concatenate([[0.0], at])
    places = np.searchsorted(began, HOURS, side="right") - 1
    return HOURS - began[places], tuple((WINDOW.start + 3600 * at).tolist())


def _deploys(rng: np.random.Generator, shown: bool = True) -> Signal:
    """Every few days a new process that fills within hours: a rise in every life, and none of them a leak."""
    level = _level(rng)
    age, restarts = _lives(rng)
    filled = 1 - np.exp(-age / rng.uniform(0.5, 3))
    return _memory(level * (1 + rng.uniform(0.2, 1) * filled) + _noise(rng, level), restarts=restarts if shown else ())


def _descriptors(rng: np.random.Generator) -> Signal:
    busy = rng.uniform(10, 200) * (0.3 + 0.7 * _daily(rng))
    return Signal(DESCRIPTORS, rng.poisson(20 + busy).astype(np.float64), limit=1024.0)


def _queue(rng: np.random.Generator) -> Signal:
    busy = np.maximum(_ar(rng, 0.9) + 2 * _daily(rng) - 1, 0) * rng.uniform(1, 20)
    return Signal(QUEUE, np.round(busy))


def _latency(rng: np.random.Generator) -> Signal:
    level = rng.uniform(0.05, 2)
    return Signal(LATENCY, level * (1 + 0.8 * _daily(rng)) * np.exp(0.15 * _ar(rng, 0.8)))


def _grown(rng: np.random.Generator, level: float) -> float:
    """Growth per hour: 5 to 100 % of the level in the 14 days."""
    return float(level * np.exp(rng.uniform(np.log(0.05), np.log(1.0))) / HOURS[-1])


def _leak(rng: np.random.Generator) -> Signal:
    level = _level(rng)
    rate = _grown(rng, level)
    return _memory(level + rate * HOURS + _noise(rng, level), rate=rate, limit=4 * level)


def _leak_cycles(rng: np.random.Generator) -> Signal:
    level = _level(rng)
    rate = _grown(rng, level)
    waves = level * rng.uniform(0.05, 0.3) * _daily(rng)
    return _memory(level + rate * HOURS + waves + _noise(rng, level), rate=rate)


def _leak_cache(rng: np.random.Generator) -> Signal:
    level = _level(rng)
    rate = _grown(rng, level)
    filled = level * rng.uniform(0.2, 1) * (1 - np.exp(-HOURS / rng.uniform(2, 12)))
    return _memory(level + rate * HOURS + filled + _noise(rng, level), rate=rate)


def _leak_collector(rng: np.random.Generator) -> Signal:
    healthy = _collector(rng).values
    rate = _grown(rng, float(np.median(healthy)))
    return _memory(healthy + rate * HOURS, rate=rate)


def _leak_restarts(rng: np.random.Generator, shown: bool = True) -> Signal:
    level = _level(rng)
    rate = 3 * _grown(rng, level)
    age, restarts = _lives(rng)
    filled = 0.2 * level * (1 - np.exp(-age / 1.0))
    return _memory(level + rate * age + filled + _noise(rng, level), rate=rate, restarts=restarts if shown else ())


def _leak_deployed(rng: np.random.Generator) -> Signal:
    """A service that leaks since its last deploy, two to four days ago."""
    healthy = _deploys(rng)
    last = HOURS[-1] - rng.uniform(48, 96)
    restarts = (*(at for at in healthy.restarts if at < WINDOW.start + 3600 * (last - 24)), WINDOW.start + 3600 * last)
    rate = 4 * _grown(rng, float(np.median(healthy.values)))
    steady = float(np.median(healthy.values)) + _noise(rng, float(np.median(healthy.values)))
    values = np.where(last <= HOURS, steady + rate * (HOURS - last), healthy.values)
    return _memory(values, rate=rate, restarts=restarts)


def _leak_descriptors(rng: np.random.Generator) -> Signal:
    healthy = _descriptors(rng)
    rate = float(rng.uniform(0.3, 2.5))
    values = np.minimum(healthy.values + np.floor(rate * HOURS), 1024)
    return Signal(DESCRIPTORS, values, rate, limit=1024.0)


def _slower(rng: np.random.Generator) -> Signal:
    healthy = _latency(rng).values
    rate = float(np.median(healthy)) * rng.uniform(0.3, 2) / HOURS[-1]
    return Signal(LATENCY, healthy + rate * HOURS, rate)


HEALTHY: Mapping[str, Make] = {
    "flat": _flat,
    "white noise": _white,
    "correlated noise": _correlated,
    "daily and weekly cycles": _cycles,
    "cache that fills": _cache,
    "collector's sawtooth": _collector,
    "one step": _step,
    "deploys": _deploys,
    "deploys, start times unknown": lambda rng: _deploys(rng, shown=False),
    "descriptors": _descriptors,
    "queue": _queue,
    "latency": _latency,
}

LEAKS: Mapping[str, Make] = {
    "leak": _leak,
    "leak with cycles": _leak_cycles,
    "leak after a cache": _leak_cache,
    "leak with a sawtooth": _leak_collector,
    "leak with restarts": _leak_restarts,
    "leak, start times unknown": lambda rng: _leak_restarts(rng, shown=False),
    "leak since the last deploy": _leak_deployed,
    "leak of descriptors": _leak_descriptors,
    "latency that creeps": _slower,
}
