"""The fleet on real raylets: nodes, reservations, calls, and what happens as a worker, a raylet or the head dies."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import aging.cluster.fleet
from aging.cluster.fleet import RayFleet, connect
from aging.core import package_code
from aging.core.errors import AgingError
from aging.core.package_code import ChangedCodeError
from aging.study.assignment import fits
from aging.study.fleet import AttemptKey, Held, HostLostError, Look, Node, Order, OtherCodeError, Reservation
from aging.study.reservations import free, holdings
from aging.study.schema import HostsTable
from tests.cluster.fleets import KEY, connected, node_of, order_of
from tests.cluster.raylets import LocalCluster
from tests.conftest import ROOT, unused_port

FILL = """
import sys
import numpy, ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
ray.init(address=sys.argv[1], log_to_driver=False)
@ray.remote(num_cpus=0)
class Holder:
    def fill(self):
        self.held = []
        for _ in range(15):  # of 80 MB
            reference = ray.put(numpy.ones(5_000_000, dtype=numpy.uint8))
            self.held.append((reference, ray.get(reference)))
holder = Holder.options(scheduling_strategy=NodeAffinitySchedulingStrategy(sys.argv[2], soft=False)).remote()
ray.get(holder.fill.remote())
print("full", flush=True)
sys.stdin.read()
"""


@contextmanager
def filled_store(address: str, node: str) -> Iterator[None]:
    """Another driver's objects in all of a node's object store but 5 MB, all mapped."""
    argv = [sys.executable, "-c", FILL, address, node]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout is not None
            assert any(line == "full\n" for line in driver.stdout)
            yield
        finally:
            driver.kill()


class TestConnect:
    @pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "nowhere", "a b:1", "10.0.0.1"])
    def test_address_is_refused(self, address: str) -> None:
        with pytest.raises(AgingError, match="6379"):
            asyncio.run(connect(address))

    def test_no_cluster(self) -> None:
        began = time.monotonic()
        with pytest.raises(AgingError, match="ray start"):
            asyncio.run(connect(f"127.0.0.1:{unused_port()}"))
        assert time.monotonic() - began < 10

    def test_a_port_of_something_else(self, reference: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("aging.cluster.fleet._CONNECT_SECONDS", 5.0)
        address = reference().removeprefix("http://").rstrip("/")
        with pytest.raises(AgingError):
            asyncio.run(connect(address))

    def test_another_version(self, cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A driver whose Ray is another release: Ray refuses it, and both releases are named."""
        (tmp_path / "sitecustomize.py").write_text("import ray\nray.__version__ = '2.1.0'\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(AgingError, match=r"runs Ray \d\S+ on Python \S+; here it is Ray 2\.1\.0 "):
            asyncio.run(connect(cluster.address))


class TestNodes:
    def test_hosts_by_label(self, cluster: LocalCluster) -> None:
        async def read() -> dict[str, Node]:
            async with connected(cluster) as fleet:
                await node_of(fleet, "b")
                return {node.host: node for node in await fleet.nodes() if node.alive}

        nodes = asyncio.run(read())
        assert {host: (node.cpus, node.gpus) for host, node in nodes.items()} == {
            "head": (0.0, 0.0),
            "a": (2.0, 0.0),
            "b": (2.0, 2.0),
        }


class TestReservation:
    def test_exclusive_outlives_its_driver(self, cluster: LocalCluster) -> None:
        other = AttemptKey("study-2", "cell-1", 1)

        async def first() -> None:
            async with connected(cluster) as fleet:
                assert await fleet.reserve(KEY, await node_of(fleet, "a"), Reservation())

        async def second() -> None:
            async with connected(cluster) as fleet:
                a, b = await node_of(fleet, "a"), await node_of(fleet, "b")
                assert await fleet.reserve(KEY, a, Reservation())  # it is there
                assert not await fleet.reserve(other, a, Reservation(exclusive=False, cpus=1.0))
                assert await fleet.reserve(other, b, Reservation())  # no pending group of it is left
                await fleet.release(KEY)
                assert await fleet.reserve(other, a, Reservation())  # moved
                await fleet.release(other)
                assert await fleet.reserve(KEY, b, Reservation())
                await fleet.release(KEY)
                await fleet.release(KEY)

        asyncio.run(first())
        asyncio.run(second())

    def test_what_is_held_is_listed(self, cluster: LocalCluster, scratch: str) -> None:
        """With the process that holds it as long as that is connected, and after it was killed without it."""
        began = time.time()

        async def holder() -> None:
            async with connected(cluster) as fleet, connected(cluster) as other:
                a = await node_of(fleet, "a")
                assert await fleet.reserve(KEY, a, Reservation(scratch=scratch))
                (one,) = await other.reservations()
                assert one == Held(KEY, "a", True, 2.0, 0.0, one.since, scratch, a.address, os.getpid())
                assert one.since is not None
                assert began <= one.since <= time.time()
                (bridge, _) = (one for one in psutil.Process().children() if "aging.cluster.bridge" in one.cmdline())
                bridge.kill()
                deadline = time.monotonic() + 60
                while (await other.reservations())[0].run_from is not None:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.2)
                assert await other.reserve(KEY, a, Reservation(scratch=scratch))  # the next head takes it over
                (taken,) = await other.reservations()
                assert (taken.since, taken.run_from) == (one.since, a.address)

        async def after() -> None:
            async with connected(cluster) as fleet:
                (found,) = await holdings(fleet)
                assert found.look is not None
                assert (found.held.run_from, found.look.state, found.gone) == (None, "absent", False)
                told: list[str] = []
                await free(fleet, KEY.study, drain=False, tell=told.append)
                assert not await fleet.reservations()
                other = AttemptKey("study-2", "cell-1", 1)
                assert await fleet.reserve(other, await node_of(fleet, "a"), Reservation())
                await fleet.release(other)

        asyncio.run(holder())
        asyncio.run(after())

    @pytest.mark.slow
    def test_devices_of_a_shared_host(self, cluster: LocalCluster, scratch: str, tmp_path: Path) -> None:
        """A campaign that was stopped, and whose GPU another one has now, is resumed with the one that is left."""
        share = Reservation(exclusive=False, cpus=1.0, gpus=1)
        first, second = (AttemptKey("study-1", f"shared-{number}", 1) for number in (1, 2))
        campaigns = {key: order_of(tmp_path, scratch).campaign for key in (first, second)}

        def visible(seen: Look) -> str:
            assert seen.runner is not None, seen
            device = psutil.Process(seen.runner).environ()["CUDA_VISIBLE_DEVICES"]
            assert seen.devices == (device,)
            return device

        async def begin(fleet: RayFleet, b: Node, key: AttemptKey) -> str:
            assert await fleet.reserve(key, b, share)
            return visible(await fleet.start(b, Order(key, campaigns[key], scratch, {}, exclusive=False)))

        async def devices() -> list[str]:
            async with connected(cluster) as fleet:
                b = await node_of(fleet, "b")
                try:
                    found = [await begin(fleet, b, first)]
                    seen = await fleet.stop(b, first, scratch)
                    deadline = time.monotonic() + 180
                    while seen.state == "running":
                        assert time.monotonic() < deadline
                        await asyncio.sleep(1)
                        (seen,) = await fleet.look(b, [first], scratch)
                    await fleet.release(first)
                    found.append(await begin(fleet, b, second))
                    assert await fleet.reserve(first, b, share)
                    found.append(visible(await fleet.resume(b, first, scratch)))
                    return found
                finally:
                    for key in campaigns:
                        await fleet.release(key)

        assert asyncio.run(devices()) == ["0", "0", "1"]


