"""How much faster an analysis gets with the workers of a Ray cluster, and how much of each worker is used.

Measured on this machine with 1 and 2 workers: a campaign of 6 deployments × 60 indicators, 216 hours of 60 s medians.
With more workers simulated, event by event, from what was measured: the seconds of every task, the seconds in which the
asker hands a task over and takes its result, and the seconds that it computes alone. The simulation is checked against
the 2 workers that were measured.

    RAY_AUTH_MODE=disabled python -m analysis.study.scaling --json scaling.json

Efficiency is T(1) / (n T(n)). It starts a cluster of this process alone (``ray.init``), and ends it.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
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
from aging.findings.indicator_analysis import alone  # noqa: E402
from aging.findings.series import Series  # noqa: E402
from aging.stats.trend_tests.base import TrendTest  # noqa: E402

_HOURS, _DEPLOYMENTS, _INDICATORS = 216, 6, 60
_SIMULATED = (1, 2, 4, 8, 16)
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds: of every task, of handing one over and of taking its result (per task, in the asker)."""

    tasks: Sequence[float]
    send: float
    take: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``measured`` seconds of wall time where there are as many cores, else None."""

    workers: int
    tasks: int
    measured: float | None
    simulated: float
    efficiency: float


def campaign(deployments: int = _DEPLOYMENTS) -> list[Series]:
    """Leaks, walks, high-water marks and noise in turn, in pages."""
    n = _HOURS * 60
    return [_indicator(n, k) for k in range(deployments * _INDICATORS)]


def simulated(costs: Costs, workers: int) -> float:
    """Seconds until the last result is taken: one asker, which sends and takes one at a time, and ``workers``.

    Tasks are handed over in order, at most two a worker not ended; a free worker takes the oldest that has arrived.
    """
    clock, handed, taken = 0.0, 0, 0
    free = [0.0] * workers
    ends: list[float] = []
    while taken < len(costs.tasks):
        if handed < len(costs.tasks) and len(ends) < _AHEAD * workers:
            clock += costs.send
            begin = max(clock, heapq.heappop(free))
            end = begin + costs.tasks[handed]
            heapq.heappush(free, end)
            heapq.heappush(ends, end)
            handed += 1
        else:
            clock = max(clock, heapq.heappop(ends)) + costs.take
            taken += 1
    return clock


def costs_of(series: Sequence[Series], cpus: int, tests: dict[str, TrendTest]) -> Costs:
    """The seconds of the tasks into which ``cpus`` CPUs cut the series, each computed here, and of their transfer."""
    stretches = [series[one] for one in batches(series, cpus)]
    tasks = [_seconds(lambda one=one: alone(one, tests)) for one in stretches]  # type: ignore[misc]
    echo = ray.remote(num_cpus=1)(_echo)
    result = alone(stretches[0], tests)
    ray.get(echo.remote(ray.put(list(stretches[0])), result))
    sends, takes = [], []
    for one in stretches[:12]:
        began = time.perf_counter()
        reference = echo.remote(ray.put(list(one)), result)
        sends.append(time.perf_counter() - began)
        ray.wait([reference])
        takes.append(_seconds(lambda reference=reference: ray.get(reference)))  # type: ignore[misc]
    return Costs(tasks, float(np.median(sends)), float(np.median(takes)))


def measured(series: Sequence[Series], workers: int, tests: dict[str, TrendTest]) -> float:
    """Wall seconds of the mapper on a cluster of so many CPUs, its workers started and warm."""
    with _cluster(workers):
        mapper = RayMapper(mark())
        mapper(series[: 24 * workers], tests)
        return min(_seconds(lambda: mapper(series, tests)) for _ in range(2))


def table(deployments: int) -> tuple[Sequence[Row], Costs]:
    """The rows of every number of workers, and the costs at the largest."""
    series, tests = campaign(deployments), dict(discover(aging.stats.trend_tests, TrendTest))
    alone(series[:12], tests)
    real = {workers: measured(series, workers, tests) for workers in (1, 2)}
    with _cluster(1):
        costs = {workers: costs_of(series, workers, tests) for workers in _SIMULATED}
    one = {workers: sum(costs[workers].tasks) for workers in _SIMULATED}
    rows = []
    for workers in _SIMULATED:
        took = simulated(costs[workers], workers)
        wall = real.get(workers)
        efficiency = real[1] / (workers * wall) if wall is not None else one[workers] / (workers * took)
        rows.append(Row(workers, len(costs[workers].tasks), wall, took, efficiency))
    return rows, costs[_SIMULATED[-1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=_DEPLOYMENTS, help="of 60 indicators each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    options = parser.parse_args()
    rows, costs = table(options.deployments)
    print("| workers | tasks | measured, s | simulated, s | efficiency |\n|---|---|---|---|---|")
    for row in rows:
        wall = "" if row.measured is None else f"{row.measured:.1f}"
        print(f"| {row.workers} | {row.tasks} | {wall} | {row.simulated:.1f} | {row.efficiency:.2f} |")
    longest, mean = max(costs.tasks), float(np.mean(costs.tasks))
    print(f"task: mean {mean:.2f} s, longest {longest:.2f} s; sent in {costs.send * 1e3:.1f} ms, ", end="")
    print(f"its result taken in {costs.take * 1e3:.1f} ms; most workers that one asker feeds: ", end="")
    print(f"{mean / (costs.send + costs.take):.0f}")
    if options.json is not None:
        content = {"rows": [asdict(row) for row in rows], "costs": asdict(costs)}
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


def _echo(series: Sequence[Series], result: object) -> object:
    return result if series else None


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _indicator(n: int, k: int) -> Series:
    rng = np.random.default_rng(k)
    t, noise = 60.0 * np.arange(1.0, n + 1), rng.normal(size=n)
    level = (t / t[-1] + 0.1 * noise, np.cumsum(noise) / math.sqrt(n), np.maximum.accumulate(noise), noise)[k % 4]
    return Series(f"deployment-{k % 6}", 1, 1, f"indicator_{k // 6}", t, 4096 * np.round(1000 * level), {})


if __name__ == "__main__":
    main()
