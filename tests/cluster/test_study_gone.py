"""A study whose folder is removed, with or after its process: the cluster lists what it holds, and gives it back."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from tests.cluster.raylets import LocalCluster
from tests.cluster.studies import aging, attempts, log, root, runner, started, write_study


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("killed", [True, False])
def test_its_hosts_are_given_back(cluster: LocalCluster, tmp_path: Path, killed: bool) -> None:
    write_study(tmp_path, duration="1800s")
    with started(tmp_path, cluster) as study:
        study.until_running()
        runners = {one.host: runner(one) for one in attempts(tmp_path).values()}
        started_at = root(tmp_path).name
        if killed:
            study.signal(signal.SIGKILL)
            study.ended()
            shutil.rmtree(tmp_path / "results")
        else:
            _, told = aging(tmp_path, "status", "--cluster", cluster.address, "--json")
            assert {one["run_by_pid"] for one in json.loads(told)} == {study.process.pid}
            code, told = aging(tmp_path, "stop", "--cluster", cluster.address, "--study", f"s/{started_at}", "--drain")
            assert code == 2
            assert f"process {study.process.pid} on " in told
            shutil.rmtree(tmp_path / "results")
            assert study.ended() == 3
            assert f"aging stop --cluster {cluster.address} --study s/{started_at}" in log(tmp_path)
            assert not (tmp_path / "results").exists()

        code, told = aging(tmp_path, "status", "--cluster", cluster.address, "--json")
        assert code == 0
        rows = {one["host"]: one for one in json.loads(told)}
        assert set(rows) == {"a", "b"}
        for host, row in rows.items():
            assert row["study"].startswith(f"s/{started_at}-")
            assert (row["run_from"], row["runner_alive"], row["cpus"]) == (None, True, 2.0)
            assert row["runner_pid"] == runners[host].pid

        given = ("stop", "--cluster", cluster.address, "--study", f"s/{started_at}")
        code, told = aging(tmp_path, *given)
        assert code == 2
        assert "--drain" in told
        assert all(one.is_running() for one in runners.values())

        code, told = aging(tmp_path, *given, "--drain")
        assert code == 0, told
        psutil.wait_procs(list(runners.values()), timeout=30)
        assert not any(one.is_running() for one in runners.values())
        for row in rows.values():
            assert row["directory"] in told
            assert (Path(row["directory"]) / "journal.jsonl").read_text().count('"campaign_interrupted"') == 1
        assert aging(tmp_path, "status", "--cluster", cluster.address, "--json") == (0, "[]\n")
