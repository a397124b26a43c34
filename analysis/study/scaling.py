"""How much faster an analysis gets with the workers of a Ray cluster, and how much of each worker is used.

Measured on this machine by this process alone, by one process a core without Ray, which is what two cores of this
machine can do, and with 1 and 2 workers: a campaign of 6 deployments × 60 indicators, 216 hours of 60 s medians.
With more workers simulated, event by event, from what was measured: the CPU seconds of every series, and the seconds in
which the asker hands a task over, which grow with its bytes, and takes its result. The simulation is checked against
the 2 workers that were measured; on a machine that does other work, too, these take longer.

    RAY_AUTH_MODE=disabled python -m analysis.study.scaling --json scaling.json

Efficiency is T / (n T(n)), T the wall seconds of this process without a cluster, in the simulation its CPU seconds. It
starts a cluster of this process alone (``ray.init``), and ends it. It takes three minutes on two free cores.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from aging.core.blas_threads import ONE_THREAD, one_thread

one_thread()

import logging  # noqa: E402

import numpy as np  # noqa: E402
import ray  # noqa: E402

import aging.stats.trend_tests  # noqa: E402
from aging.cluster.analysis import RayMapper  # noqa: E402
from aging.cluster.arithmetic import mark  # noqa: E402
from aging.cluster.batches import batches  # noqa: E402
from aging.core.plugins import discover  # noqa: E402
from aging.findings.indicator_analysis import alone, by_name  # noqa: E402
from aging.findings.series import Series  # noqa: E402
from aging.stats.trend_tests.base import TrendTest  # noqa: E402

_HOURS, _DEPLOYMENTS, _INDICATORS = 216, 6, 60
_SIMULATED = (1, 2, 4, 8, 16)
_CAMPAIGNS = (1, 10)
_AHEAD = 2
_TIMES = 3


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds: of CPU of every series; of the asker for handing a task over, and a byte of it; for taking a result."""

    series: Sequence[float]
    send: float
    send_byte: float
    take: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``measured`` wall seconds, and their efficiency, where there are as many cores."""

    campaigns: int
    workers: int
    tasks: int
    measured: float | None
    measured_efficiency: float | None
    simulated: float
    efficiency: float


def campaign(deployments: int = _DEPLOYMENTS) -> list[Series]:
    """Leaks, walks, high-water marks and noise in turn, in pages."""
    n = _HOURS * 60
    return [_indicator(n, k) for k in range(deployments * _INDICATORS)]


def simulated(tasks: Sequence[float], sends: Sequence[float], take: float, workers: int) -> float:
    """Seconds until the last result is taken: one asker, which sends and takes one at a time, and ``workers``.

    Tasks are handed over in order, at most two a worker not ended; a free worker takes the oldest that has arrived.
    """
    clock, handed, taken = 0.0, 0, 0
    free = [0.0] * workers
    ends: list[float] = []
    while taken < len(tasks):
        if handed < len(tasks) and len(ends) < _AHEAD * workers:
            clock += sends[handed]
            end = max(clock, heapq.heappop(free)) + tasks[handed]
            heapq.heappush(free, end)
            heapq.heappush(ends, end)
            handed += 1
        else:
            clock = max(clock, heapq.heappop(ends)) + take
            taken += 1
    return clock


def costs_of(series: Sequence[Series], tests: dict[str, TrendTest]) -> Costs:
    """The CPU seconds of every series, computed here, and what tasks of few and of many bytes cost the asker."""
    each = [_seconds(lambda one=one: alone([one], tests), time.process_time) for one in series]  # type: ignore[misc]
    result = alone(series[:8], tests)
    echo = ray.remote(num_cpus=1)(_echo)
    ray.get(echo.remote(ray.put(list(series[:8])), result))
    sends: dict[int, list[float]] = {2: [], 64: []}
    takes = []
    for _ in range(12):
        for count, found in sends.items():
            began = time.perf_counter()
            reference = echo.remote(ray.put(list(series[:count])), result)
            found.append(time.perf_counter() - began)
            ray.wait([reference])
            began = time.perf_counter()
            ray.get(reference)
            takes.append(time.perf_counter() - began)
    few, many = (float(np.median(sends[count])) for count in sends)
    byte = max(0.0, (many - few) / (_size(series[:64]) - _size(series[:2])))
    return Costs(each, few, byte, float(np.median(takes)))


def row(series: Sequence[Series], costs: Costs, campaigns: int, workers: int, wall: dict[int, float]) -> Row:
    """The simulation of so many campaigns, all alike, and of so many workers; ``wall`` seconds by workers, 0: none."""
    every, seconds = list(series) * campaigns, list(costs.series) * campaigns
    stretches = list(batches(every, workers))
    tasks = [sum(seconds[one]) for one in stretches]
    sends = [costs.send + costs.send_byte * _size(every[one]) for one in stretches]
    took = simulated(tasks, sends, costs.take, workers)
    took_here = wall.get(workers)
    efficiency = None if took_here is None else wall[0] / (workers * took_here)
    return Row(campaigns, workers, len(tasks), took_here, efficiency, took, sum(seconds) / (workers * took))


def measured(series: Sequence[Series], workers: int, tests: dict[str, TrendTest]) -> float:
    """Wall seconds of the mapper on a cluster of so many CPUs, its workers started and warm."""
    with _cluster(workers):
        mapper = RayMapper(mark())
        mapper(series[: 24 * workers], tests)
        return min(_seconds(lambda: mapper(series, tests)) for _ in range(_TIMES))


def of_processes(series: Sequence[Series], workers: int, tests: dict[str, TrendTest]) -> float:
    """Wall seconds of so many processes without Ray, started and warm, each with its share from the outset."""
    with ProcessPoolExecutor(workers, get_context("forkserver"), one_thread) as pool:
        shares = [series[first::workers] for first in range(workers)]
        list(pool.map(by_name, (one[:12] for one in shares), [tuple(tests)] * workers))
        return min(_seconds(lambda: list(pool.map(by_name, shares, [tuple(tests)] * workers))) for _ in range(_TIMES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=_DEPLOYMENTS, help="of 60 indicators each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    options = parser.parse_args()
    series, tests = campaign(options.deployments), dict(discover(aging.stats.trend_tests, TrendTest))
    alone(series[:12], tests)
    with _cluster(1):
        costs = costs_of(series, tests)
    wall = {0: min(_seconds(lambda: alone(series, tests)) for _ in range(_TIMES))}
    cores = len(os.sched_getaffinity(0))
    pool = of_processes(series, cores, tests)
    wall |= {workers: measured(series, workers, tests) for workers in (1, 2)}
    rows = [
        row(series, costs, campaigns, workers, wall if campaigns == 1 else {})
        for campaigns in _CAMPAIGNS
        for workers in _SIMULATED
    ]
    print("| campaigns | workers | tasks | measured, s | its efficiency | simulated, s | its efficiency |")
    print("|---|---|---|---|---|---|---|")
    for one in rows:
        took = "" if one.measured is None else f"{one.measured:.1f}"
        used = "" if one.measured_efficiency is None else f"{one.measured_efficiency:.2f}"
        print(f"| {one.campaigns} | {one.workers} | {one.tasks} | {took} | {used} ", end="")
        print(f"| {one.simulated:.1f} | {one.efficiency:.2f} |")
    print(f"without a cluster: {wall[0]:.1f} s; by one process a core: {pool:.1f} s, efficiency ", end="")
    print(f"{wall[0] / (cores * pool):.2f} on {cores} cores; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"a series: {np.mean(costs.series):.4f} s of CPU; a task: sent in {costs.send * 1e3:.1f} ms and ", end="")
    print(f"{costs.send_byte * 1e9:.2f} ms/MB, taken in {costs.take * 1e3:.1f} ms")
    if options.json is not None:
        content = {"rows": [asdict(one) for one in rows], "costs": asdict(costs)}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


class _cluster:  # noqa: N801 - a context
    """A cluster of this process alone, with so many CPUs."""

    def __init__(self, cpus: int) -> None:
        self.cpus = cpus

    def __enter__(self) -> None:
        ray.init(
            num_cpus=self.cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=200_000_000,
            runtime_env={"env_vars": ONE_THREAD},
        )

    def __exit__(self, *_: object) -> None:
        ray.shutdown()


def _size(series: Sequence[Series]) -> int:
    return sum(one.t.nbytes + one.y.nbytes for one in series)


def _echo(series: Sequence[Series], result: object) -> object:
    return result if series else None


def _seconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    call()
    return clock() - began


def _indicator(n: int, k: int) -> Series:
    rng = np.random.default_rng(k)
    t, noise = 60.0 * np.arange(1.0, n + 1), rng.normal(size=n)
    level = (t / t[-1] + 0.1 * noise, np.cumsum(noise) / math.sqrt(n), np.maximum.accumulate(noise), noise)[k % 4]
    return Series(f"deployment-{k % 6}", 1, 1, f"indicator_{k // 6}", t, 4096 * np.round(1000 * level), {})


if __name__ == "__main__":
    main()
