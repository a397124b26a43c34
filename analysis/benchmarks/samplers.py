"""What a tick of the process sampler costs, and how long it holds up the process that it reads."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import psutil

from aging.core.records import Reading
from aging.core.targets import Target
from aging.sampling.mappings import memory_by_kind
from aging.sampling.samplers.process import ProcessSampler, read_process
from analysis.benchmarks.figures import REPEATS, Call, Line, medians

_TARGETS = 6
_TARGET_MIB = 256
_READS = 20
_MOMENT_SECONDS = 0.5
_MAPPED = ((10, 64), (1000, 512), (4000, 1024))
_MAPPER = """
import mmap, sys
count, size = int(sys.argv[1]), (int(sys.argv[2]) << 20) // int(sys.argv[1]) & -4096
kept = []
for _ in range(count):
    kept.append(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    kept[-1][:] = b"x" * size
    kept.append(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ))
print(flush=True)
sys.stdin.read()
"""
_MAPPING_TARGET = f"""
import mmap, sys, time
held = b"x" * (1 << 30)
for _ in sys.stdin:
    longest, end = 0.0, time.monotonic() + {_MOMENT_SECONDS}
    while (began := time.monotonic()) < end:
        mmap.mmap(-1, 1 << 20).close()
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.0005)
    print(longest, flush=True)
"""


def process_tick() -> Iterator[Line]:
    """A tick of the process sampler, against ``smaps_rollup`` of the same processes."""
    with _target_processes() as pids:
        for count in (1, 4, _TARGETS):
            watched = ProcessSampler([Target("bench", str(pid), 1, (pid,)) for pid in pids[:count]].copy)
            tick, rollup = medians(partial(_tick, watched), partial(_smaps_rollups, pids[:count]), number=_READS)
            what = f"process sampler, a tick of {count} {'tree' if count == 1 else 'trees'}"
            yield Line(what, tick * 1e3, "ms", tick / rollup, f"smaps_rollup of the same ({rollup * 1e3:.3g} ms)")
        read_one = partial(read_process, pids[0], {}, with_reaped=True)
        one, rollup = medians(read_one, partial(_smaps_rollups, pids[:1]), number=_READS)
        what = f"process sampler, one process of {_TARGET_MIB} MiB"
        yield Line(what, one * 1e3, "ms", one / rollup, f"smaps_rollup of it ({rollup * 1e3:.3g} ms)")
        (bare,) = medians(_pass_over_proc, number=_READS)
        yield Line(f"a bare pass over /proc, {len(psutil.pids())} processes", bare * 1e3, "ms")


def memory_by_kinds() -> Iterator[Line]:
    """What memory by kind of mapping costs, against ``smaps_rollup`` of the same process."""
    for mappings, mib in _MAPPED:
        with _mapped_process(mappings, mib) as pid:
            kinds, rollup = medians(partial(memory_by_kind, pid), partial(_smaps_rollups, [pid]))
        what = f"memory by kind of {mappings:,} mappings, {mib} MiB"
        yield Line(what, kinds * 1e3, "ms", kinds / rollup, f"smaps_rollup of it ({rollup * 1e3:.3g} ms)")


def disturbance() -> Iterator[Line]:
    """How long a target waits for its own ``mmap`` while it is read, against when nobody reads."""
    argv = (sys.executable, "-c", _MAPPING_TARGET)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:
        reads: list[Call] = [
            lambda: None,
            partial(read_process, target.pid, {}, with_reaped=True),
            partial(_smaps_rollups, [target.pid]),
        ]
        waits: list[list[float]] = [[] for _ in reads]
        for _ in range(REPEATS):
            for read, longest in zip(reads, waits, strict=True):
                longest.append(_longest_wait(target, read))
    alone, *others = (median(longest) * 1e3 for longest in waits)
    for what, wait in zip(("our sampler", "smaps_rollup"), others, strict=True):
        yield Line(
            f"a 1 GiB target's longest mmap, {what} reads it",
            wait,
            "ms",
            wait / alone,
            f"nobody reads it ({alone:.3g} ms)",
        )


@contextlib.contextmanager
def _target_processes() -> Iterator[Sequence[int]]:
    """Processes that hold memory and wait."""
    hold = f"import sys; held = b'x' * ({_TARGET_MIB} << 20); print(flush=True); sys.stdin.read()"
    with contextlib.ExitStack() as stack:
        pids = []
        for _ in range(_TARGETS):
            argv = (sys.executable, "-c", hold)
            target = stack.enter_context(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            assert target.stdout is not None
            target.stdout.readline()
            pids.append(target.pid)
        yield pids


@contextlib.contextmanager
def _mapped_process(mappings: int, mib: int) -> Iterator[int]:
    """A process that holds memory in so many writable mappings, and waits."""
    argv = (sys.executable, "-c", _MAPPER, str(mappings), str(mib))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        target.stdout.readline()
        yield target.pid


def _tick(sampler: ProcessSampler) -> list[Reading]:
    return list(sampler.read())


def _smaps_rollups(pids: Sequence[int]) -> list[str]:
    return [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]


def _longest_wait(target: subprocess.Popen[str], read: Call) -> float:
    """Seconds of the target's longest ``mmap`` in a moment in the middle of which ``read`` is called."""
    assert target.stdin is not None
    assert target.stdout is not None
    target.stdin.write("measure\n")
    target.stdin.flush()
    time.sleep(_MOMENT_SECONDS / 2)
    read()
    return float(target.stdout.readline())


def _pass_over_proc() -> list[str]:
    """What finding the children of every target costs at the least: each process's ``stat`` once."""
    read = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                read.append(Path("/proc", entry, "stat").read_text())
    return read
