"""The limits sampler: of real processes with limits of their own, and of recorded control groups of both versions."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aging.core.records import Reading
from aging.core.targets import Target
from aging.sampling import control_groups
from aging.sampling.samplers import limits
from aging.sampling.samplers.limits import LimitsSampler
from tests.sampling.test_cgroup import HOG, MIB, MOUNT_V2, MOUNTS_V1, Host, hold, made_group, running

WAIT = "import sys; held = [open('/dev/null') for _ in range(50)]; print('held', flush=True); sys.stdin.read()"


def read(pid: int) -> Reading:
    [reading] = LimitsSampler(lambda: [Target("server", "tree", 1, (pid,))]).read()
    return reading


@contextmanager
def limited(**most: int) -> Iterator[subprocess.Popen[str]]:
    """A process with these soft limits, by the names of ``resource`` in lower case."""

    def set_limits() -> None:
        for name, value in most.items():
            kind = getattr(resource, f"RLIMIT_{name.upper()}")
            resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))

    with subprocess.Popen(
        [sys.executable, "-c", WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=set_limits,  # noqa: PLW1509 - no threads here
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_limits_are_those_of_the_target() -> None:
    with limited(nofile=300, **{"as": 2**32}) as process:
        values = read(process.pid).values
        files = len(os.listdir(f"/proc/{process.pid}/fd"))
        assert (values["limit_open_files"], values["limit_open_files_room"]) == (300.0, 300.0 - files)
        assert files >= 50
        assert values["limit_address_space_bytes"] == 2.0**32
        assert 0 < values["limit_address_space_room_bytes"] < 2**32
        assert values["limit_host_memory_bytes"] > values["limit_host_memory_room_bytes"] > 0
        assert values["limit_host_threads"] > values["limit_host_threads_room"] > 0
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (200, 300))
        assert read(process.pid).values["limit_open_files"] == 200.0, "a limit may change while the server runs"


def test_of_several_processes_the_one_with_the_least_room_counts() -> None:
    with limited(nofile=1000) as roomy, limited(nofile=100) as tight:
        [reading] = LimitsSampler(lambda: [Target("server", "tree", 1, (roomy.pid, tight.pid))]).read()
        assert reading.values["limit_open_files"] == 100.0


def test_a_real_group_and_those_above_it() -> None:
    with made_group("memory") as folder:
        try:
            (folder / "memory.limit_in_bytes").write_text(str(300 * MIB))
        except OSError as error:  # pragma: no cover - a read-only hierarchy
            pytest.skip(str(error))
        inner = folder / "inner"
        inner.mkdir()
        try:
            with running(HOG, inner) as process:
                assert hold(process, 64 * MIB) == "held\n"
                values = read(process.pid).values
                assert values["limit_cgroup_memory_bytes"] == 300 * MIB
                assert values["limit_cgroup_memory_levels"] == 1.0
                assert 200 * MIB < values["limit_cgroup_memory_room_bytes"] < 240 * MIB
        finally:
            inner.rmdir()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Recorded control groups of a host whose process 1 is this one."""
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)
    monkeypatch.setattr(control_groups, "_PROC", tmp_path / "proc")
    return Host(tmp_path)


STAT = f"anon {80 * MIB}\nfile {900 * MIB}\nshmem {10 * MIB}\nslab_unreclaimable {6 * MIB}\nkernel_stack 0\n"


def test_version_2_the_least_room_of_the_chain(host: Host) -> None:
    host.mounted(MOUNT_V2)
    host.process(os.getpid(), "0::/system.slice/vllm.service\n")
    own = {"cgroup.events": "", "memory.max": f"{200 * MIB}\n", "memory.high": "max\n", "memory.stat": STAT}
    above = {"cgroup.events": "", "memory.max": f"{900 * MIB}\n", "memory.stat": f"anon {850 * MIB}\n"}
    threads = {"pids.max": "40\n", "pids.current": "12\n"}
    host.group("system.slice/vllm.service", own | threads)
    host.group("system.slice", above)
    values = read(os.getpid()).values
    assert (values["limit_cgroup_memory_bytes"], values["limit_cgroup_memory_room_bytes"]) == (900 * MIB, 50 * MIB)
    assert values["limit_cgroup_memory_levels"] == 1.0
    assert (values["limit_cgroup_threads"], values["limit_cgroup_threads_room"]) == (40.0, 28.0)
    host.group("system.slice/vllm.service", own | {"memory.high": f"{100 * MIB}\n"})
    values = read(os.getpid()).values
    assert (values["limit_cgroup_memory_bytes"], values["limit_cgroup_memory_room_bytes"]) == (100 * MIB, 4 * MIB)


def test_no_limit_is_no_missing_value(host: Host) -> None:
    host.mounted(MOUNTS_V1)
    host.process(os.getpid(), "4:memory:/docker\n")
    host.group("memory/docker", {"memory.limit_in_bytes": "9223372036854771712\n", "memory.stat": "total_rss 1\n"})
    host.group("memory", {"release_agent": ""})
    reading = read(os.getpid())
    assert "limit_cgroup_memory_bytes" not in reading.values
    assert "limit_cgroup_memory_bytes" not in reading.missing


def test_an_ordinary_user_has_a_limit_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_ROOT_USER", -1)
    with limited(nproc=5000) as process:
        values = read(process.pid).values
        assert values["limit_user_threads"] == 5000.0
        assert 0 < values["limit_user_threads_room"] < 5000


def test_a_process_that_has_ended_is_missing() -> None:
    with limited(nofile=300) as process:
        pass
    assert read(process.pid).values == {}
    assert list(read(process.pid).missing) == ["limits"]
