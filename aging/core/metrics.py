"""Indicators: their names, units, resolution and direction."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from aging.core.targets import ENGINE_METRICS

PRIMARY = "process_anon_swap_bytes"
"""The leak indicator: anonymous memory plus swap, unaffected by swapping and by exits of page-sharing processes."""


_PROCESS = (
    PRIMARY,
    "process_rss_bytes",
    "process_vms_bytes",
    "process_shared_bytes",
    "process_fds",
    "process_threads",
    "process_cpu_seconds_total",
)


DEVICE_MEMORY = "device_process_memory_bytes"
"""Device memory held by the processes of a deployment."""


ALLOCATOR = ("allocator_in_use_bytes", "allocator_retained_bytes")
"""Memory that the allocators of a deployment hold in use, and freed memory that they retain."""


_LATENCIES = {name: f"{name}_seconds" for name in ("ttft", "tpot", "e2e", "stall")}


_TAILS = {name: f"{name}_p95_seconds" for name in ("ttft", "tpot", "e2e")}


_ATTAINMENT, _GOODPUT = "slo_attainment_ratio", "goodput_requests_per_second"


LIVE_CLIENT = (
    "client_slo_attainment_ratio",
    "client_ttft_p99_seconds",
    "client_requests_waiting",
    "client_failed_ratio",
)
"""What a load process says of the last minute while it runs, for rejuvenation policies; it is not stored."""


def client_indicator(metric: str, load_class: str = "") -> str:
    """The name of a client metric, of all requests or of one class.

    The class is in the middle, ``client_batch_ttft_seconds``, since the unit is the suffix.
    """
    return f"client_{load_class.replace('-', '_')}_{metric}" if load_class else f"client_{metric}"


def indicators(load_classes: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of all indicators that become findings, for a load with these classes."""
    metrics = (*_LATENCIES.values(), *_TAILS.values(), _ATTAINMENT, _GOODPUT)
    clients = [client_indicator(metric, name) for name in ("", *load_classes) for metric in metrics]
    return (*_PROCESS, DEVICE_MEMORY, *ALLOCATOR, *ENGINE_METRICS, *clients)


def is_tail(indicator: str) -> bool:
    """Whether the indicator is the 95th percentile of a latency."""
    return indicator.startswith("client_") and indicator.endswith(tuple(_TAILS.values()))


_DOWNWARDS = re.compile(
    r"throughput|per_(second|sec|s)(_|$)|tokens_seconds$|(hit|acceptance|accept|success)_(rate|ratio|perc)"
    r"|free|available|headroom|remaining|goodput|attainment"
)


def is_engine_series(indicator: str) -> bool:
    """Whether it is a series of a metrics endpoint under the engine's own name, not under a common one."""
    return indicator.startswith("engine_") and indicator not in ENGINE_METRICS


def ages_downwards(indicator: str) -> bool:
    """Whether a decrease of the indicator is worse."""
    if is_engine_series(indicator):
        return (
            not indicator.partition("{")[0].endswith("_total") and _DOWNWARDS.search(base_name(indicator)) is not None
        )
    return indicator.startswith("client_") and indicator.endswith((_ATTAINMENT, _GOODPUT))


_SHARE = re.compile(r"(usage|utili[sz]ation|occupancy|used|full|fill)(_\w+)?_(ratio|perc|percent|fraction)$|_usage$")


def full_scale(indicator: str, most: float) -> float | None:
    """The value at which a gauge that is a share of a whole is at its end, 1 or 100; None of any other indicator.

    ``most`` is the largest value that was seen: names such as ``kv_cache_usage_perc`` do not tell ratio from percent.
    """
    if not indicator.startswith("engine_") or not is_share(indicator):
        return None
    return 1.0 if most <= 1 else 100.0 if most <= 100 else None


def is_share(indicator: str) -> bool:
    """Whether its name says that it is the share of a whole that is in use."""
    return _SHARE.search(base_name(indicator)) is not None


_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_]")
_UNIT = re.compile(r"_(seconds|bytes|milliseconds|ms|microseconds|us)$")


def engine_column(raw: str) -> str:
    """The column of a Prometheus metric."""
    return f"engine_{_NOT_A_NAME.sub('_', raw)}"


QUANTILES = {"p50": 0.5, "p95": 0.95}
"""Of the histograms of an engine."""


def part_of(column: str, part: str) -> str:
    """The column of a ``part`` (``p95``, ``mean``) of a distribution: before the unit, which is a name's ending."""
    unit = _UNIT.search(column)
    return f"{column}_{part}" if unit is None else f"{column[: unit.start()]}_{part}{unit[0]}"


def base_name(indicator: str) -> str:
    """The indicator's name without the labels of one of its series."""
    return indicator.partition("{")[0]


_RESOLUTION_BYTES = 64 * os.sysconf("SC_PAGE_SIZE")


_DEVICE_PAGE_BYTES = 2 * 2**20
_LEAST_SECONDS, _LEAST_CORES = 1e-3, 0.01
_RELATIVE = 0.025
_COUNTS: Mapping[str, float] = {"process_fds": 8.0, "process_threads": 4.0}


def resolution(indicator: str, level: float = 0.0) -> float:
    """The smallest relevant change, in the unit of the indicator, at that ``level``; 0 if any change is.

    Warm processes take and return tens of pages in minutes; device pages are of 2 MiB; latencies and CPU time move by a
    few percent with what else the host does; pools of connections and threads are filled one by one. A smaller change
    is no growth, and one below four times it is not called aging.
    """
    engine, indicator = is_engine_series(indicator), base_name(indicator)
    if indicator == DEVICE_MEMORY:
        return float(_DEVICE_PAGE_BYTES)
    if indicator.endswith("_bytes"):
        return float(_RESOLUTION_BYTES)
    if indicator.endswith("cpu_seconds_total"):
        return max(_LEAST_CORES, _RELATIVE * level)
    if indicator.endswith("_seconds"):
        return max(_LEAST_SECONDS, _RELATIVE * level)
    return _RELATIVE * level if engine else _COUNTS.get(indicator, 0.0)
