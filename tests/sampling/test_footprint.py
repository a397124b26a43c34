"""The footprint of a process that takes known amounts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from aging.core.records import HARNESS, Reading
from aging.core.targets import Target
from aging.sampling.samplers import footprint
from aging.sampling.samplers.footprint import FootprintSampler

MIB = 1 << 20
CHILD = f"""
import mmap, os, socket, sys, time
shared = mmap.mmap(-1, {16 * MIB})
shared[:] = b"s" * {16 * MIB}
private = bytearray(b"p" * {32 * MIB})
kept = [socket.socket() for _ in range(5)] + [os.pipe() for _ in range(3)] + [open("/dev/null") for _ in range(7)]
import select
kept.append(select.epoll())
if os.fork() == 0:
    sum(shared[::4096])
    time.sleep(60)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def pid() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        os.killpg(process.pid, signal.SIGKILL)


def reading(pid: int, *, with_descendants: bool) -> Reading:
    target = Target("x", "tree", 2, (pid,), with_descendants=with_descendants)
    own = Target(HARNESS, "runner", 1, (1,), with_descendants=False)
    found, *_ = FootprintSampler(lambda: [own, target]).read()
    return found


@pytest.fixture
def both(pid: int) -> tuple[Reading, Reading]:
    """The parent alone, and with its child."""
    return reading(pid, with_descendants=False), reading(pid, with_descendants=True)


def test_a_page_that_two_map_is_counted_once_in_the_tree(both: tuple[Reading, Reading]) -> None:
    alone, tree = both
    assert len(tree.pids) == 2
    # what the fork shares with its parent, copy on write, is once in the sum, too
    assert 48 * MIB < tree.values["process_pss_bytes"] < 64 * MIB
    assert alone.values["process_pss_bytes"] < 48 * MIB
    # its libraries are its own where no other interpreter runs just now
    assert tree.values["process_uss_bytes"] < 28 * MIB


def test_open_files_are_counted_by_kind(both: tuple[Reading, Reading]) -> None:
    alone, tree = both
    assert alone.values["process_socket_fds"] == 5
    assert alone.values["process_pipe_fds"] >= 6
    assert alone.values["process_file_fds"] >= 7
    assert alone.values["process_anonymous_fds"] == 1
    assert tree.values["process_socket_fds"] == 10


def test_one_that_has_ended_is_missing_with_the_reason() -> None:
    found = reading(2**22 + 1, with_descendants=True)
    assert found.values == {}
    assert found.missing == {"footprint": f"pid {2**22 + 1} has ended"}


def test_memory_by_kind_is_read_no_more_often_than_its_cost_allows(pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = FootprintSampler(lambda: [Target("x", "tree", 2, (pid,))])
    first, *each = sampler.read()
    assert first.values["process_anonymous_mapping_bytes"] > 32 * MIB
    assert sum(one.values["process_anonymous_mapping_bytes"] for one in each) == pytest.approx(
        first.values["process_anonymous_mapping_bytes"]
    )
    again, *_ = sampler.read()  # a reading of a millisecond allows the next one half a second later
    assert "process_anonymous_mapping_bytes" not in again.values
    assert "of CPU" in again.missing["process_anonymous_mapping_bytes"]
    assert again.values["process_socket_fds"] == first.values["process_socket_fds"]
    monkeypatch.setattr(footprint, "_SHARE_OF_TIME", 1e9)
    assert "process_heap_bytes" in next(iter(sampler.read())).values
    monkeypatch.setattr(footprint, "_MOST_SECONDS", 0.0)
    assert "the most is 0 s" in next(iter(sampler.read())).missing["process_heap_bytes"]
