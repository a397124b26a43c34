"""Hosts in network namespaces that are cut off and come back: real raylets, real links, real runners."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aging.store.results import open_results
from aging.study import events
from aging.study.fleet import HostLostError, Look, Reservation
from analysis.study.faults import rows_in, rows_of, write_study
from tests.cluster.fleets import KEY, connected, node_of, order_of
from tests.cluster.network import Network, network, why_none
from tests.cluster.raylets import LocalCluster, end, new_cluster
from tests.cluster.studies import RunningStudy, study
from tests.conftest import unused_port

_DETECTION = {
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""A host that does not answer is dead after 9 s, not after a minute: three checks of 2 s, 1 s apart."""

_RAYLET_SECONDS = 90.0
"""A raylet ends as it hears that it is dead, or as it has not reached the head for 60 s."""


@functools.cache
def _why_none() -> str | None:
    return why_none()


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    if why := _why_none():
        pytest.skip(why)


@contextlib.contextmanager
def apart(*hosts: str) -> Iterator[tuple[LocalCluster, Network]]:
    """A head, and hosts in a namespace each."""
    with network() as links, contextlib.ExitStack() as ending:
        cluster = new_cluster(unused_port())
        ending.callback(cluster.end)
        cluster.sites["head"] = links.root
        cluster.start_head(environment=_DETECTION)
        for host in hosts:
            cluster.sites[host] = links.add(host)
            cluster.start(host)
        yield cluster, links


def lost(running: RunningStudy, host: str) -> bool:
    known = running.state.hosts.get(host)
    return known is not None and known.lost is not None


class TestHost:
    def test_cut_off(self, scratch: str, tmp_path: Path) -> None:
        """Calls to it end as losses. Its campaign goes on; a new raylet there finds it, and nothing is begun again."""

        async def use(cluster: LocalCluster, links: Network) -> tuple[Look, Look]:
            async with connected(cluster) as fleet:
                a = await node_of(fleet, "a")
                assert await fleet.reserve(KEY, a, Reservation())
                order = order_of(tmp_path, scratch, duration="240s")
                began = await fleet.start(a, order)
                assert began.state == "running", began
                links.cut("a")
                with pytest.raises(HostLostError):
                    await asyncio.wait_for(fleet.look(a, [KEY], scratch), 60)
                assert not next(one for one in await fleet.nodes() if one.host == "a").alive
                with pytest.raises(HostLostError):
                    await asyncio.wait_for(fleet.look(a, [KEY], scratch), 30)
                links.heal("a")
                await asyncio.to_thread(cluster.until_ended, "a", _RAYLET_SECONDS)
                await asyncio.to_thread(cluster.start, "a")
                again = await node_of(fleet, "a")
                assert again.node != a.node
                assert await fleet.reserve(KEY, again, Reservation())
                return began, await fleet.start(again, order)

        with apart("a") as (cluster, links):
            before, after = asyncio.run(use(cluster, links))
            assert before.runner is not None
            assert (after.state, after.runner, after.directory) == ("running", before.runner, before.directory)
            end([psutil.Process(before.runner)])


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestStudy:
    def test_back_within_patience(self, tmp_path: Path) -> None:
        """The cell goes on by itself, and is adopted by a new raylet on its host: Ray takes no dead one back."""
        file = write_study(tmp_path, 2, "60s")
        with apart("a", "b") as (cluster, links), study(file, cluster.address, tmp_path) as running:
            running.until_running(2)
            runner = running.runner("a")
            assert runner is not None
            cut = time.monotonic()
            links.cut("a")
            running.until(lambda: lost(running, "a"), 60)
            healed = time.monotonic()
            links.heal("a")
            cluster.until_ended("a", _RAYLET_SECONDS)
            assert running.runner("a") == runner
            cluster.start("a")
            running.until(lambda: not lost(running, "a"), 60)
            assert running.process.wait(300) == 0, running.log
        layout = running.layout
        assert [(cell.attempts, cell.good) for cell in rows_of(layout)] == [(1, True), (1, True)], running.log
        assert not any(isinstance(one, events.AttemptResumed) for one in running.events)
        (name,) = [cell.name for cell in running.state.cells.values() if cell.attempts[0].host == "a"]
        sent = open_results(layout.attempt(name, 1)).requests("leak")["sent"]
        assert sent.between(cut, healed).any(), "no request was sent while the host was cut off"

    def test_longer_than_patience(self, tmp_path: Path) -> None:
        """A new attempt on the other host; the old one still runs as it turns up: it is stopped and kept apart."""
        file = write_study(tmp_path, 1, "120s", patience="5s")
        with apart("a", "b") as (cluster, links), study(file, cluster.address, tmp_path) as running:
            first, second, runner = cut_until_begun_again(running, links)
            assert running.runner(first) == runner
            links.heal(first)
            cluster.until_ended(first, _RAYLET_SECONDS)
            cluster.start(first)
            running.until(lambda: running.runner(first) is None, 120)
            assert running.process.wait(400) == 0, running.log
            left = [*(tmp_path / "scratch" / first).glob("*/*/a01")]
        (cell,) = running.state.cells.values()
        old, new = cell.attempts
        assert (old.host, old.state, old.collected, old.lost is not None) == (first, "interrupted", True, True)
        assert (new.host, new.state, cell.counts) == (second, "completed", 2)
        assert not left
        assert not psutil.pid_exists(runner)
        (whole,) = rows_of(running.layout)
        evidence = rows_in(running.layout.attempt(cell.name, 1), cell.name, 2)
        assert whole.good, running.log
        assert evidence.good
        assert evidence.present < whole.present

    def test_complete_as_it_turns_up(self, tmp_path: Path) -> None:
        """The old attempt has completed while it was cut off: it counts as the first, and the new one is stopped."""
        file = write_study(tmp_path, 1, "60s", patience="40s")
        with apart("a", "b") as (cluster, links), study(file, cluster.address, tmp_path) as running:
            first, second, _ = cut_until_begun_again(running, links)
            running.until(lambda: running.runner(first) is None, 120)
            links.heal(first)
            cluster.until_ended(first, _RAYLET_SECONDS)
            cluster.start(first)
            assert running.process.wait(400) == 0, running.log
            assert running.runner(second) is None
        (cell,) = running.state.cells.values()
        old, new = cell.attempts
        assert (old.host, old.state, cell.counts) == (first, "completed", 1)
        assert (new.host, new.state, new.collected) == (second, "interrupted", True)
        (whole,) = rows_of(running.layout)
        assert whole.good, running.log


def cut_until_begun_again(running: RunningStudy, links: Network) -> tuple[str, str, int]:
    """Cut off the host of the only cell until its second attempt runs; both hosts, and the first one's runner."""
    running.until_running(1)
    (cell,) = running.state.cells.values()
    first = cell.attempts[0].host
    (second,) = {"a", "b"} - {first}
    runner = running.runner(first)
    assert runner is not None
    links.cut(first)
    running.until(lambda: running.runner(second) is not None, 180)
    return first, second, runner
