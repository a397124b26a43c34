"""The host as a whole: memory, swap, load, CPU, open files, pressure stalls, disks and clocks.

psutil and the kernel's files, 0.2 ms of CPU a tick. A value that this kernel does not have is missing with the reason.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import psutil

from aging.core.clock import Clocks
from aging.core.records import HARNESS, Reading
from aging.core.targets import Targets
from aging.sampling.base import Sampler
from aging.sampling.kernel_files import Answer, Question, answered, keyed

_PROC = Path("/proc")
_TMP = Path("/tmp")
_SHM = Path("/dev/shm")
_PAGE = os.sysconf("SC_PAGE_SIZE")

_STALLS = re.compile(rb"^(some|full) avg10=([\d.]+) .*total=(\d+)$", re.MULTILINE)
_NO_PSI = "this kernel has no pressure stall information (PSI is not built in, or is switched off)"
_UNSYNCHRONISED = "the kernel's clock is not synchronized"
_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000


@dataclass(frozen=True, slots=True)
class _Host:
    """The inputs of the questions: where results are written, and the clocks at the beginning."""

    results: Path
    began: Clocks


def _open_files(_: _Host) -> Iterable[Answer]:
    allocated, _unused, limit = (_PROC / "sys/fs/file-nr").read_bytes().split()
    return float(allocated), float(limit)


def _counters(_: _Host) -> Iterable[Answer]:
    *counts, swapped_in, swapped_out = keyed(_PROC / "vmstat", "oom_kill", "pgfault", "pgmajfault", "pswpin", "pswpout")
    pages = (swapped_in, swapped_out)
    return [*counts, *(answer if isinstance(answer, str) else answer * _PAGE for answer in pages)]


def _pressure(kinds: tuple[str, ...], what: str, _: _Host) -> Iterable[Answer]:
    """Of each kind the ratio of the last ten seconds, then the seconds stalled in all."""
    try:
        text = (_PROC / "pressure" / what).read_bytes()
    except OSError:  # ENOENT where it is not built in, EOPNOTSUPP where it is off
        return [_NO_PSI] * (2 * len(kinds))
    stalls = {kind.decode(): (float(ten) / 100, int(total) / 1e6) for kind, ten, total in _STALLS.findall(text)}
    return [answer for kind in kinds for answer in stalls.get(kind, (_NO_PSI, _NO_PSI))]


def _pressure_question(what: str, *kinds: str) -> Question[_Host]:
    names = [f"host_pressure_{what}_{kind}_{unit}" for kind in kinds for unit in ("avg10_ratio", "seconds_total")]
    return Question(tuple(names), partial(_pressure, kinds, what))


def _free(folder: Path) -> Iterable[Answer]:
    """Bytes and inodes that an ordinary user may still take."""
    disk = os.statvfs(folder)
    free = float(disk.f_bavail * disk.f_frsize)
    return free, float(disk.f_favail) if disk.f_files else f"the file system of {folder} does not count inodes"


def _shared_memory(_: _Host) -> Iterable[Answer]:
    disk = os.statvfs(_SHM)
    return float((disk.f_blocks - disk.f_bfree) * disk.f_frsize), float(disk.f_blocks * disk.f_frsize)


def _clocks(host: _Host) -> Iterable[Answer]:
    now = Clocks.now()
    return now.offset - host.began.offset, now.suspended - host.began.suspended


class _Timex(ctypes.Structure):
    """``struct timex`` of the C library."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "sec", "usec", "tick")),
        ("rest", ctypes.c_char * 256),
    )


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _ntp(_: _Host) -> Iterable[Answer]:
    timex = _Timex()  # modes 0: nothing is set, and no privilege is needed
    try:
        state = _libc().adjtimex(ctypes.byref(timex))
    except AttributeError:
        return ["this C library has no adjtimex"] * 3
    if state < 0:
        return [f"adjtimex: {os.strerror(ctypes.get_errno())}"] * 3
    if timex.status & _STA_UNSYNC:
        return 0.0, _UNSYNCHRONISED, _UNSYNCHRONISED
    return 1.0, timex.offset / (1e9 if timex.status & _STA_NANO else 1e6), timex.esterror / 1e6


_QUESTIONS: tuple[Question[_Host], ...] = (
    Question(("host_fds_allocated", "host_fds_limit"), _open_files),
    Question(
        (
            "host_oom_kills_total",
            "host_page_faults_total",
            "host_major_page_faults_total",
            "host_swap_in_bytes_total",
            "host_swap_out_bytes_total",
        ),
        _counters,
    ),
    _pressure_question("memory", "some", "full"),
    _pressure_question("cpu", "some"),  # of a whole host "full" is not defined: the kernel writes 0
    _pressure_question("io", "some", "full"),
    Question(
        ("host_results_disk_free_bytes", "host_results_disk_free_inodes"),
        lambda host: _free(host.results),
    ),
    Question(("host_tmp_disk_free_bytes", "host_tmp_disk_free_inodes"), lambda _: _free(_TMP)),
    Question(("host_shm_used_bytes", "host_shm_size_bytes"), _shared_memory),
    Question(("host_clock_offset_seconds", "host_suspended_seconds"), _clocks),
    Question(("host_ntp_synchronised", "host_ntp_offset_seconds", "host_ntp_estimated_error_seconds"), _ntp),
)


class HostSampler(Sampler):
    """Reads the host that every deployment of the campaign shares."""

    kind = "host"
    default_interval = 5.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._host = _Host(results, Clocks.now())

    def read(self) -> Iterable[Reading]:
        memory, swap, cpu = psutil.virtual_memory(), psutil.swap_memory(), psutil.cpu_times()
        values: dict[str, float] = {
            "host_memory_total_bytes": memory.total,
            "host_memory_available_bytes": memory.available,
            "host_memory_used_bytes": memory.used,
            "host_swap_used_bytes": swap.used,
            "host_load_1m": os.getloadavg()[0],
            "host_processes": len(psutil.pids()),
            "host_cpu_user_seconds_total": cpu.user + cpu.nice,
            "host_cpu_system_seconds_total": cpu.system,
            "host_cpu_idle_seconds_total": cpu.idle,
        }
        steal = getattr(cpu, "steal", None)  # only where the host is a guest that reports it
        if steal is not None:
            values["host_cpu_steal_seconds_total"] = steal
        figures, missing = answered(_QUESTIONS, self._host)
        return [Reading(HARNESS, "host", 1, values | figures, missing)]