class TestCalls:
    def test_no_worker_stays(self, cluster: LocalCluster, scratch: str) -> None:
        """Calls one after the other share a worker, which ends after the last."""

        async def read() -> None:
            async with connected(cluster) as fleet:
                a = await node_of(fleet, "a")
                facts = await asyncio.gather(fleet.facts(a, scratch), fleet.facts(a, scratch))
                assert {one.host for one in facts} == {"a"}
                assert abs(facts[0].clock_offset) < 1.0
                assert (await fleet.look(a, [KEY], scratch))[0].state == "absent"
                first = await lingering()
                assert (await fleet.look(a, [KEY], scratch))[0].state == "absent"
                assert await lingering() == first
                await workers_gone()

        async def lingering() -> list[int]:
            """The one worker that waits for a further call: others are ending."""
            deadline = time.monotonic() + 1.5
            while len(left := [one.pid for one in cluster.raylets["a"].workers()]) > 1:
                assert time.monotonic() < deadline, left
                await asyncio.sleep(0.02)
            return left

        async def workers_gone() -> None:
            deadline = time.monotonic() + 10
            while left := cluster.raylets["a"].workers():
                assert time.monotonic() < deadline, left
                await asyncio.sleep(0.1)

        asyncio.run(read())

    @pytest.mark.slow
    def test_campaign_outlives_worker_and_raylet(self, cluster: LocalCluster, scratch: str, tmp_path: Path) -> None:
        order = order_of(tmp_path, scratch, duration="240s")

        async def start() -> Look:
            async with connected(cluster) as fleet:
                a = await node_of(fleet, "a")
                assert await fleet.reserve(KEY, a, Reservation())
                seen = await fleet.start(a, order)
                cluster.kill("a")
                with pytest.raises(HostLostError):
                    await fleet.look(a, [KEY], scratch)
                return seen

        async def again() -> Look:
            async with connected(cluster) as fleet:
                a = await node_of(fleet, "a")
                assert await fleet.reserve(KEY, a, Reservation())
                (seen,) = await fleet.look(a, [KEY], scratch)
                await fleet.stop(a, KEY, scratch)
                deadline = time.monotonic() + 90
                while (ended := (await fleet.look(a, [KEY], scratch))[0]).state == "running":
                    assert time.monotonic() < deadline
                    await asyncio.sleep(1)
                assert ended.state == "interrupted"
                assert ended.sealed
                content = {file.path: 0 for file in ended.sealed}
                async for chunk in fleet.read(a, KEY, scratch, ended.sealed):
                    content[str(chunk.path)] += len(chunk.content)
                assert content == {file.path: file.size for file in ended.sealed}
                await fleet.discard(a, KEY, scratch)
                assert (await fleet.look(a, [KEY], scratch))[0].state == "absent"
                await fleet.release(KEY)
                return seen

        seen = asyncio.run(start())
        assert seen.state == "running", seen
        assert seen.runner is not None
        assert psutil.pid_exists(seen.runner)
        cluster.start("a")
        found = asyncio.run(again())
        assert (found.state, found.runner) == ("running", seen.runner)

    @pytest.mark.slow
    def test_two_studies_share_no_host(self, cluster: LocalCluster, scratch: str, tmp_path: Path) -> None:
        """Not while the other one's cell runs: not by a reservation, and not without one, as from another cluster."""
        first = order_of(tmp_path, scratch)
        second = replace(first, key=AttemptKey("study-2", "cell-1", 1), campaign=order_of(tmp_path, scratch).campaign)

        async def begin() -> Look:
            async with connected(cluster) as fleet:
                b = await node_of(fleet, "b")
                assert await fleet.reserve(first.key, b, Reservation())
                return await fleet.start(b, first)

        async def beside() -> tuple[bool, Look, str | None]:
            async with connected(cluster) as fleet:
                b = await node_of(fleet, "b")
                try:
                    reserved = await fleet.reserve(second.key, b, Reservation())
                    return reserved, await fleet.start(b, second), (await fleet.facts(b, scratch)).busy
                finally:
                    await fleet.release(first.key)

        assert asyncio.run(begin()).state == "running"
        reserved, seen, busy = asyncio.run(beside())
        assert not reserved
        assert seen.state == "refused"
        assert first.key.study in (seen.why or "")
        assert first.key.study in (busy or "")
        assert not list(Path(scratch).glob("*/study-2/*/*"))

    @pytest.mark.slow
    def test_files_through_a_full_object_store(self, cluster: LocalCluster, scratch: str, tmp_path: Path) -> None:
        """Another driver holds the whole store of the host, which cannot be spilled: it is mapped."""
        order = order_of(tmp_path, scratch, duration="6s")

        async def use() -> None:
            async with connected(cluster) as fleet:
                a = await node_of(fleet, "a")
                seen = await fleet.start(a, order)
                assert seen.state == "running", seen
                deadline = time.monotonic() + 180
                while (ended := (await fleet.look(a, [KEY], scratch))[0]).state == "running":
                    assert time.monotonic() < deadline
                    await asyncio.sleep(1)
                assert ended.state == "completed", ended
                with filled_store(cluster.address, a.node):
                    content: dict[str, bytes] = {str(file.path): b"" for file in ended.sealed}
                    async for chunk in fleet.read(a, KEY, scratch, ended.sealed):
                        content[str(chunk.path)] += chunk.content
                assert ended.sealed
                for file in ended.sealed:
                    assert hashlib.sha256(content[str(file.path)]).hexdigest() == file.sha256

        asyncio.run(use())

    @pytest.mark.slow
    def test_not_importable(self, cluster: LocalCluster, scratch: str, tmp_path: Path) -> None:
        broken = tmp_path / "aging"
        broken.mkdir()
        (broken / "__init__.py").write_text("raise ModuleNotFoundError('no aging here')\n")
        cluster.start("bare", environment={"PYTHONPATH": str(tmp_path)})

        async def ask() -> None:
            async with connected(cluster) as fleet:
                await fleet.facts(await node_of(fleet, "bare"), scratch)

        try:
            with pytest.raises(AgingError, match=r"bare.*pip install") as caught:
                asyncio.run(ask())
            assert not isinstance(caught.value, HostLostError)
        finally:
            cluster.kill("bare")

    def test_a_host_with_other_code_and_one_with_another_driver(
        self, cluster: LocalCluster, scratch: str, tmp_path: Path, libraries: Path
    ) -> None:
        """Both are named before anything is done there: one whose package was edited, one by what its NVML reads."""
        shutil.copytree(ROOT / "aging", tmp_path / "aging", ignore=shutil.ignore_patterns("__pycache__"))
        with (tmp_path / "aging" / "study" / "host" / "looks.py").open("a") as edited:
            edited.write("# another line\n")
        script = tmp_path / "nvml"
        script.write_text("driver 535.10\ncuda 12020\ndevice\ntotal 85899345920\nmax_clock 1980\n")
        cluster.start("edited", environment={"PYTHONPATH": str(tmp_path)})
        standin = {"LD_LIBRARY_PATH": str(libraries / "new"), "NVML_STANDIN": str(script)}
        cluster.start("gpu", gpus=1, environment=standin)
        table = HostsTable.model_validate({"gpus": 1, "driver": ">=550,<560"})

        async def ask() -> str | None:
            async with connected(cluster) as fleet:
                edited, gpu = await node_of(fleet, "edited"), await node_of(fleet, "gpu")
                with pytest.raises(OtherCodeError, match="edited"):
                    await fleet.facts(edited, scratch)
                with pytest.raises(OtherCodeError, match="edited"):
                    await fleet.start(edited, order_of(tmp_path, scratch))
                told = await fleet.facts(gpu, scratch)
                assert (told.driver, told.cuda) == ("535.10", "12.2")
                assert [(one.model, one.memory, one.clock_mhz) for one in told.gpus] == [
                    ("Stand-in 0", 80 * 2**30, 1980)
                ]
                assert fits(gpu, told, table.model_copy(update={"driver": ">=535,<560"})) is None
                return fits(gpu, told, table)

        try:
            why = asyncio.run(ask())
            assert not list(Path(scratch).glob("edited/*/*"))
        finally:
            cluster.kill("edited")
            cluster.kill("gpu")
        assert why is not None
        assert "535.10" in why
        assert ">=550,<560" in why

    @pytest.mark.slow
    def test_reaping_raylet_is_refused(self, cluster: LocalCluster, scratch: str, tmp_path: Path) -> None:
        setting = "RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper"
        cluster.start("reaper", environment={setting: "1"})

        async def ask() -> None:
            async with connected(cluster) as fleet:
                await fleet.start(await node_of(fleet, "reaper"), order_of(tmp_path, scratch))

        try:
            with pytest.raises(AgingError, match=setting):
                asyncio.run(ask())
        finally:
            cluster.kill("reaper")


