"""Indicators: their names, units, resolution and direction."""

from __future__ import annotations

import os
from collections.abc import Sequence

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


def ages_downwards(indicator: str) -> bool:
    """Whether a decrease of the indicator is worse."""
    return indicator.startswith("client_") and indicator.endswith((_ATTAINMENT, _GOODPUT))


_RESOLUTION_BYTES = 16 * os.sysconf("SC_PAGE_SIZE")


_DEVICE_PAGE_BYTES = 2 * 2**20


def resolution(indicator: str) -> float:
    """The smallest relevant change, in the unit of the indicator; 0 if any change is.

    Memory changes by whole pages, and an allocator takes a few now and then even in an idle process; device pages
    are of 2 MiB. A smaller change is neither a step nor bounded growth; sustained growth is aging however small.
    """
    if indicator == DEVICE_MEMORY:
        return float(_DEVICE_PAGE_BYTES)
    return float(_RESOLUTION_BYTES) if indicator.endswith("_bytes") else 0.0
