"""Samplers of simulated servers: the rows have the columns and the noise of those of the package's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from aging.core.records import HARNESS, Reading
from aging.core.targets import Target
from aging.sampling.base import Sampler
from aging.sampling.samplers.engine import common_values, raw_values
from analysis.accelerated.indicators import (
    Column,
    Indicators,
    constant,
    counter,
    device_memory_of,
    gauge,
    memory_of,
    share,
)
from analysis.accelerated.servers import Life, Server
from analysis.accelerated.world import World

_PAGE = 4096


def _process_columns(server: Server, key: Sequence[int]) -> dict[str, Column]:
    anonymous = memory_of(server, key)

    def anonymous_plus(more: float) -> Column:
        # The same in every column: they are sums over the same pages.
        return lambda _rng, age, t: anonymous(np.random.default_rng([*key, 7, int(age)]), age, t) + more

    shared, virtual = 900e6 // _PAGE * _PAGE, 60e9 // _PAGE * _PAGE
    return {
        "process_uptime_seconds": lambda rng, _age, t: t + rng.exponential(2e-4, t.size),
        "process_vms_bytes": anonymous_plus(virtual),
        "process_rss_bytes": anonymous_plus(shared),
        "process_anon_bytes": anonymous_plus(0.0),
        "process_file_bytes": constant(shared - 8 * _PAGE),
        "process_shmem_bytes": constant(8.0 * _PAGE),
        "process_swap_bytes": constant(0.0),
        "process_threads": gauge(212, 0.4),
        "process_voluntary_switches_total": counter(900.0),
        "process_involuntary_switches_total": counter(12.0),
        "process_anon_swap_bytes": anonymous_plus(0.0),
        "process_shared_bytes": constant(shared),
        "process_fds": gauge(240, 4),
        "process_cpu_seconds_total": counter(1.4, 2),
        "process_minor_faults_total": counter(150.0),
        "process_major_faults_total": constant(41.0),
        "process_read_bytes_total": constant(15_231_000_576.0),
        "process_write_bytes_total": counter(60.0),
        "process_count": constant(float(server.processes)),
    }


def _own_columns(key: Sequence[int]) -> dict[str, Column]:
    own = Server("", 31e6, processes=1)
    quiet = {
        "process_threads": constant(1.0),
        "process_fds": gauge(14, 1),
        "process_cpu_seconds_total": counter(0.01, 2),
        "process_voluntary_switches_total": counter(30.0),
        "process_write_bytes_total": counter(9000.0),
        "process_minor_faults_total": counter(0.2),
    }
    return _process_columns(own, key) | quiet


class SimulatedSampler(Sampler):
    """What all of them share: the world that they look at, which the study gives each class of its own."""

    world: ClassVar[World]

    def __init__(self, targets: Callable[[], Sequence[Target]], results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._known: dict[tuple[Any, ...], Indicators] = {}

    def _row(self, key: Sequence[int], age: float, columns: Callable[[Sequence[int]], Mapping[str, Column]]) -> Any:
        seed = (self.world.seed, *key)
        if seed not in self._known:
            self._known[seed] = Indicators(seed, columns(seed), self.default_interval)
        return self._known[seed].at(age)

    def _life(self, target: Target) -> Life | None:
        life = self.world.pids.get(target.pids[0])
        return life if life is not None and life.how is None else None

    def _age(self, life: Life) -> float:
        return self.world.clock.monotonic() - life.born


class SimulatedProcesses(SimulatedSampler):
    """Of :class:`aging.sampling.samplers.process.ProcessSampler`."""

    kind = "process"
    default_interval = 1.0

    def __init__(self, targets: Callable[[], Sequence[Target]], results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._born: dict[tuple[str, int], float] = {}

    def read(self) -> Iterable[Reading]:
        return [self._reading(target) for target in self.targets()]

    def _reading(self, target: Target) -> Reading:
        owner, entity, generation, pid = target.owner, target.entity, target.generation, target.pids[0]
        if owner == HARNESS:
            now = self.world.clock.monotonic()
            born = self._born.setdefault((entity, generation), now)
            values = self._row((11, len(entity), generation), now - born, _own_columns)
            return Reading(owner, entity, generation, values, {}, (pid,))
        life = self._life(target)
        if life is None:
            return Reading(owner, entity, generation, {}, {"process": f"pid {pid} has ended"})
        values = self._row((1, pid), self._age(life), lambda key: _process_columns(life.server, key))
        return Reading(owner, entity, generation, values, {}, [pid + k for k in range(life.server.processes)])


_BOARD = 46_068.0 * 2**20


def _board_columns(_key: Sequence[int]) -> dict[str, Column]:
    used = 41e9 // 2**20 * 2**20
    none = ("corrected", "uncorrected", "corrected_volatile", "uncorrected_volatile")
    return {
        "device_memory_used_bytes": constant(used),
        "device_memory_free_bytes": constant(_BOARD - used),
        "device_memory_total_bytes": constant(_BOARD),
        "device_memory_reserved_bytes": constant(600.0 * 2**20),
        "device_utilization_ratio": share(0.93, 0.05),
        "device_memory_utilization_ratio": share(0.6, 0.08),
        "device_power_watts": gauge(285, 14, 3),
        "device_energy_joules_total": counter(285.0, 3),
        "device_temperature_celsius": gauge(63, 0.9),
        "device_sm_clock_hertz": lambda rng, _age, t: 15e6 * np.round(rng.normal(164, 1.2, t.size)),
        "device_memory_clock_hertz": constant(9_001e6),
        "device_throttle_reasons": lambda rng, _age, t: 4.0 * (rng.random(t.size) < 0.3),
        **{f"device_ecc_{name}_total": constant(0.0) for name in none},
        "device_remapped_rows_correctable_total": constant(0.0),
        "device_remapped_rows_uncorrectable_total": constant(0.0),
        "device_row_remapping_pending": constant(0.0),
        "device_row_remapping_failed": constant(0.0),
        "device_pcie_replays_total": constant(0.0),
        "device_xid_errors_total": constant(0.0),
    }


def _pcie_columns(_key: Sequence[int]) -> dict[str, Column]:
    return {
        f"device_pcie_{way}_bytes_per_second": lambda rng, _age, t: 1000.0 * np.round(rng.exponential(21e3, t.size))
        for way in ("rx", "tx")
    }


class SimulatedDevices(SimulatedSampler):
    """Of :class:`aging.sampling.samplers.device.DeviceSampler`: a board a slot."""

    kind = "device"
    default_interval = 1.0
    boards: ClassVar[int] = 3

    def __init__(self, targets: Callable[[], Sequence[Target]], results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._reads = 0

    def read(self) -> Iterable[Reading]:
        now = self.world.clock.monotonic()
        boards = []
        for index in range(self.boards):
            values = self._row((2, index), now, _board_columns)
            if self._reads % 10 == index % 10:
                values |= self._row((3, index), now, _pcie_columns)
            boards.append(Reading(HARNESS, f"gpu{index}", 1, values, {"device_fan_speed_ratio": "NVML: Not Supported"}))
        self._reads += 1
        together = {
            name: sum(board.values[name] for board in boards) for name in boards[0].values if "_pcie_" not in name
        }
        yield from boards
        yield Reading(HARNESS, "gpu-all", 1, together, {"device_fan_speed_ratio": "gpu0: NVML: Not Supported"})
        for target in self.targets():
            if target.owner != HARNESS:
                yield self._held(target)

    def _held(self, target: Target) -> Reading:
        life = self._life(target)
        if life is None:
            reason = {"device_process_memory_bytes": f"pid {target.pids[0]} has ended"}
            return Reading(target.owner, "gpu-total", target.generation, {}, reason)
        server = life.server

        def columns(key: Sequence[int]) -> dict[str, Column]:
            held = device_memory_of(server, key)
            return {
                "device_process_memory_bytes": held,
                "device_process_memory_limit_bytes": constant(_BOARD - 600.0 * 2**20),
            }

        values = self._row((4, target.pids[0]), self._age(life), columns)
        return Reading(target.owner, "gpu-total", target.generation, values)


_HOST_GAUGES = {
    "host_memory_available_bytes": (190e9, 40e6),
    "host_memory_used_bytes": (66e9, 40e6),
    "host_processes": (420, 3),
    "host_fds_allocated": (9000, 60),
    "host_results_disk_free_bytes": (8e11, 2e6),
    "host_tmp_disk_free_bytes": (8e11, 2e6),
}
_HOST_COUNTERS = {
    "host_cpu_user_seconds_total": (5.0, 2),
    "host_cpu_system_seconds_total": (0.6, 2),
    "host_cpu_idle_seconds_total": (58.0, 2),
    "host_page_faults_total": (2400.0, 0),
    "host_pressure_cpu_some_seconds_total": (0.02, 6),
    "host_pressure_io_some_seconds_total": (0.004, 6),
    "host_pressure_io_full_seconds_total": (0.003, 6),
}
_HOST_CONSTANTS = {
    "host_memory_total_bytes": 270e9,
    "host_swap_used_bytes": 0.0,
    "host_cpu_steal_seconds_total": 0.0,
    "host_fds_limit": 26_000_000.0,
    "host_oom_kills_total": 0.0,
    "host_major_page_faults_total": 42_018.0,
    "host_swap_in_bytes_total": 0.0,
    "host_swap_out_bytes_total": 0.0,
    "host_pressure_memory_some_avg10_ratio": 0.0,
    "host_pressure_memory_some_seconds_total": 5.4,
    "host_pressure_memory_full_avg10_ratio": 0.0,
    "host_pressure_memory_full_seconds_total": 3.4,
    "host_pressure_io_full_avg10_ratio": 0.0,
    "host_results_disk_free_inodes": 49_000_000.0,
    "host_tmp_disk_free_inodes": 49_000_000.0,
    "host_shm_used_bytes": 2_428_928.0,
    "host_shm_size_bytes": 135e9,
    "host_ntp_synchronised": 1.0,
}


def _host_columns(_key: Sequence[int]) -> dict[str, Column]:
    return {
        **{name: constant(value) for name, value in _HOST_CONSTANTS.items()},
        **{name: gauge(*columns) for name, columns in _HOST_GAUGES.items()},
        **{name: counter(*columns) for name, columns in _HOST_COUNTERS.items()},
        "host_load_1m": gauge(7, 0.8, 2),
        "host_pressure_cpu_some_avg10_ratio": share(0.02, 0.02, 4),
        "host_pressure_io_some_avg10_ratio": share(0.0, 0.005, 4),
        "host_clock_offset_seconds": lambda rng, _age, t: rng.normal(0, 1e-6, t.size),
        "host_suspended_seconds": lambda rng, _age, t: rng.normal(0, 1e-6, t.size),
        "host_ntp_offset_seconds": lambda rng, _age, t: np.round(rng.normal(0, 1e-4, t.size), 9),
        "host_ntp_estimated_error_seconds": lambda rng, _age, t: np.round(rng.exponential(1e-4, t.size), 6),
    }


class SimulatedHost(SimulatedSampler):
    """Of :class:`aging.sampling.samplers.host.HostSampler`."""

    kind = "host"
    default_interval = 5.0

    def read(self) -> Iterable[Reading]:
        return [Reading(HARNESS, "host", 1, self._row((5,), self.world.clock.monotonic(), _host_columns))]


_HISTOGRAMS = [
    "time_to_first_token_seconds",
    "time_per_output_token_seconds",
    "inter_token_latency_seconds",
    "e2e_request_latency_seconds",
    "request_queue_time_seconds",
    "request_inference_time_seconds",
    "request_prefill_time_seconds",
    "request_decode_time_seconds",
    "request_prompt_tokens",
    "request_generation_tokens",
    "request_params_n",
    "request_params_max_tokens",
    "iteration_tokens_total",
    "request_max_num_generation_tokens",
]


def _engine_columns(_key: Sequence[int]) -> dict[str, Column]:
    """Raw names and values of a scrape of vLLM."""
    counters = {
        "process_cpu_seconds_total": (1.3, 2),
        "vllm:prefix_cache_queries_total": (3800.0, 0),
        "vllm:prefix_cache_hits_total": (20.0, 0),
        "vllm:num_preemptions_total": (0.0, 0),
        "vllm:prompt_tokens_total": (3800.0, 0),
        "vllm:generation_tokens_total": (660.0, 0),
        "vllm:request_success_total": (2.5, 0),
        **{f"vllm:{name}_sum": (5.0, 9) for name in _HISTOGRAMS},
        **{f"vllm:{name}_count": (2.5, 0) for name in _HISTOGRAMS},
    }
    return {
        "process_virtual_memory_bytes": constant(2e10),
        "process_resident_memory_bytes": gauge(9e8, 3e4),
        "process_start_time_seconds": constant(1.8e9),
        "process_open_fds": gauge(60, 2),
        "process_max_fds": constant(20_000.0),
        "vllm:num_requests_running": gauge(20, 4),
        "vllm:num_requests_waiting": gauge(0.2, 0.2),
        "vllm:num_requests_waiting_by_reason": gauge(0.2, 0.2),
        "vllm:kv_cache_usage_perc": lambda rng, _age, t: rng.normal(0.31, 0.04, t.size),
        **{name: counter(*columns) for name, columns in counters.items()},
    }


class SimulatedEngines(SimulatedSampler):
    """Of :class:`aging.sampling.samplers.engine.EngineSampler`: a scrape that needs no reading of text."""

    kind = "engine"
    default_interval = 10.0

    def read(self) -> Iterable[Reading]:
        return [self._scraped(target) for target in self.targets() if target.metrics_url]

    def _scraped(self, target: Target) -> Reading:
        life = self._life(target)
        if life is None:
            refused = {"engine": "ConnectError: [Errno 111] Connection refused"}
            return Reading(target.owner, "engine", target.generation, {}, refused)
        scraped = {
            name: [value] for name, value in self._row((6, target.pids[0]), self._age(life), _engine_columns).items()
        }
        common, missing = common_values(scraped, target.engine_metrics)
        return Reading(target.owner, "engine", target.generation, raw_values(scraped) | common, missing)


_FILES = ("socket", "pipe", "anonymous", "file", "other")


class SimulatedFootprints(SimulatedSampler):
    """Of :class:`aging.sampling.samplers.footprint.FootprintSampler`."""

    kind = "footprint"
    default_interval = 60.0

    def read(self) -> Iterable[Reading]:
        for target in self.targets():
            life = None if target.owner == HARNESS else self._life(target)
            if life is None:
                continue
            server = life.server

            def columns(key: Sequence[int], server: Server = server) -> dict[str, Column]:
                held = memory_of(server, key)
                kinds = {
                    f"process_{kind}_fds": gauge(40, 2) for kind in ("socket", "pipe", "anonymous", "file", "other")
                }
                return {"process_pss_bytes": held, "process_uss_bytes": held, **kinds}

            values = self._row((8, target.pids[0]), self._age(life), columns)
            yield Reading(target.owner, "tree", target.generation, values, {}, (target.pids[0],))


SAMPLERS: tuple[type[SimulatedSampler], ...] = (
    SimulatedProcesses,
    SimulatedDevices,
    SimulatedHost,
    SimulatedEngines,
    SimulatedFootprints,
)
