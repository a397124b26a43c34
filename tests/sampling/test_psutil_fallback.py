"""Processes through psutil, beside the values of ``/proc``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from aging.core.records import HARNESS
from aging.core.targets import Target
from aging.sampling import psutil_fallback
from aging.sampling.samplers import process
from aging.sampling.samplers.process import ProcessSampler

MIB = 2**20
BUSY = """
import os, subprocess, sys, threading, time
held = bytearray(os.urandom(1 << 20)) * 32
files = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
threading.Thread(target=threading.Event().wait, daemon=True).start()
end = time.process_time() + 0.2
while time.process_time() < end:
    pass
subprocess.run([sys.executable, "-c", "n = 0\\nfor k in range(3000000): n += k"])
code = "import sys; print('up', flush=True); sys.stdin.read()"
child = subprocess.Popen([sys.executable, "-c", code], stdin=sys.stdin, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def busy() -> Iterator[Target]:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        yield Target("x", "tree", 2, (parent.pid,))


@pytest.fixture
def no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_proc_is_here", lambda: False)


def test_on_linux_nothing_is_reduced() -> None:
    assert ProcessSampler.unavailable() is None
    assert ProcessSampler.reduced() is None


@pytest.mark.usefixtures("no_proc")
def test_elsewhere_it_is_reported_as_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ProcessSampler.unavailable() == "there is no /proc here"  # Linux without it: psutil has nothing either
    monkeypatch.setattr(psutil, "LINUX", False)
    assert ProcessSampler.unavailable() is None
    assert ProcessSampler.reduced() == psutil_fallback.REDUCED


@pytest.mark.parametrize("with_descendants", [True, False])
def test_psutil_and_proc_agree(busy: Target, monkeypatch: pytest.MonkeyPatch, with_descendants: bool) -> None:
    watched = Target("x" if with_descendants else HARNESS, "tree", 2, busy.pids, with_descendants=with_descendants)
    ours, *_ = ProcessSampler(lambda: [watched]).read()
    monkeypatch.setattr(process, "_proc_is_here", lambda: False)
    [theirs] = ProcessSampler(lambda: [watched]).read()
    assert (theirs.owner, theirs.entity, theirs.generation) == (watched.owner, "tree", 2)
    assert theirs.values["process_count"] == ours.values["process_count"] == (2 if with_descendants else 1)
    for name in ("process_fds", "process_threads"):
        assert theirs.values[name] == ours.values[name], name
    for name in ("process_rss_bytes", "process_vms_bytes"):  # one is read after the other
        assert theirs.values[name] == pytest.approx(ours.values[name], abs=MIB), name
    cpu = "process_cpu_seconds_total"
    assert theirs.values[cpu] == pytest.approx(ours.values[cpu], abs=0.05)
    assert set(theirs.values) | set(theirs.missing) == set(ours.values) - {"process_file_bytes", "process_shmem_bytes"}
    assert theirs.missing["process_anon_swap_bytes"] == "only available on Linux"


@pytest.mark.usefixtures("no_proc")
def test_a_process_that_has_ended_or_waits_for_its_parent_has_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        [zombie] = ProcessSampler(lambda: [Target("x", "tree", 1, (ended.pid,))]).read()
    [gone] = ProcessSampler(lambda: [Target("x", "tree", 1, (ended.pid,))]).read()
    for reading in (zombie, gone):
        assert (reading.values, reading.missing) == ({}, {"process": f"pid {ended.pid} has ended"})


@pytest.mark.usefixtures("no_proc")
def test_unreadable_values_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: psutil.Process) -> int:
        raise psutil.AccessDenied(self.pid)

    own = Target(HARNESS, "runner", 1, (os.getpid(),), with_descendants=False)
    monkeypatch.setattr(psutil.Process, "num_fds", denied)
    [reading] = ProcessSampler(lambda: [own]).read()
    assert reading.missing["process_fds"] == "permission denied"
    assert "process_fds" not in reading.values
    monkeypatch.setattr(psutil.Process, "status", denied)
    [reading] = ProcessSampler(lambda: [own]).read()
    assert (reading.values, reading.missing) == ({}, {"process": f"pid {os.getpid()}: permission denied"})
