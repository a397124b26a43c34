"""Studies from the command line over real raylets, with faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from analysis.study.faults import study_after_head_lost, study_with_faults
from tests.cluster.raylets import LocalCluster
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

    def test_no_cluster(self, aging: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
        campaign = write_campaign(tmp_path, unused_port(), unused_port(), duration="6s", warmup="1s")
        ended = aging("run", campaign, "--cluster", f"127.0.0.1:{unused_port()}")
        assert ended.returncode == 2, ended.stderr
        assert "ray start" in ended.stderr
        assert "Traceback" not in ended.stderr