class TestConnection:
    def test_the_code_was_changed(self, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        """A connection that was lost is made again by a process of the new code: it is not used."""

        async def use() -> None:
            async with connected(cluster) as fleet:
                await fleet.nodes()
                await fleet.close()
                for module in package_code, aging.cluster.fleet:
                    monkeypatch.setattr(module, "code_at_start", lambda *_: "another")
                monkeypatch.setattr("aging.cluster.fleet._RECONNECT_SECONDS", 0.0)
                with pytest.raises(ChangedCodeError, match="aging resume"):
                    await fleet.nodes()

        asyncio.run(use())

    def test_its_process_is_killed(self, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(aging.cluster.fleet, "_RECONNECT_SECONDS", 3600.0)

        async def use() -> None:
            async with connected(cluster) as fleet:
                before = await fleet.nodes()
                (bridge,) = (
                    child for child in psutil.Process().children() if "aging.cluster.bridge" in child.cmdline()
                )
                os.kill(bridge.pid, signal.SIGKILL)
                psutil.wait_procs([bridge], timeout=10)
                await asyncio.sleep(0.1)
                with pytest.raises(HostLostError):
                    await fleet.nodes()
                monkeypatch.setattr(aging.cluster.fleet, "_RECONNECT_SECONDS", 0.0)
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline:
                    try:
                        assert len(await fleet.nodes()) == len(before)
                    except HostLostError:
                        await asyncio.sleep(0.5)
                    else:
                        return
                raise AssertionError("not connected again")

        asyncio.run(use())
