"""The host sampler beside the kernel's own files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aging.core.clock import Clocks
from aging.core.records import HARNESS, Reading
from aging.sampling.kernel_files import keyed
from aging.sampling.samplers import host
from aging.sampling.samplers.host import HostSampler

PSI = Path("/proc/pressure/memory").exists()
MIB = 2**20

NAMES = {
    "host_memory_total_bytes",
    "host_memory_available_bytes",
    "host_memory_used_bytes",
    "host_swap_used_bytes",
    "host_load_1m",
    "host_processes",
    "host_cpu_user_seconds_total",
    "host_cpu_system_seconds_total",
    "host_cpu_idle_seconds_total",
    "host_cpu_steal_seconds_total",
    "host_fds_allocated",
    "host_fds_limit",
    "host_oom_kills_total",
    "host_page_faults_total",
    "host_major_page_faults_total",
    "host_swap_in_bytes_total",
    "host_swap_out_bytes_total",
    "host_results_disk_free_bytes",
    "host_results_disk_free_inodes",
    "host_tmp_disk_free_bytes",
    "host_tmp_disk_free_inodes",
    "host_shm_used_bytes",
    "host_shm_size_bytes",
    "host_clock_offset_seconds",
    "host_suspended_seconds",
}
PRESSURE = {
    f"host_pressure_{what}_{unit}"
    for what in ("memory_some", "memory_full", "cpu_some", "io_some", "io_full")
    for unit in ("avg10_ratio", "seconds_total")
}
NTP = {"host_ntp_synchronised", "host_ntp_offset_seconds", "host_ntp_estimated_error_seconds"}


def _read() -> Reading:
    [reading] = HostSampler(list).read()
    return reading


def _meminfo() -> dict[str, int]:
    """``/proc/meminfo`` in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {key: int(text.split()[0]) * 1024 for key, text in (line.split(":") for line in lines)}


def test_one_reading_for_the_whole_host_with_all_values_of_this_kernel() -> None:
    reading = _read()
    assert (reading.owner, reading.entity, reading.generation) == (HARNESS, "host", 1)
    assert set(reading.values) | set(reading.missing) == NAMES | PRESSURE | NTP
    assert not set(reading.values) & set(reading.missing)
    assert set(reading.values) >= NAMES - {"host_results_disk_free_inodes", "host_tmp_disk_free_inodes"}  # btrfs
    assert set(reading.values) >= PRESSURE if PSI else set(reading.missing) >= PRESSURE
    assert all(isinstance(value, int | float) for value in reading.values.values())


def test_memory_is_the_kernels_in_bytes() -> None:
    values, kernel = _read().values, _meminfo()
    assert values["host_memory_total_bytes"] == kernel["MemTotal"]
    near = kernel["MemTotal"] / 10  # others allocate between the two looks
    assert values["host_memory_available_bytes"] == pytest.approx(kernel["MemAvailable"], abs=near)
    assert values["host_swap_used_bytes"] == pytest.approx(kernel["SwapTotal"] - kernel["SwapFree"], abs=near)
    assert 0 < values["host_memory_used_bytes"] < values["host_memory_total_bytes"]


def test_processes_and_load_are_counts() -> None:
    values = _read().values
    processes = sum(entry.isdigit() for entry in os.listdir("/proc"))
    assert values["host_processes"] == pytest.approx(processes, abs=max(10, processes / 5))
    assert 0 <= values["host_load_1m"] < 10_000


def test_cpu_time_is_counted_in_seconds() -> None:
    before, start = _read().values, time.monotonic()
    burnt = time.process_time() + 0.3
    while time.process_time() < burnt:
        pass
    after, elapsed = _read().values, time.monotonic() - start
    rise = {name: after[name] - before[name] for name in NAMES if name.startswith("host_cpu_")}
    assert rise["host_cpu_user_seconds_total"] + rise["host_cpu_system_seconds_total"] >= 0.25
    assert sum(rise.values()) <= (elapsed + 0.1) * (os.cpu_count() or 1)
    assert all(seconds >= 0 for seconds in rise.values())


