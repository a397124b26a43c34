"""The allocator probe in real processes that take and free known amounts of glibc's memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aging.core import malloc_probe
from aging.core.errors import DeploymentError
from aging.core.records import HARNESS, Reading
from aging.core.targets import Target
from aging.sampling.samplers.allocator import AllocatorSampler
from tests.conftest import wait_for

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler to build the probe with")

MIB = 2**20
CHUNK, CHUNKS = 1008, 32 * 1024  # 1,024 bytes with glibc's header and alignment: 32 MiB

CHILD = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
kept = [None] * {CHUNKS}

def take():
    for k in range({CHUNKS}):
        kept[k] = libc.malloc({CHUNK})
        ctypes.memset(kept[k], 1, {CHUNK})

def free():
    for k in range(0, {CHUNKS}, 2):  # every other: no page of it can go back to the kernel
        libc.free(kept[k])

def free_most():
    for k in range({CHUNKS}):  # whole pages between those that stay
        if k % 64:
            libc.free(kept[k])

def fork():
    global child
    child = os.fork()
    if child == 0:
        os.close(0)
        import time
        time.sleep(60)

def stop():
    import signal
    os.kill(os.getpid(), signal.SIGSTOP)

print("up", flush=True)
for line in sys.stdin:
    globals()[line.strip()]()
    print("done", flush=True)
"""


class Child:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def do(self, what: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def anonymous(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) * 1024


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def started(env: dict[str, str]) -> Iterator[Child]:
    argv = [sys.executable, "-c", CHILD]
    pipe, everything = subprocess.PIPE, {**os.environ, **env}
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, start_new_session=True, env=everything) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Child(process)
        os.killpg(process.pid, 9)


@pytest.fixture
def child(cache: Path) -> Iterator[Child]:
    yield from started(dict(malloc_probe.environment({})))


@pytest.fixture
def plain() -> Iterator[Child]:
    yield from started({})


def readings(pid: int) -> list[Reading]:
    own = Target(HARNESS, "runner", 1, (1,), with_descendants=False)
    return list(AllocatorSampler(lambda: [own, Target("x", "tree", 2, (pid,))]).read())


def test_freed_and_kept_memory_is_separate_from_memory_in_use(child: Child) -> None:
    (before,) = readings(child.pid)
    resident = child.anonymous()
    child.do("take")
    (taken,) = readings(child.pid)
    child.do("free")
    (freed,) = readings(child.pid)

    def grown(name: str, later: Reading, earlier: Reading) -> float:
        return later.values[name] - earlier.values[name]

    half = 16 * MIB
    assert grown("allocator_in_use_bytes", taken, before) == pytest.approx(2 * half, abs=0.2 * MIB)
    assert grown("allocator_in_use_bytes", freed, taken) == pytest.approx(-half, abs=0.2 * MIB)
    assert grown("allocator_retained_bytes", freed, taken) == pytest.approx(half, abs=0.2 * MIB)
    assert child.anonymous() - resident == pytest.approx(2 * half, abs=MIB)  # the kernel sees nothing of the freeing
    assert freed.pids == (child.pid,)
    assert (freed.owner, freed.entity, freed.generation) == ("x", "tree", 2)


def test_a_forked_worker_answers_for_itself(child: Child) -> None:
    child.do("take")
    (alone,) = readings(child.pid)
    child.do("fork")
    wait_for(lambda: len(readings(child.pid)[0].pids) == 2, "the forked one does not answer")  # its thread has to start
    (both,) = readings(child.pid)
    assert both.values["allocator_in_use_bytes"] == pytest.approx(2 * alone.values["allocator_in_use_bytes"], rel=0.02)


def test_a_server_without_the_probe_is_passed_over(plain: Child) -> None:
    assert readings(plain.pid) == []


def test_a_server_that_has_stopped_is_missing_with_the_reason(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(malloc_probe, "_PATIENCE_SECONDS", 0.1)
    os.kill(child.pid, 19)  # SIGSTOP
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    (found,) = readings(child.pid)
    assert found.values == {}
    assert found.missing == {"allocator": f"pid {child.pid}: its allocator probe does not answer: timed out"}


def test_trim_gives_free_pages_between_used_ones_back(child: Child) -> None:
    child.do("take")
    child.do("free_most")
    before, heap = child.anonymous(), malloc_probe.ask(child.pid)
    released = malloc_probe.trim([child.pid])[child.pid]
    assert before - child.anonymous() == pytest.approx(released, abs=0.5 * MIB)
    assert released > 27 * MIB, "of 32 MiB, one block of 64 is in use, and keeps a page or two"
    assert malloc_probe.ask(child.pid).in_use == pytest.approx(heap.in_use, abs=0.1 * MIB)
    assert malloc_probe.trim([child.pid])[child.pid] < MIB, "what is back cannot come back again"


def test_trim_leaves_out_what_has_no_probe(child: Child, plain: Child) -> None:
    assert set(malloc_probe.trim([plain.pid, child.pid])) == {child.pid}


def test_trim_of_a_stopped_server_fails(child: Child) -> None:
    os.kill(child.pid, 19)  # SIGSTOP
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    with pytest.raises(OSError, match=f"pid {child.pid}: its allocator probe does not answer: timed out"):
        malloc_probe.trim([child.pid], patience=0.1)


def test_other_preloads_are_kept(cache: Path) -> None:
    assert malloc_probe.environment({"LD_PRELOAD": "libfirst.so"})["LD_PRELOAD"].endswith(".so:libfirst.so")


def test_without_a_compiler_it_is_said_before_anything_starts(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(cache))
    assert "no C compiler" in (malloc_probe.missing() or "")
    with pytest.raises(DeploymentError, match="no C compiler"):
        malloc_probe.environment({})
    assert not list(cache.glob("aging/*"))
