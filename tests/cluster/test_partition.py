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

from aging.cluster.fleet import RayFleet
from aging.store.results import open_results
from aging.study.fleet import HostLostError, Look, Node, Reservation
from tests.cluster.fleets import KEY, connected, node_of, order_of
from tests.cluster.network import Network, network, why_none
from tests.cluster.raylets import LocalCluster, end, new_cluster
from tests.cluster.studies import (
    StudyProcess,
    attempts,
    collected,
    count_rows,
    log,
    runner,
    started,
    state,
    write_study,
)
from tests.conftest import unused_port
from tests.killing import assert_nothing_lost

_DETECTION = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""A host that does not answer is dead after 9 s, not after a minute: three checks of 2 s, 1 s apart."""

_UNNOTICED_SECONDS = 4.0

_RAYLET_SECONDS = 90.0
"""A raylet ends as it hears that it is dead: 3 s after its link is up again, on a quiet machine."""


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
                await briefly(fleet, a, links)
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

        async def briefly(fleet: RayFleet, a: Node, links: Network) -> None:
            """An interruption that Ray does not notice is none for the study either."""
            links.cut("a")
            looking = asyncio.create_task(fleet.look(a, [KEY], scratch))
            await asyncio.sleep(_UNNOTICED_SECONDS)
            links.heal("a")
            (seen,) = await asyncio.wait_for(looking, 60)
            assert seen.state == "running"
            assert next(one for one in await fleet.nodes() if one.host == "a") == a

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
        write_study(tmp_path, duration="60s")
        with apart("a", "b") as (cluster, links), started(tmp_path, cluster) as study:
            study.until_running()
            (name,) = [cell for cell, one in attempts(tmp_path).items() if one.host == "a"]
            process = runner(attempts(tmp_path)[name])
            cut = time.monotonic()
            links.cut("a")
            study.until(lambda: lost(tmp_path, "a"), "the host is lost")
            healed = time.monotonic()
            links.heal("a")
            cluster.until_ended("a", _RAYLET_SECONDS)
            assert process.is_running()
            cluster.start("a")
            assert study.ended() == 0, log(tmp_path)
        for cell, one in attempts(tmp_path).items():
            assert (one.number, one.state, one.resumed) == (1, "completed", 0), log(tmp_path)
            count_rows(collected(tmp_path, cell))
            assert_nothing_lost(collected(tmp_path, cell), (), ["leak"])
        sent = open_results(collected(tmp_path, name)).requests("leak")["sent"]
        assert sent.between(cut, healed).any(), "no request was sent while the host was cut off"

    def test_longer_than_patience(self, tmp_path: Path) -> None:
        """A new attempt on the other host; the old one still runs as it turns up: it is stopped and kept apart."""
        write_study(tmp_path, cells=1, duration="120s", study='patience = "5s"')
        with apart("a", "b") as (cluster, links), started(tmp_path, cluster) as study:
            first, process = cut_until_begun_again(study, links)
            assert process.is_running()
            links.heal(first)
            cluster.until_ended(first, _RAYLET_SECONDS)
            cluster.start(first)
            assert study.ended() == 0, log(tmp_path)
            assert not process.is_running()
            assert not [*(tmp_path / "scratch").glob("*/*/*/a*")]
        (cell,) = state(tmp_path).cells.values()
        old, new = cell.attempts
        assert (old.host, old.state, old.collected, old.lost is not None) == (first, "interrupted", True, True)
        assert (new.host != first, new.state, cell.counts) == (True, "completed", 2)
        assert_nothing_lost(collected(tmp_path, cell.name, 2), (), ["leak"])
        assert count_rows(collected(tmp_path, cell.name, 1)) < count_rows(collected(tmp_path, cell.name, 2))

    def test_complete_as_it_turns_up(self, tmp_path: Path) -> None:
        """The old attempt has completed while it was cut off: it counts as the first, and the new one is stopped."""
        write_study(tmp_path, cells=1, duration="100s", study='patience = "90s"')
        with apart("a", "b") as (cluster, links), started(tmp_path, cluster) as study:
            first, process = cut_until_begun_again(study, links)
            study.until(lambda: not process.is_running(), "the old attempt ends")
            links.heal(first)
            cluster.until_ended(first, _RAYLET_SECONDS)
            cluster.start(first)
            assert study.ended() == 0, log(tmp_path)
            assert not [*(tmp_path / "scratch").glob("*/*/*/a*")]
        (cell,) = state(tmp_path).cells.values()
        old, new = cell.attempts
        assert (old.host, old.state, cell.counts) == (first, "completed", 1)
        assert (new.host != first, new.state, new.collected) == (True, "interrupted", True)
        assert_nothing_lost(collected(tmp_path, cell.name), (), ["leak"])
        count_rows(collected(tmp_path, cell.name))


def lost(folder: Path, host: str) -> bool:
    known = state(folder).hosts.get(host)
    return known is not None and known.lost is not None


def cut_until_begun_again(study: StudyProcess, links: Network) -> tuple[str, psutil.Process]:
    """Cut off the host of the only cell until its second attempt runs; the host, and the runner of the first."""
    study.until_running(1)
    (one,) = attempts(study.folder).values()
    process = runner(one)
    links.cut(one.host)
    study.until(lambda: [last.number for last in attempts(study.folder).values()] == [2], "a second attempt")
    study.until_running(1)
    return one.host, process