def test_files_that_are_opened_are_counted() -> None:
    kernel = Path("/proc/sys/fs/file-nr").read_text().split()
    before = _read().values
    assert before["host_fds_limit"] == float(kernel[2])
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(900)]
    try:
        # the kernel counts a batch a CPU late, and others open and close files in that time
        rise = _read().values["host_fds_allocated"] - before["host_fds_allocated"]
        assert rise == pytest.approx(900, abs=400)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def test_shared_memory_in_use_and_disk_space_are_bytes(tmp_path: Path) -> None:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("/dev/shm is not writable")
    before = _read().values
    path = Path(f"/dev/shm/aging-test-{os.getpid()}")
    try:
        path.write_bytes(bytes(8 * MIB))
        after = _read().values
    finally:
        path.unlink()
    assert after["host_shm_used_bytes"] - before["host_shm_used_bytes"] == pytest.approx(8 * MIB, abs=2 * MIB)
    assert after["host_shm_size_bytes"] >= after["host_shm_used_bytes"]
    [reading] = HostSampler(list, tmp_path).read()
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    assert reading.values["host_results_disk_free_bytes"] == pytest.approx(free, abs=max(2**30, free / 10))


def test_a_page_that_is_touched_is_a_page_fault() -> None:
    before = _read().values
    bytearray(64 * MIB)[:: os.sysconf("SC_PAGE_SIZE")]
    after = _read().values
    vmstat = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    assert after["host_page_faults_total"] > before["host_page_faults_total"]
    assert after["host_page_faults_total"] <= float(vmstat["pgfault"])
    assert after["host_oom_kills_total"] <= float(vmstat["oom_kill"])
    assert after["host_swap_in_bytes_total"] <= float(vmstat["pswpin"]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not PSI, reason="this kernel has no pressure stall information")
def test_pressure_is_a_ratio_and_seconds() -> None:
    values = _read().values
    line = Path("/proc/pressure/io").read_text().splitlines()[0]
    assert values["host_pressure_io_some_seconds_total"] <= int(line.rpartition("=")[2]) / 1e6
    for name in PRESSURE:
        if name.endswith("_ratio"):
            assert 0 <= values[name] <= 1, name


def test_values_that_a_kernel_lacks_are_missing_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_PROC", tmp_path)
    monkeypatch.setattr(host, "_SHM", tmp_path / "shm")
    (tmp_path / "vmstat").write_text("pgfault 12\npgmajfault 3\npswpin 1\npswpout 0\n")  # before Linux 4.13
    reading = _read()
    assert "PSI" in reading.missing["host_pressure_io_full_seconds_total"]
    assert reading.missing["host_oom_kills_total"] == f"{tmp_path}/vmstat has no oom_kill"
    assert reading.missing["host_fds_limit"] == f"there is no {tmp_path}/sys/fs/file-nr"
    assert reading.missing["host_shm_used_bytes"] == f"there is no {tmp_path}/shm"
    assert reading.values["host_page_faults_total"] == 12
    assert reading.values["host_swap_in_bytes_total"] == os.sysconf("SC_PAGE_SIZE")


def test_the_clock_s_offset_counts_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Clocks(1000.0, 10.0, 10.0), Clocks(1105.5, 15.0, 115.0)])
    monkeypatch.setattr(Clocks, "now", lambda: next(readings))
    values = _read().values  # 100 s suspended, the clock put forward by half a second
    assert values["host_clock_offset_seconds"] == 0.5
    assert values["host_suspended_seconds"] == 100.0


def test_ntp_is_asked_and_nothing_is_set() -> None:
    before = Clocks.now()
    reading = _read()
    assert Clocks.now().offset == pytest.approx(before.offset, abs=0.01)
    if reading.values.get("host_ntp_synchronised") == 1.0:
        assert abs(reading.values["host_ntp_offset_seconds"]) < 1.0
        assert reading.values["host_ntp_estimated_error_seconds"] >= 0
    else:
        assert {"host_ntp_offset_seconds", "host_ntp_estimated_error_seconds"} <= set(reading.missing)


def test_keys_are_whole_words(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("anon 1\nanon_thp 2\ninactive_anon 3\nfile 4\n")
    assert keyed(tmp_path / "stat", "file", "anon") == [4.0, 1.0]
