"""Studies from the command line over real raylets, with faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from aging.store.journal import read_journal
from aging.study.events import HostBusy
from analysis.study.faults import study_after_head_lost, study_with_faults
from tests.cluster.raylets import LocalCluster
from tests.cluster.studies import aging, attempts, collected, count_rows, ledger, log, root, started, write_study
from tests.conftest import unused_port, write_campaign
from tests.killing import assert_nothing_lost


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
    def test_two_side_by_side(self, cluster: LocalCluster, scratch: str, tmp_path: Path) -> None:
        """The second says which attempts it waits for, and begins on each host after the first one's has ended."""
        first, second = tmp_path / "first", tmp_path / "second"
        for folder, duration in ((first, "25s"), (second, "10s")):
            folder.mkdir()
            write_study(folder, duration=duration, scratch=scratch)
        with started(first, cluster) as one:
            one.until_running()
            with started(second, cluster) as two:
                two.until(lambda: len(waits(second)) == 2, "it waits for both hosts")
                _, told = aging(second, "status", root(second), "--json")
                assert one.ended() == 0, log(first)
                assert two.ended() == 0, log(second)
        study = f"study s/{root(first).name}-"
        assert {host for host, by in waits(second) if by.startswith(study)} == {"a", "b"}
        cells = json.loads(told)["cells"]
        assert [(row["status"], study in row["why"]) for row in cells] == [("waiting", True)] * 2
        for folder in (first, second):
            for name, last in attempts(folder).items():
                assert last.number == 1, log(folder)
                assert_nothing_lost(collected(folder, name), (), ["leak"])
                count_rows(collected(folder, name))
        before, after = times_by_host(first), times_by_host(second)
        assert before.keys() == after.keys() == {"a", "b"}
        for host in before:
            assert before[host][1] <= after[host][0]

    @pytest.mark.slow
    @pytest.mark.timeout(600)
    def test_too_few_hosts(self, cluster: LocalCluster, scratch: str, tmp_path: Path) -> None:
        """It says so at its start, once, and in `aging status`; the head of the cluster is no reason."""
        write_study(tmp_path, cells=4, duration="10s", study='patience = "20s"', scratch=scratch)
        with started(tmp_path, cluster) as study:
            study.until_running()
            _, told = aging(tmp_path, "status", root(tmp_path))
            assert study.ended() == 3, log(tmp_path)
        short = "4 replicates need 4 different hosts (`hosts.apart`), and 2 hosts of the cluster fit: a, b;"
        assert told.count(short) == 1, told
        assert told.count("another replicate") <= 1, told
        said = log(tmp_path).splitlines()
        (at,) = [place for place, line in enumerate(said) if line.startswith(short)]
        assert not [line for line in said[:at] if "is running" in line]
        assert sum(one.collected for one in attempts(tmp_path).values()) == 2

    def test_no_cluster(self, aging: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
        campaign = write_campaign(tmp_path, unused_port(), unused_port(), duration="6s", warmup="1s")
        ended = aging("run", campaign, "--cluster", f"127.0.0.1:{unused_port()}")
        assert ended.returncode == 2, ended.stderr
        assert "ray start" in ended.stderr
        assert "Traceback" not in ended.stderr


def waits(folder: Path) -> list[tuple[str, str]]:
    """The hosts that a study has waited for, with what ran there."""
    return [(one.host, one.by) for one in ledger(folder) if isinstance(one, HostBusy) and one.by is not None]


def times_by_host(folder: Path) -> dict[str, tuple[float, float]]:
    """When the attempt on each host began and ended, by its journal; epoch seconds."""
    found = {}
    for name, one in attempts(folder).items():
        journal = read_journal(collected(folder, name) / "journal.jsonl")
        found[one.host] = (journal[0].stamp.wall, journal[-1].stamp.wall)
    return found
