"""The process sampler over real processes that allocate, open, start and fork known amounts."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aging.core.records import HARNESS, Reading
from aging.core.targets import Target
from aging.sampling.samplers.process import ProcessSampler, read_tree
from tests.conftest import ROOT

PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 2**20
NO_SUCH_PID = 2**22 + 1  # above the kernel's PID_MAX_LIMIT
KERNEL = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])

# Before Linux 6.16 status has a count of which each CPU may hold back a batch.
ERROR = PAGE if KERNEL >= (6, 16) else PAGE * max(64, 2 * (os.cpu_count() or 1)) * (os.cpu_count() or 1)

CHILD = """
import mmap, os, sys, threading, time
kept, children = [], []

def touch(area, size):
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for offset in range(0, size, mmap.PAGESIZE):
        area[offset] = 1
    kept.append(area)

def private(size):
    touch(mmap.mmap(-1, int(size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), int(size))

def shared(size):
    touch(mmap.mmap(-1, int(size), flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS), int(size))

def free():
    kept.pop().close()

def opened(count):
    kept.append([os.open(os.devnull, os.O_RDONLY) for _ in range(int(count))])

def thread(count):
    for _ in range(int(count)):
        threading.Thread(target=threading.Event().wait, daemon=True).start()

def burn(seconds):
    end = time.process_time() + float(seconds)
    while time.process_time() < end:
        pass

def nap(times):
    for _ in range(int(times)):
        time.sleep(0.001)

def wrote(path):
    with open(path, "wb", buffering=0) as file:
        file.write(bytes(1 << 20))
        os.fsync(file.fileno())

def fork(what="", argument=""):
    # the forked process writes to the pipe when it is done, and runs until it is ended
    done, forked = os.pipe()
    wait, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        if what:
            globals()[what](argument)
        os.write(forked, b".")
        os.read(wait, 1)
        os._exit(0)
    os.close(wait)
    os.read(done, 1)
    os.close(done), os.close(forked)
    children.append((pid, go))
    return pid

def end():
    os.close(children[-1][1])
    os.waitid(os.P_PID, children[-1][0], os.WEXITED | os.WNOWAIT)  # a zombie now

def reap():
    os.waitpid(children.pop()[0], 0)

for line in sys.stdin:
    name, *arguments = line.split()
    print(globals()[name](*arguments), flush=True)
"""


class Child:
    """A process that carries out commands; every command is done when :meth:`do` returns."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def do(self, command: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{command} killed the child"
        return answer.strip()

    def reading(self, *, with_descendants: bool = True) -> Reading:
        owner = "x" if with_descendants else HARNESS  # whose ended children are not its own
        target = Target(owner, "tree", 3, (self.pid,), with_descendants=with_descendants)
        reading, *_ = ProcessSampler(lambda: [target]).read()
        return reading

    def value(self, name: str, *, with_descendants: bool = True) -> float:
        return self.reading(with_descendants=with_descendants).values[name]


@pytest.fixture
def child() -> Iterator[Child]:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        child = Child(process)
        for command in "private 4096", "free", "shared 4096", "free", "burn 0.01":
            child.do(command)  # the interpreter's own first-use allocations are made now
        yield child  # leaving the block closes its input, which ends it and what it forked


def test_private_anonymous_memory_is_the_leak_indicator(child: Child) -> None:
    before = child.reading().values
    child.do(f"private {64 * MIB}")
    after = child.reading().values
    for name in "process_anon_bytes", "process_anon_swap_bytes", "process_rss_bytes":
        assert after[name] - before[name] == pytest.approx(64 * MIB, abs=ERROR), name
    assert after["process_vms_bytes"] - before["process_vms_bytes"] == pytest.approx(64 * MIB, abs=PAGE)
    assert after["process_shared_bytes"] == pytest.approx(before["process_shared_bytes"], abs=ERROR)
    child.do("free")
    assert child.value("process_anon_bytes") == pytest.approx(before["process_anon_bytes"], abs=ERROR)


def test_shared_memory_is_not_taken_for_anonymous(child: Child) -> None:
    before = child.reading().values
    child.do(f"shared {16 * MIB}")
    after = child.reading().values
    for name in "process_shmem_bytes", "process_shared_bytes", "process_rss_bytes":
        assert after[name] - before[name] == pytest.approx(16 * MIB, abs=ERROR), name
    assert after["process_anon_swap_bytes"] == pytest.approx(before["process_anon_swap_bytes"], abs=ERROR)


def test_the_parts_make_up_the_resident_set(child: Child) -> None:
    values = child.reading().values
    parts = sum(values[f"process_{part}_bytes"] for part in ("anon", "file", "shmem"))
    assert values["process_rss_bytes"] == pytest.approx(parts, abs=0 if ERROR == PAGE else ERROR)


def test_fds_and_threads_are_counted(child: Child) -> None:
    before = child.reading().values
    child.do("opened 17")
    child.do("thread 5")
    after = child.reading().values
    assert after["process_fds"] - before["process_fds"] == 17
    assert after["process_threads"] - before["process_threads"] == 5
    assert before["process_fds"] == 3  # the standard streams
    assert before["process_threads"] == 1


def test_cpu_seconds_are_counted(child: Child) -> None:
    before = child.value("process_cpu_seconds_total")
    child.do("burn 0.3")
    assert child.value("process_cpu_seconds_total") - before == pytest.approx(0.3, abs=0.05)


def test_written_bytes_are_counted(child: Child) -> None:
    # in the working directory: what is written to a memory file system never reaches a device
    path = Path.cwd() / f".written-{child.pid}"
    before = child.value("process_write_bytes_total")
    try:
        child.do(f"wrote {path}")
    finally:
        path.unlink(missing_ok=True)
    assert child.value("process_write_bytes_total") - before == pytest.approx(MIB, abs=64 * PAGE)


def test_context_switches_are_counted(child: Child) -> None:
    before = child.value("process_voluntary_switches_total")
    child.do("nap 20")
    assert child.value("process_voluntary_switches_total") - before >= 20


def test_the_sum_is_over_the_whole_tree(child: Child) -> None:
    alone = child.reading().values
    grown = int(child.do(f"fork private {32 * MIB}"))
    idle = int(child.do("fork"))
    pids = [child.pid, grown, idle]
    targets = [Target("x", str(pid), 1, (pid,), with_descendants=False) for pid in pids]
    read = ProcessSampler(lambda: [Target("x", "tree", 1, (child.pid,)), *targets]).read()
    tree, *single = [reading.values for reading in read if reading.lineage is None]
    assert alone["process_count"] == 1
    assert tree["process_count"] == 3
    for name in "process_anon_bytes", "process_rss_bytes", "process_vms_bytes", "process_fds", "process_threads":
        assert tree[name] == sum(values[name] for values in single), name
    assert single[1]["process_anon_bytes"] - single[2]["process_anon_bytes"] == pytest.approx(
        32 * MIB,
        abs=ERROR + 32 * PAGE,  # each has made its own copies of a few of its parent's pages
    )


def test_grandchildren_are_of_the_tree(child: Child) -> None:
    child.do("fork fork")
    assert child.value("process_count") == 3


def test_descendants_are_left_out_when_asked(child: Child) -> None:
    child.do("fork")
    before = child.value("process_anon_bytes", with_descendants=False)
    child.do(f"fork private {32 * MIB}")
    after = child.reading(with_descendants=False).values
    assert after["process_count"] == 1
    assert after["process_anon_bytes"] == pytest.approx(before, abs=ERROR + 32 * PAGE)


def test_a_worker_that_ends_takes_no_cpu_seconds_from_its_tree(child: Child) -> None:
    child.do("fork burn 0.3")
    busy = child.value("process_cpu_seconds_total")
    own = child.value("process_cpu_seconds_total", with_descendants=False)
    assert busy - own == pytest.approx(0.3, abs=0.05)
    child.do("end")
    assert child.value("process_cpu_seconds_total") >= busy
    child.do("reap")
    assert child.value("process_cpu_seconds_total") >= busy
    assert child.value("process_cpu_seconds_total", with_descendants=False) == pytest.approx(own, abs=0.05)


def test_a_worker_that_ends_takes_no_written_bytes_from_its_tree(child: Child) -> None:
    path = Path.cwd() / f".written-{child.pid}"
    try:
        child.do(f"fork wrote {path}")
    finally:
        path.unlink(missing_ok=True)
    busy = child.value("process_write_bytes_total")
    assert busy >= MIB
    child.do("end")
    child.do("reap")
    assert child.value("process_write_bytes_total") >= busy


def test_a_zombie_has_no_memory_and_is_not_counted(child: Child) -> None:
    before = child.reading().values
    zombie = int(child.do(f"fork private {32 * MIB}"))
    assert child.value("process_count") == 2
    child.do("end")
    after = child.reading().values
    assert after["process_count"] == 1
    assert after["process_threads"] == 1
    assert after["process_anon_bytes"] == pytest.approx(before["process_anon_bytes"], abs=ERROR + 32 * PAGE)
    reading = read_tree(Target("x", "tree", 1, (zombie,)), [zombie])
    assert (reading.values, reading.missing) == ({}, {"process": f"pid {zombie} has ended"})


def test_single_processes_have_rows_with_their_parent_and_component(child: Child) -> None:
    forked = int(child.do("fork"))
    target = Target("x", "tree", 3, (child.pid,), components={"main": (child.pid,), "prefill": (forked,)})
    each = [reading for reading in ProcessSampler(lambda: [target]).read() if reading.lineage is not None]
    assert {reading.entity for reading in each} == {f"tree/main/pid:{child.pid}", f"tree/prefill/pid:{forked}"}
    parents = {reading.pids: reading.lineage.parent for reading in each if reading.lineage is not None}
    assert parents == {(child.pid,): os.getpid(), (forked,): child.pid}


def test_the_members_of_a_tree_are_listed(child: Child) -> None:
    forked = int(child.do("fork"))
    assert child.reading().pids == [child.pid, forked]


def test_page_faults_and_uptime_are_counted(child: Child) -> None:
    before = child.reading().values
    child.do(f"private {8 * MIB}")
    after = child.reading().values
    assert after["process_minor_faults_total"] - before["process_minor_faults_total"] >= 8 * MIB / (2 << 20)
    assert after["process_major_faults_total"] >= before["process_major_faults_total"]
    assert 0 < after["process_uptime_seconds"] < time.time() - psutil.Process(child.pid).create_time() + 0.1


def test_a_vanished_pid_is_missing_with_the_reason() -> None:
    [reading] = ProcessSampler(lambda: [Target("x", "tree", 4, (NO_SUCH_PID,))]).read()
    assert reading == Reading("x", "tree", 4, {}, {"process": f"pid {NO_SUCH_PID} has ended"})


def test_a_descendant_that_vanished_after_the_walk_is_left_out(child: Child) -> None:
    target = Target("x", "tree", 1, (child.pid,))
    reading = read_tree(target, [child.pid, NO_SUCH_PID])
    assert reading.values["process_count"] == 1
    assert reading.missing == {}


STRANGER = """
import json, os, sys
from aging.core.targets import Target
from aging.sampling.samplers.process import ProcessSampler, read_tree
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
own = Target("x", "tree", 1, (os.getpid(),))
stranger = Target("y", "tree", 1, (int(sys.argv[1]),), with_descendants=False)
of_trees = [reading for reading in ProcessSampler(lambda: [own, stranger]).read() if reading.lineage is None]
readings = [*of_trees, read_tree(own, [*own.pids, *stranger.pids])]
print(json.dumps([[dict(reading.values), dict(reading.missing)] for reading in readings]))
"""


def _as_a_stranger(pid: int, *command: str) -> list[tuple[dict[str, float], dict[str, str]]]:
    """What another user's sampler reads of itself, of ``pid``, and of both as one tree."""
    answer = subprocess.run(
        [*command, sys.executable, "-c", STRANGER, str(pid)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    return [(values, missing) for values, missing in json.loads(answer.stdout)]


def test_unreadable_values_are_missing_with_the_reason() -> None:
    pid = os.getpid() if os.geteuid() == 0 else 1
    if os.geteuid() != 0 and Path("/proc/1").stat().st_uid == os.geteuid():
        pytest.skip("every process here is this user's")
    own, stranger, tree = _as_a_stranger(pid)
    for values, missing in stranger, tree:
        assert missing == dict.fromkeys(
            ("process_fds", "process_read_bytes_total", "process_write_bytes_total"), "permission denied"
        )
        assert not values.keys() & missing.keys()  # nor a sum over those that may be read
    assert own[0]["process_fds"] > 0
    assert tree[0]["process_anon_bytes"] > stranger[0]["process_anon_bytes"] > 0


def test_a_proc_that_hides_other_users_costs_only_their_processes() -> None:
    if os.geteuid() != 0 or not shutil.which("unshare") or KERNEL < (5, 8):
        pytest.skip("a /proc with hidepid takes root, unshare, and Linux 5.8 to have it of one's own")
    mount = 'mount -t proc -o hidepid=1 proc /proc && exec "$@"'
    hidden = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh"]
    if subprocess.run([*hidden, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount")
    own, *others = _as_a_stranger(os.getpid(), *hidden)
    assert others == [({}, {"process": f"pid {os.getpid()}: permission denied"})] * 2
    assert own[0]["process_count"] == 1
