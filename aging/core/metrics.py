"""Indicators: their names, units, resolution and direction."""

from __future__ import annotations

import os
from collections.abc import Sequence

from aging.core.targets import ENGINE_METRICS

PRIMARY = "process_anon_swap_bytes"
"""The leak indicator: anonymous memory falls neither when the kernel swaps nor when a sharing process exits."""


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
"""What the processes of a deployment hold of the devices' memory."""


ALLOCATOR = ("allocator_in_use_bytes", "allocator_retained_bytes")
"""What the allocators of a deployment hold for the program, and what they keep that it has freed."""


_LATENCIES = {name: f"{name}_seconds" for name in ("ttft", "tpot", "e2e", "stall")}


_TAILS = {name: f"{name}_p95_seconds" for name in ("ttft", "tpot", "e2e")}


_ATTAINMENT, _GOODPUT = "slo_attainment_ratio", "goodput_requests_per_second"


def client_indicator(metric: str, load_class: str = "") -> str:
    """What a metric of the client is called, for all requests or for those of one class.

    The class stands in the middle, since the unit is read from the end: ``client_batch_ttft_seconds``.
    """
    return f"client_{load_class.replace('-', '_')}_{metric}" if load_class else f"client_{metric}"


def indicators(load_classes: Sequence[str] = ()) -> tuple[str, ...]:
    """Everything that becomes a finding, where the load has these classes."""
    metrics = (*_LATENCIES.values(), *_TAILS.values(), _ATTAINMENT, _GOODPUT)
    clients = [client_indicator(metric, name) for name in ("", *load_classes) for metric in metrics]
    return (*_PROCESS, DEVICE_MEMORY, *ALLOCATOR, *ENGINE_METRICS, *clients)


def is_tail(indicator: str) -> bool:
    """Whether it is the 95th percentile of a latency whose median is an indicator, too."""
    return indicator.startswith("client_") and indicator.endswith(tuple(_TAILS.values()))


def ages_downwards(indicator: str) -> bool:
    """Whether less of the indicator is worse."""
    return indicator.startswith("client_") and indicator.endswith((_ATTAINMENT, _GOODPUT))


_RESOLUTION_BYTES = 16 * os.sysconf("SC_PAGE_SIZE")


_DEVICE_PAGE_BYTES = 2 * 2**20


def resolution(indicator: str) -> float:
    """The least change, in the indicator's unit, that is worth a word.

    Memory moves in whole pages, and an allocator takes a few of them now and then
    in the most idle of processes; a device's pages are of 2 MiB. This bounds what is
    called a step or a bounded growth; a sustained growth is aging however small.
    """
    if indicator == DEVICE_MEMORY:
        return float(_DEVICE_PAGE_BYTES)
    return float(_RESOLUTION_BYTES) if indicator.endswith("_bytes") else 0.0
