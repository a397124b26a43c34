"""The cgroup sampler: real groups of version 1 where they may be made, recorded trees of both elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from aging.core.records import HARNESS, Reading
from aging.core.targets import Target
from aging.sampling import control_groups
from aging.sampling.control_groups import read_mounts
from aging.sampling.samplers.cgroup import CgroupSampler
from aging.sampling.samplers.process import ProcessSampler
from tests.conftest import wait_for

MIB = 2**20
UNLIMITED = 9223372036854771712
THROTTLING = {
    "cgroup_cpu_throttled_seconds_total",
    "cgroup_cpu_throttled_periods_total",
    "cgroup_cpu_periods_total",
}

V2_STAT = """anon 104857600
file 20971520
kernel 4194304
kernel_stack 327680
sock 0
shmem 1048576
file_mapped 8192
anon_thp 2097152
inactive_anon 104857600
pgfault 1000
"""
V1_STAT = """cache 1
rss 2
shmem 3
swap 4
hierarchical_memory_limit 536870912
total_cache 20971520
total_rss 104857600
total_rss_huge 2097152
total_shmem 1048576
total_swap 8192
"""
V2_FILES = {
    "cgroup.events": "populated 1\nfrozen 0\n",
    "memory.current": "130023424\n",
    "memory.stat": V2_STAT,
    "memory.swap.current": "8192\n",
    "memory.max": "max\n",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n",
    "cpu.stat": "usage_usec 900\nsystem_usec 400\nnr_periods 40\nnr_throttled 8\nthrottled_usec 1500000\n",
}
V2_VALUES = {
    "cgroup_memory_usage_bytes": 130023424,
    "cgroup_memory_anon_bytes": 104857600,
    "cgroup_memory_file_bytes": 20971520,
    "cgroup_memory_shmem_bytes": 1048576,
    "cgroup_memory_swap_bytes": 8192,
    "cgroup_oom_kills_total": 1,
    "cgroup_cpu_throttled_seconds_total": 1.5,
    "cgroup_cpu_throttled_periods_total": 8,
    "cgroup_cpu_periods_total": 40,
}
V1_FILES = {
    "memory.usage_in_bytes": "130023424\n",
    "memory.stat": V1_STAT,
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
}
V1_CPU = {"cpu.stat": "nr_periods 40\nnr_throttled 8\nthrottled_time 1500000000\n"}

MOUNT_V2 = "29 23 0:26 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
MOUNTS_V1 = (
    "34 31 0:31 {root} /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"
    "35 31 0:32 {root} /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
    "36 31 0:33 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw\n"
)


class Host:
    """A host's files in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def mounted(self, lines: str, root: str = "/") -> None:
        self._write("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + lines.format(root=root))

    def process(self, pid: int, groups: str) -> None:
        self._write(f"proc/{pid}/cgroup", groups)

    def group(self, folder: str, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            self._write(f"sys/fs/cgroup/{folder}/{name}", text)

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)
    monkeypatch.setattr(control_groups, "_PROC", tmp_path / "proc")
    return Host(tmp_path)


def target(owner: str, pid: int) -> Target:
    return Target(owner, "runner" if owner == HARNESS else "tree", 3, (pid,))


def read(*targets: Target) -> list[Reading]:
    return list(CgroupSampler(lambda: targets).read())


def test_version_2_is_read_under_the_deployment(host: Host) -> None:
    host.mounted(MOUNT_V2)
    host.process(7, "0::/system.slice/vllm.service\n")
    host.group("system.slice/vllm.service", V2_FILES)
    [reading] = read(target("vllm", 7))
    assert (reading.owner, reading.entity, reading.generation) == ("vllm", "cgroup", 3)
    assert reading.values == V2_VALUES
    assert reading.missing == {"cgroup_memory_limit_bytes": "no limit is set"}
    assert CgroupSampler.unavailable() is None


def test_the_limit_is_the_least_from_the_group_upwards(host: Host) -> None:
    host.mounted(MOUNT_V2)
    host.process(7, "0::/pod/container\n")
    host.group("pod", {"memory.max": f"{256 * MIB}\n"})
    host.group("pod/container", V2_FILES | {"memory.max": f"{512 * MIB}\n"})
    [reading] = read(target("vllm", 7))
    assert reading.values["cgroup_memory_limit_bytes"] == 256 * MIB


def test_version_1_is_read_controller_by_controller(host: Host) -> None:
    host.mounted(MOUNTS_V1)
    host.process(7, "9:cpu,cpuacct:/quota\n4:memory:/docker/abc\n1:name=systemd:/init\n0::/init\n")
    host.group("memory/docker/abc", V1_FILES)
    host.group("cpu,cpuacct/quota", V1_CPU)
    [reading] = read(target("vllm", 7))
    assert reading.values == V2_VALUES | {"cgroup_memory_limit_bytes": 512 * MIB}
    assert reading.missing == {}
    host.group("memory/docker/abc", {"memory.stat": V1_STAT.replace("536870912", str(UNLIMITED))})
    [reading] = read(target("vllm", 7))
    assert reading.missing == {"cgroup_memory_limit_bytes": "no limit is set"}


def test_the_root_group_has_no_reading(host: Host) -> None:
    host.mounted(MOUNT_V2)
    host.process(7, "0::/\n")
    host.group("", {"cgroup.procs": "7\n", "cpu.stat": "usage_usec 1\n"})
    assert read(target("vllm", 7)) == []
    host.mounted(MOUNTS_V1)
    host.process(7, "9:cpu,cpuacct:/quota\n4:memory:/\n")
    host.group("memory", {**V1_FILES, "release_agent": "\n"})
    host.group("cpu,cpuacct/quota", V1_CPU)
    [reading] = read(target("vllm", 7))
    assert set(reading.values) == THROTTLING
    assert reading.missing == {"cgroup_memory": "it is in the root group of the memory controller"}


def test_the_root_of_a_container_is_read(host: Host) -> None:
    host.mounted(MOUNT_V2)  # a control group namespace: paths begin at the container's own group
    host.process(7, "0::/\n")
    host.group("", V2_FILES)
    [reading] = read(target("vllm", 7))
    assert reading.values == V2_VALUES
    host.mounted(MOUNTS_V1, root="/docker/abc")  # none: paths are the host's, mounted is the container's part
    host.process(7, "9:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    host.group("memory", V1_FILES)
    host.group("cpu,cpuacct", V1_CPU)
    [reading] = read(target("vllm", 7))
    assert reading.values == V2_VALUES | {"cgroup_memory_limit_bytes": 512 * MIB}


@pytest.mark.parametrize(
    ("mounts", "root", "path", "reason"),
    [
        (MOUNT_V2, "/", "/../outside", "control group /../outside is not seen from here"),
        (MOUNT_V2, "/docker/abc", "/docker/other", "control group /docker/other is not seen from here"),
        (MOUNT_V2, "/", "/removed", "control group /removed is not seen from here"),
        ("", "/", "/there", "the hierarchy of the memory controller is not mounted"),
    ],
)
def test_a_group_that_is_not_seen_is_missing_with_the_reason(
    host: Host, mounts: str, root: str, path: str, reason: str
) -> None:
    host.mounted(mounts, root)
    host.process(7, f"0::{path}\n")
    host.group("", V2_FILES)
    [reading] = read(target("vllm", 7))
    assert reading.values == {}
    assert reading.missing["cgroup_memory"] == reason


def test_files_that_a_group_lacks_are_missing_with_the_reason(host: Host) -> None:
    host.mounted(MOUNT_V2)
    host.process(7, "0::/plain\n")
    host.group("plain", {"cgroup.events": "populated 1\n", "cpu.stat": "usage_usec 1\n"})  # no controller is enabled
    [reading] = read(target("vllm", 7))
    assert reading.values == {}
    folder = host.root / "sys/fs/cgroup/plain"
    assert reading.missing["cgroup_memory_usage_bytes"] == f"there is no {folder}/memory.current"
    assert reading.missing["cgroup_cpu_throttled_seconds_total"] == f"{folder}/cpu.stat has no throttled_usec"


def test_a_shared_group_is_read_once_and_belongs_to_no_single_owner(host: Host) -> None:
    host.mounted(MOUNT_V2)
    for folder in ("session", "service", "own"):
        host.group(folder, V2_FILES)
    for pid, folder in ((1, "session"), (2, "session"), (3, "service"), (4, "service"), (5, "own")):
        host.process(pid, f"0::/{folder}\n")
    targets = [target(name, pid) for name, pid in (("a", 2), ("b", 3), ("c", 4), ("d", 5), (HARNESS, 1))]
    found = {(one.owner, one.entity): one for one in read(*targets, Target(HARNESS, "client-a", 1, (1,)))}
    complete = {key for key, reading in found.items() if reading.values}
    assert complete == {("d", "cgroup"), (HARNESS, "cgroup"), (HARNESS, "cgroup-b+c")}
    assert set(found) == complete | {("a", "cgroup"), ("b", "cgroup"), ("c", "cgroup")}
    assert found["a", "cgroup"].missing["cgroup_memory"] == (
        f"group /session is also that of {HARNESS}; read as cgroup of {HARNESS}"
    )
    assert found["b", "cgroup"].missing["cgroup_cpu"] == (
        f"group /service is also that of c; read as cgroup-b+c of {HARNESS}"
    )


def test_a_process_that_has_ended_is_missing(host: Host) -> None:
    host.mounted(MOUNT_V2)
    [reading] = read(target("vllm", 7))
    assert (reading.values, reading.missing["cgroup_memory"]) == ({}, "pid 7 has ended")


def test_where_there_is_no_control_group_file_system_it_is_unavailable(host: Host) -> None:
    assert CgroupSampler.unavailable() == "there is no /proc here"
    host.mounted("")
    assert CgroupSampler.unavailable() == "no control group file system is mounted"


HOG = """
import sys
kept = []
for line in sys.stdin:
    size = int(line)
    area = bytearray(size)
    area[::4096] = b"x" * len(area[::4096])
    kept.append(area)
    print("held", flush=True)
"""
BURN = "while True: pass"


def own_group(controller: str) -> Path:
    """The group of this process, version 1; the test is skipped where it has none."""
    paths = {
        name: path.lstrip("/")
        for _, names, path in (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
        for name in names.split(",")
    }
    for mount in read_mounts():
        if mount.version == 1 and controller in mount.controllers and str(mount.root) == "/":
            return mount.folder / paths[controller]
    pytest.skip(f"no version 1 hierarchy of the {controller} controller")


@contextlib.contextmanager
def made_group(controller: str) -> Iterator[Path]:
    """A new group of version 1 below that of this process; the test is skipped where it may not be made."""
    folder = own_group(controller) / f"aging-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no group may be made: {error}")
    try:
        yield folder
    finally:
        wait_for(lambda: not (folder / "cgroup.procs").read_text(), "the group is not empty")
        folder.rmdir()


@contextlib.contextmanager
def running(script: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A Python process in a group."""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            (folder / "cgroup.procs").write_text(str(process.pid))
            yield process
        finally:
            process.kill()


def hold(process: subprocess.Popen[str], size: int) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{size}\n")
    process.stdin.flush()
    return process.stdout.readline()


def test_a_real_group_has_its_memory_its_limit_and_its_kills() -> None:
    with made_group("memory") as folder:
        try:
            (folder / "memory.limit_in_bytes").write_text(str(256 * MIB))
        except OSError as error:  # pragma: no cover - a read-only hierarchy
            pytest.skip(str(error))
        with running(HOG, folder) as server, running(HOG, folder) as hog:
            watched = target("server", server.pid)
            for one in server, hog:  # their interpreters have started
                hold(one, 4096)
            [before] = read(watched)
            assert hold(server, 64 * MIB) == "held\n"
            [after] = read(watched)
            batches = 4 * MIB  # the kernel charges in batches, a CPU at a time
            for name in ("cgroup_memory_anon_bytes", "cgroup_memory_usage_bytes"):
                assert after.values[name] - before.values[name] == pytest.approx(64 * MIB, abs=batches), name
            assert after.values["cgroup_memory_limit_bytes"] == 256 * MIB
            assert after.values["cgroup_oom_kills_total"] == 0
            process, *_ = ProcessSampler(lambda: [watched]).read()  # its first pages were charged before it came
            assert after.values["cgroup_memory_anon_bytes"] <= process.values["process_anon_bytes"] + batches
            assert hold(hog, 512 * MIB) == ""
            assert hog.wait() == -signal.SIGKILL
            [killed] = read(watched)
            assert killed.values["cgroup_oom_kills_total"] == 1


def test_a_real_group_counts_throttling() -> None:
    with made_group("cpu") as folder:
        try:
            (folder / "cpu.cfs_quota_us").write_text("10000")
        except OSError as error:
            pytest.skip(f"no quota may be set: {error}")
        with running(BURN, folder) as process:
            watched = target("server", process.pid)
            wait_for(lambda: read(watched)[0].values["cgroup_cpu_throttled_seconds_total"] > 0.2, "it is not throttled")
            values = read(watched)[0].values
            assert 0 < values["cgroup_cpu_throttled_periods_total"] <= values["cgroup_cpu_periods_total"]
