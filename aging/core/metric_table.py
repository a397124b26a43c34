"""Every metric that is stored or judged, described: unit, meaning, which direction is worse, source, blind spot.

``docs/indicators.md`` is made from these tables. Tests compare them with what the samplers write and with what becomes
a finding, so that neither a metric nor a description can be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aging.core.metrics import ages_downwards, indicators

Worse = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: ``worse`` is the direction that is bad for the server, None where neither is by itself.

    ``source`` is the folder of its rows (a sampler's kind, or ``requests``). ``blind_spot`` is what it cannot see.
    """

    name: str
    unit: str
    meaning: str
    worse: Worse | None
    source: str
    blind_spot: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where metrics come from: whose rows they are, what a reading costs, what none of its metrics can see."""

    name: str
    rows: str
    cost: str
    blind_spot: str


SOURCES = (
    Source(
        "process",
        "a deployment's process tree (`tree`), each of its components (`tree/NAME`), the runner and each load process"
        " (`_harness`: `runner`, `client-NAME`); less often, in the folder `process-each`, its processes: the 16 that"
        " are the largest or grew the most (`tree/pid:4123`), and all others together (`tree/pid:others`)",
        "one pass over `/proc` a tick, 9 µs a process of the host; 20 to 60 µs a process read. Rows of single processes"
        " are written after a 120th of the time watched (at least 1 s, at most 60 s) from what was read anyway",
        "children that start and end between two readings, but for their CPU time, page faults and I/O; anything below"
        " a page (4 KiB); memory that the allocator has not yet asked the kernel for. Before Linux 6.16 the kernel's"
        " own count may lag by some pages for every CPU",
    ),
    Source(
        "footprint",
        "a deployment's process tree (`tree`), and, in the folder `footprint-each`, the 16 processes of it that are the"
        " largest or grew the most (`tree/pid:4123`)",
        "2 to 10 ms for each resident GiB, under the target's mmap lock: hence once a minute. Memory by kind of mapping"
        " (`smaps`) takes 1.2 to 2.7 times that again: 3 ms of CPU for 110 mappings and 64 MiB, 75 ms for 8,100 and"
        " 1 GiB. It is read no more often than 0.2 % of a CPU allows, and not at all where a reading would take over"
        " 1 s of CPU; then `missing` has the reason",
        "what happens within the minute",
    ),
    Source(
        "allocator",
        "a deployment's process tree (`tree`), with `allocator_probe = true`",
        "9 µs in a fresh process, 7 ms in one with half a million free chunks, while `malloc` waits",
        "other allocators than glibc's (jemalloc, tcmalloc, Python's own below 512 bytes); up to 0.2 MiB of freed"
        " chunks for each thread count as in use",
    ),
    Source(
        "engine",
        "a deployment with a metrics endpoint (`engine`)",
        "0.6 ms of CPU a scrape, plus the engine's own work",
        "what the engine does not export. [Every series](measurement.md#every-series-of-an-engines-metrics) of the"
        " endpoint is stored and judged as `engine_` and its own name, besides the common names here",
    ),
    Source(
        "host",
        "the host (`_harness`: `host`)",
        "0.18 ms of CPU a tick",
        "which deployment, or which other program, it comes from",
    ),
    Source(
        "cgroup",
        "the control group of a deployment's main process (`cgroup`); one that several share is read once, under"
        " `_harness`",
        "0.1 ms of CPU for each group",
        "the root group; which of those that share a group it comes from",
    ),
    Source(
        "limits",
        "a deployment's process tree (`tree`): each limit that is set, and the room left to it",
        "2 to 3 ms of CPU a tick",
        "limits of groups that are not visible from inside a container; quotas of the program itself",
    ),
    Source(
        "device",
        "each NVIDIA device and MIG instance (`_harness`: `gpu0`, `gpu0/mig1`; all devices: `gpu-all`), and a"
        " deployment's share (`gpu-total`)",
        "not measured; a call that hangs is given up after 5 s and delays no other sampler",
        "devices of other vendors; what the driver does not say, which is missing with NVML's reason",
    ),
    Source(
        "requests",
        "computed from the request records of a deployment ([rows.md](rows.md#requests)), for all requests and for"
        " each class of the load",
        "about 1 ms of the load client's CPU a streamed request",
        "a server under no load; what happens to requests of other clients",
    ),
)

_FAULTS = "which memory was touched, and whether a request waited for it"

_PROCESS = (
    Metric(
        "process_anon_swap_bytes",
        "bytes",
        "anonymous memory plus swap, **the leak indicator**",
        "up",
        "process",
        "whether memory is in use, freed and kept by the allocator, or a cache; mapped files and shared memory",
    ),
    Metric("process_anon_bytes", "bytes", "resident anonymous memory", "up", "process", "what was swapped out"),
    Metric("process_swap_bytes", "bytes", "anonymous memory that was swapped out", "up", "process"),
    Metric("process_file_bytes", "bytes", "resident pages of mapped files, such as weights", None, "process"),
    Metric("process_shmem_bytes", "bytes", "resident shared memory and tmpfs", None, "process", "unmapped segments"),
    Metric(
        "process_shared_bytes",
        "bytes",
        "`process_file_bytes` plus `process_shmem_bytes`",
        "up",
        "process",
        "a page that several processes of the tree map is counted in each",
    ),
    Metric(
        "process_rss_bytes",
        "bytes",
        "resident memory: anonymous, files and shared memory",
        "up",
        "process",
        "falls when the kernel swaps or drops file pages, so that a leak may not show; counts shared pages repeatedly",
    ),
    Metric(
        "process_vms_bytes",
        "bytes",
        "size of the address space",
        "up",
        "process",
        "whether any of it is in use: a reservation of terabytes costs nothing",
    ),
    Metric("process_fds", "count", "open files", "up", "process", "of which kind: see `process_socket_fds` and so on"),
    Metric("process_threads", "count", "threads", "up", "process", "whether they do anything"),
    Metric("process_count", "count", "processes of the sum", None, "process"),
    Metric(
        "process_cpu_seconds_total",
        "seconds",
        "CPU time, user and system, with that of children that have ended",
        "up",
        "process",
        "whether more work was done: compare with the rate of requests",
    ),
    Metric("process_minor_faults_total", "count", "page faults without a read", None, "process", _FAULTS),
    Metric("process_major_faults_total", "count", "page faults that read a disk", "up", "process", _FAULTS),
    Metric(
        "process_voluntary_switches_total",
        "count",
        "times that it waited",
        None,
        "process",
        "threads other than each process's main thread",
    ),
    Metric(
        "process_involuntary_switches_total",
        "count",
        "times that its CPU was taken away",
        "up",
        "process",
        "threads other than each process's main thread",
    ),
    Metric("process_read_bytes_total", "bytes", "read from block devices", None, "process", "reads from page cache"),
    Metric(
        "process_write_bytes_total",
        "bytes",
        "written to block devices",
        None,
        "process",
        "network file systems and pipes",
    ),
    Metric(
        "process_uptime_seconds", "seconds", "since the deployment's main process started", None, "process", "workers"
    ),
)

_FOOTPRINT = (
    Metric(
        "process_pss_bytes",
        "bytes",
        "resident memory, a page that n processes map counted as 1/n in each",
        "up",
        "footprint",
        "falls when a process that shares pages starts",
    ),
    Metric("process_uss_bytes", "bytes", "resident memory that no other process maps", "up", "footprint", "swap"),
    Metric(
        "process_heap_bytes",
        "bytes",
        "anonymous memory plus swap of the heap that `brk` extends (`[heap]`)",
        "up",
        "footprint",
        "whether it is in use: see `allocator_in_use_bytes`",
    ),
    Metric(
        "process_anonymous_mapping_bytes",
        "bytes",
        "the same of anonymous mappings: large blocks, further arenas of the allocator, pools of Python",
        "up",
        "footprint",
        "which of them; stacks of threads without a guard mapping below them (glibc 2.42 and later, Go)",
    ),
    Metric(
        "process_stack_bytes",
        "bytes",
        "the same of the stacks of all threads",
        "up",
        "footprint",
        "stacks without a guard mapping",
    ),
    Metric(
        "process_modified_file_bytes",
        "bytes",
        "the same of privately mapped files: pages that were written, such as variables of libraries",
        "up",
        "footprint",
    ),
    Metric("process_thread_stacks", "count", "stacks of threads, main threads left out", "up", "footprint"),
    Metric(
        "process_thread_stack_reserved_bytes",
        "bytes",
        "address space of these stacks",
        "up",
        "footprint",
        "whether any of it is in use",
    ),
    Metric("process_socket_fds", "count", "open sockets", "up", "footprint", "in which state they are"),
    Metric("process_pipe_fds", "count", "open pipes", "up", "footprint"),
    Metric("process_file_fds", "count", "open files and devices", "up", "footprint"),
    Metric("process_anonymous_fds", "count", "event, timer, signal and poll handles", "up", "footprint"),
    Metric("process_other_fds", "count", "open files of any other kind", "up", "footprint"),
)

_ALLOCATOR = (
    Metric(
        "allocator_in_use_bytes",
        "bytes",
        "not freed by the program, mapped blocks included",
        "up",
        "allocator",
        "whether the program still needs it",
    ),
    Metric(
        "allocator_retained_bytes",
        "bytes",
        "freed by the program and kept by the allocator",
        "up",
        "allocator",
        "pages that `malloc_trim` gave back are still counted",
    ),
    Metric("allocator_trimmable_bytes", "bytes", "the part of it at the end of a heap", None, "allocator"),
)

_ENGINE = (
    Metric(
        "engine_kv_cache_usage_ratio",
        "ratio",
        "share of the KV cache in use",
        "up",
        "engine",
        "blocks that are leaked and blocks that are cached look the same where the engine counts both as used",
    ),
    Metric(
        "engine_requests_running",
        "count",
        "requests that are being served",
        "up",
        "engine",
        "what happens between two scrapes",
    ),
    Metric(
        "engine_requests_waiting", "count", "requests in the queue", "up", "engine", "a queue in front of the engine"
    ),
    Metric(
        "engine_process_memory_bytes",
        "bytes",
        "memory that the engine reports of itself",
        "up",
        "engine",
        "its other processes; usually resident memory, with the same faults",
    ),
    Metric(
        "engine_prefix_cache_queries_total",
        "count",
        "tokens or blocks looked up in the prefix cache",
        None,
        "engine",
        "engines count tokens or blocks; compare within one engine",
    ),
    Metric(
        "engine_prefix_cache_hits_total",
        "count",
        "those found",
        None,
        "engine",
        "the ratio of hits, which needs both counters",
    ),
    Metric(
        "engine_preemptions_total",
        "count",
        "requests that lost their place in the cache",
        "up",
        "engine",
        "how much work was done again",
    ),
    Metric("engine_prompt_tokens_total", "count", "prompt tokens processed", None, "engine", "for whom"),
    Metric("engine_generation_tokens_total", "count", "tokens generated", None, "engine", "for whom"),
)

_PSI = "short stalls of few tasks; reads 0 where nothing waits, also on an idle host"


def _pressure() -> Iterator[Metric]:
    for what, kinds in (("memory", ("some", "full")), ("cpu", ("some",)), ("io", ("some", "full"))):
        for kind in kinds:
            who = "at least one task" if kind == "some" else "all tasks"
            yield Metric(
                f"host_pressure_{what}_{kind}_avg10_ratio",
                "ratio",
                f"share of the last 10 s in which {who} waited for {what}",
                "up",
                "host",
                _PSI,
            )
            yield Metric(
                f"host_pressure_{what}_{kind}_seconds_total",
                "seconds",
                f"time in which {who} waited for {what}",
                "up",
                "host",
                _PSI,
            )


def _free(place: str, folder: str) -> Iterator[Metric]:
    what = f"that an ordinary user may still take in {folder}"
    yield Metric(f"host_{place}_disk_free_bytes", "bytes", f"bytes {what}", "down", "host", "quotas")
    yield Metric(f"host_{place}_disk_free_inodes", "count", f"inodes {what}", "down", "host", "quotas")


_HOST = (
    Metric("host_memory_total_bytes", "bytes", "memory of the host", None, "host", "limits of a container"),
    Metric("host_memory_available_bytes", "bytes", "memory that can be had without swapping", "down", "host"),
    Metric("host_memory_used_bytes", "bytes", "memory in use, caches left out", "up", "host"),
    Metric("host_swap_used_bytes", "bytes", "swap in use", "up", "host"),
    Metric("host_load_1m", "count", "tasks running or waiting, the mean of a minute", "up", "host"),
    Metric("host_processes", "count", "processes", "up", "host", "processes of other pid namespaces"),
    Metric(
        "host_cpu_user_seconds_total", "seconds", "user time of all CPUs, with that of niced processes", None, "host"
    ),
    Metric("host_cpu_system_seconds_total", "seconds", "system time of all CPUs", None, "host"),
    Metric("host_cpu_idle_seconds_total", "seconds", "idle time of all CPUs", None, "host"),
    Metric(
        "host_cpu_steal_seconds_total",
        "seconds",
        "time that a hypervisor gave to other guests",
        "up",
        "host",
        "hypervisors that do not report it",
    ),
    Metric("host_fds_allocated", "count", "open files of all processes", "up", "host"),
    Metric("host_fds_limit", "count", "the most there may be", None, "host", "the limit of each process (ulimit)"),
    Metric("host_oom_kills_total", "count", "processes killed for want of memory", "up", "host"),
    Metric("host_page_faults_total", "count", "page faults", None, "host"),
    Metric("host_major_page_faults_total", "count", "page faults that read a disk", "up", "host"),
    Metric("host_swap_in_bytes_total", "bytes", "read from swap", "up", "host"),
    Metric("host_swap_out_bytes_total", "bytes", "written to swap", "up", "host"),
    *_pressure(),
    *_free("results", "the result directory"),
    *_free("tmp", "`/tmp`"),
    Metric("host_shm_used_bytes", "bytes", "shared memory in use in `/dev/shm`", "up", "host", "unlinked segments"),
    Metric("host_shm_size_bytes", "bytes", "size of `/dev/shm`", None, "host"),
    Metric(
        "host_clock_offset_seconds",
        "seconds",
        "by how much the wall clock was set since the campaign began",
        None,
        "host",
        "slewing, which also stretches the monotonic clock (by 0.05 % at most)",
    ),
    Metric("host_suspended_seconds", "seconds", "time suspended since the campaign began", "up", "host"),
    Metric("host_ntp_synchronised", "0 or 1", "whether the kernel's clock is synchronized", "down", "host"),
    Metric(
        "host_ntp_offset_seconds",
        "seconds",
        "what is still to be corrected",
        None,
        "host",
        "chronyd, which corrects by other means and leaves it at 0",
    ),
    Metric("host_ntp_estimated_error_seconds", "seconds", "how far off the clock may be", "up", "host"),
)

_LIMITS = (
    Metric(
        "limit_open_files",
        "count",
        "open files that one process may have (`ulimit -n`), of the process with the least room",
        None,
        "limits",
    ),
    Metric("limit_open_files_room", "count", "open files that this process may still open", "down", "limits"),
    Metric("limit_host_open_files", "count", "open files that the kernel allows all processes", None, "limits"),
    Metric("limit_host_open_files_room", "count", "of them those that are left", "down", "limits"),
    Metric(
        "limit_address_space_bytes",
        "bytes",
        "address space that one process may have (`ulimit -v`), of the process with the least room",
        None,
        "limits",
    ),
    Metric("limit_address_space_room_bytes", "bytes", "address space that it may still map", "down", "limits"),
    Metric(
        "limit_cgroup_memory_bytes",
        "bytes",
        "memory limit (`memory.max`, `memory.high`, `memory.limit_in_bytes`) of the control group of the main process,"
        " or of the one above it with less room",
        None,
        "limits",
    ),
    Metric(
        "limit_cgroup_memory_room_bytes",
        "bytes",
        "what this group may still take: its limit less anonymous and shared memory, and the kernel's own (version 2)",
        "down",
        "limits",
        "swap: what the kernel swaps out is room again",
    ),
    Metric("limit_cgroup_memory_levels", "count", "how many levels above the own group it is", None, "limits"),
    Metric("limit_host_memory_bytes", "bytes", "memory of the host", None, "limits"),
    Metric("limit_host_memory_room_bytes", "bytes", "memory of the host that is available", "down", "limits", "swap"),
    Metric("limit_cgroup_threads", "count", "threads that the control group may have (`pids.max`)", None, "limits"),
    Metric("limit_cgroup_threads_room", "count", "of them those that are left", "down", "limits"),
    Metric(
        "limit_user_threads",
        "count",
        "threads that the user of the main process may have (`ulimit -u`); root has no such limit",
        None,
        "limits",
        "users of other namespaces",
    ),
    Metric("limit_user_threads_room", "count", "of them those that are left", "down", "limits"),
    Metric("limit_host_threads", "count", "the less of `kernel.threads-max` and `kernel.pid_max`", None, "limits"),
    Metric("limit_host_threads_room", "count", "of them those that are left", "down", "limits"),
)

_CGROUP = (
    Metric("cgroup_memory_usage_bytes", "bytes", "memory of all kinds, the kernel's own too", "up", "cgroup"),
    Metric("cgroup_memory_anon_bytes", "bytes", "anonymous memory", "up", "cgroup"),
    Metric("cgroup_memory_file_bytes", "bytes", "page cache, shared memory included", None, "cgroup"),
    Metric("cgroup_memory_shmem_bytes", "bytes", "shared memory and tmpfs", "up", "cgroup"),
    Metric("cgroup_memory_swap_bytes", "bytes", "swapped out", "up", "cgroup"),
    Metric(
        "cgroup_memory_limit_bytes",
        "bytes",
        "the least limit from the group upwards",
        None,
        "cgroup",
        "limits of groups that are not visible from inside a container",
    ),
    Metric(
        "cgroup_oom_kills_total",
        "count",
        "processes killed for want of memory",
        "up",
        "cgroup",
        "in version 1 those of the groups below",
    ),
    Metric("cgroup_cpu_throttled_seconds_total", "seconds", "time in which its CPU quota was used up", "up", "cgroup"),
    Metric("cgroup_cpu_throttled_periods_total", "count", "periods of the quota in which that was so", "up", "cgroup"),
    Metric("cgroup_cpu_periods_total", "count", "periods of the quota", None, "cgroup"),
)

_WHOLE_DEVICE = "which process it comes from"
_PCIE = "one read in ten asks, over 20 ms: bursts between"

_DEVICE = (
    Metric(
        "device_process_memory_bytes",
        "bytes",
        "memory of all devices that the deployment's process tree holds",
        "up",
        "device",
        "what an engine's own pool holds inside of its allocation; pids of other namespaces; WSL2",
    ),
    Metric(
        "device_process_memory_limit_bytes",
        "bytes",
        "that, plus the free memory of the devices that it is on",
        None,
        "device",
        "which of several devices is full first",
    ),
    Metric(
        "device_memory_used_bytes",
        "bytes",
        "memory in use",
        "up",
        "device",
        "leaks inside of a pool that the engine allocated at its start; which process it comes from",
    ),
    Metric("device_memory_free_bytes", "bytes", "free memory", "down", "device", _WHOLE_DEVICE),
    Metric("device_memory_total_bytes", "bytes", "memory of the device", None, "device"),
    Metric("device_memory_reserved_bytes", "bytes", "reserved by the driver", None, "device", "drivers before 510"),
    Metric(
        "device_utilization_ratio",
        "ratio",
        "share of the time in which a kernel ran",
        None,
        "device",
        "how much of the device the kernel used",
    ),
    Metric(
        "device_memory_utilization_ratio",
        "ratio",
        "share of the time in which memory was read or written",
        None,
        "device",
        _WHOLE_DEVICE,
    ),
    Metric("device_power_watts", "watts", "power drawn", None, "device", _WHOLE_DEVICE),
    Metric("device_energy_joules_total", "joules", "energy since the driver was loaded", None, "device"),
    Metric("device_temperature_celsius", "°C", "temperature of the chip", "up", "device", "that of its memory"),
    Metric("device_fan_speed_ratio", "ratio", "speed of the fan, of the most it can", "up", "device", "passive cards"),
    Metric("device_sm_clock_hertz", "Hz", "clock of the multiprocessors", "down", "device", "why: throttle reasons"),
    Metric("device_memory_clock_hertz", "Hz", "clock of the memory", "down", "device"),
    Metric(
        "device_throttle_reasons",
        "bit mask",
        "why the clocks are not at their most (`nvmlClocksEventReason…`)",
        None,
        "device",
        "reasons between two reads",
    ),
    Metric("device_ecc_corrected_total", "count", "corrected memory errors in the life of the board", "up", "device"),
    Metric(
        "device_ecc_uncorrected_total", "count", "uncorrected memory errors in the life of the board", "up", "device"
    ),
    Metric(
        "device_ecc_corrected_volatile_total",
        "count",
        "corrected memory errors since the driver was loaded",
        "up",
        "device",
    ),
    Metric(
        "device_ecc_uncorrected_volatile_total",
        "count",
        "uncorrected memory errors since the driver was loaded",
        "up",
        "device",
    ),
    Metric("device_remapped_rows_correctable_total", "count", "rows replaced after corrected errors", "up", "device"),
    Metric(
        "device_remapped_rows_uncorrectable_total", "count", "rows replaced after uncorrected errors", "up", "device"
    ),
    Metric("device_row_remapping_pending", "0 or 1", "a row waits for a reset to be replaced", "up", "device"),
    Metric("device_row_remapping_failed", "0 or 1", "a row could not be replaced", "up", "device"),
    Metric("device_pcie_replays_total", "count", "PCIe packets that were sent again", "up", "device"),
    Metric("device_pcie_rx_bytes_per_second", "bytes/s", "PCIe traffic to the device", None, "device", _PCIE),
    Metric("device_pcie_tx_bytes_per_second", "bytes/s", "PCIe traffic from the device", None, "device", _PCIE),
    Metric(
        "device_xid_errors_total",
        "count",
        "XID errors since the first read",
        "up",
        "device",
        "errors before the first read",
    ),
    Metric("device_xid_last_code", "XID", "the last error's code; absent before the first error", None, "device"),
)

_CLIENT_MEANINGS = {
    "client_ttft_seconds": "time to first token, from sending; the median of a grid cell",
    "client_tpot_seconds": "time per output token after the first; the median of a grid cell",
    "client_e2e_seconds": "time to the last token, from sending; the median of a grid cell",
    "client_stall_seconds": "longest pause between two tokens of an answer; the median of a grid cell",
    "client_ttft_p95_seconds": "time to first token, from sending; the 95th percentile of a grid cell",
    "client_tpot_p95_seconds": "time per output token after the first; the 95th percentile of a grid cell",
    "client_e2e_p95_seconds": "time to the last token, from sending; the 95th percentile of a grid cell",
    "client_slo_attainment_ratio": "share of the judged requests that met every objective of their class",
    "client_goodput_requests_per_second": "requests per second that met every objective",
}

_STREAMED = "answers that are not streamed; requests that failed"
_CLIENT_BLIND_SPOTS = {
    "client_ttft_seconds": _STREAMED,
    "client_tpot_seconds": f"{_STREAMED}; answers of one token",
    "client_e2e_seconds": "requests that failed; how long the answers were: compare under equal lengths",
    "client_stall_seconds": _STREAMED,
    "client_slo_attainment_ratio": "by how much an objective was missed; client faults, which are left out",
    "client_goodput_requests_per_second": "whether fewer requests were sent: compare with attainment",
}
_FEW = "in a cell with fewer than 20 requests it is near the slowest request"


def _client() -> Iterator[Metric]:
    for name in (name for name in indicators() if name.startswith("client_")):
        unit = "ratio" if name.endswith("_ratio") else "requests/s" if name.endswith("_second") else "seconds"
        blind_spot = _CLIENT_BLIND_SPOTS.get(name, _FEW)
        worse: Worse = "down" if ages_downwards(name) else "up"
        yield Metric(name, unit, _CLIENT_MEANINGS[name], worse, "requests", blind_spot)


METRICS = (*_PROCESS, *_FOOTPRINT, *_ALLOCATOR, *_ENGINE, *_HOST, *_CGROUP, *_LIMITS, *_DEVICE, *_client())
