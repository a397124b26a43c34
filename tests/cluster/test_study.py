"""Studies from the command line over real raylets, with faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from aging.store.journal import read_journal
from aging.study.events import HostBusy
from analysis.study.faults import rows_of, study_after_head_lost, study_with_faults, write_study
from tests.cluster.raylets import LocalCluster
from tests.cluster.studies import RunningStudy, study
from tests.conftest import unused_port, write_campaign


class TestStudy:
    def test_raylet_killed_and_back(self, cluster: LocalCluster) -> None:
        """The cell of the killed node is adopted: no second attempt, no row lost or doubled."""
        status, cells = study_with_faults(hosts=2, killed=1, disks=0, seed=1, duration="25s", there=cluster)
        assert status == 0
        assert [(cell.attempts, cell.good) for cell in cells] == [(1, True), (1, True)]

    @pytest.mark.slow
    @pytest.mark.timeout(1200)
    def test_disk_lost(self) -> None:
        status, cells = study_with_faults(hosts=2, killed=0, disks=1, seed=1, duration="25s")
        assert status == 0
        assert sorted((cell.attempts, cell.good) for cell in cells) == [(1, True), (2, True)]

    @pytest.mark.slow
    @pytest.mark.timeout(1200)
    def test_head_lost_and_resumed(self) -> None:
        """The cluster and the study's process are killed; on the next cluster every cell is adopted."""
        status, cells = study_after_head_lost(hosts=2)
        assert status == 0
        assert [(cell.attempts, cell.good) for cell in cells] == [(1, True), (1, True)]

    @pytest.mark.slow
    @pytest.mark.timeout(900)
    def test_two_side_by_side(
        self, cluster: LocalCluster, aging: Callable[..., CompletedProcess[str]], scratch: str, tmp_path: Path
    ) -> None:
        """The second says which attempts it waits for, and begins on each host after the first one's has ended."""
        folders = [tmp_path / name for name in ("first", "second")]
        for folder in folders:
            folder.mkdir()
        files = [write_study(one, 2, "25s", name=one.name, scratch=scratch) for one in folders]
        with study(files[0], cluster.address, folders[0]) as first:
            first.until_running(2)
            with study(files[1], cluster.address, folders[1]) as second:
                second.until(lambda: {name for name, _ in waits(second)} == {"a", "b"}, 120)
                assert all("study first/" in by for _, by in waits(second))
                told = aging("status", second.layout.root, "--json")
                assert first.process.wait(400) == 0, first.log
                assert second.process.wait(400) == 0, second.log
        assert {row["status"] for row in json.loads(told.stdout)["cells"]} == {"waiting"}
        assert all("study first/" in row["why"] for row in json.loads(told.stdout)["cells"])
        for one in (first, second):
            assert [(cell.attempts, cell.good) for cell in rows_of(one.layout)] == [(1, True), (1, True)], one.log
        before, after = (times_by_host(one) for one in (first, second))
        assert before.keys() == after.keys() == {"a", "b"}
        for host in before:
            assert before[host][1] <= after[host][0]

    def test_no_cluster(self, aging: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
        campaign = write_campaign(tmp_path, unused_port(), unused_port(), duration="6s", warmup="1s")
        ended = aging("run", campaign, "--cluster", f"127.0.0.1:{unused_port()}")
        assert ended.returncode == 2, ended.stderr
        assert "ray start" in ended.stderr
        assert "Traceback" not in ended.stderr


def waits(running: RunningStudy) -> list[tuple[str, str]]:
    """The hosts that a study has waited for, with what ran there."""
    return [(one.host, one.by) for one in running.events if isinstance(one, HostBusy) and one.by is not None]


def times_by_host(running: RunningStudy) -> dict[str, tuple[float, float]]:
    """When the result on each host began and ended, by its journal; epoch seconds."""
    found = {}
    for cell in running.state.cells.values():
        assert cell.result is not None
        journal = read_journal(running.layout.attempt(cell.name, cell.result.number) / "journal.jsonl")
        found[cell.result.host] = (journal[0].stamp.wall, journal[-1].stamp.wall)
    return found
