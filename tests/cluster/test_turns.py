"""A host that is a node of Ray only while nothing is measured on it: docs/examples/cluster/measured-host.sh."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cluster.raylets import AUTHENTICATION, LocalCluster, end, processes_naming
from tests.conftest import ROOT, unused_port, write_campaign

SCRIPT = ROOT / "docs" / "examples" / "cluster" / "measured-host.sh"
PAUSE, STAY = 40, 15
STUDY = """
name = "turns"
campaign = "{campaign}"
replicates = 1
patience = "10m"
[hosts]
labels = {{ "aging.host" = "turning" }}
scratch = "{scratch}"
"""


@contextlib.contextmanager
def turning_host(cluster: LocalCluster, folder: Path, scratch: str) -> Iterator[psutil.Popen]:
    """The script as a process; its `ray` is that of this interpreter."""
    program = folder / "bin" / "ray"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ray.scripts.scripts "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, **AUTHENTICATION, "AGING_PAUSE": str(PAUSE), "AGING_STAY": str(STAY)}
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    options = (
        "--num-cpus=1",
        "--object-store-memory=80000000",
        "--memory=1000000000",
        "--min-worker-port=0",
        "--max-worker-port=0",
    )
    argv = ["bash", str(SCRIPT), cluster.address, "turning", scratch, *options, "--dashboard-agent-listen-port=0"]
    with (folder / "host.log").open("wb") as log:
        script = psutil.Popen(argv, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield script
    finally:
        end([script, *script.children(recursive=True)])
        end([one for one in processes_naming(str(cluster.folder)) if one.environ().get("AGING_PAUSE")])


def ray_processes(script: psutil.Popen) -> list[psutil.Process]:
    """What runs of Ray for this host: `ray start`, and all that it started."""
    return [one for one in script.children(recursive=True) if one.name() not in ("sleep", "bash", "flock", "pgrep")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_of_ray_while_it_measures(cluster: LocalCluster, tmp_path: Path, scratch: str) -> None:
    campaign = write_campaign(tmp_path, unused_port(), unused_port(), duration="150s", warmup="1s")
    (tmp_path / "study.toml").write_text(STUDY.format(scratch=scratch, campaign=campaign.name))
    argv = [sys.executable, "-m", "aging", "run", "study.toml", "--cluster", cluster.address, "--results", "results"]
    with turning_host(cluster, tmp_path, scratch) as script, (tmp_path / "study.log").open("wb") as log:
        study = psutil.Popen(argv, cwd=tmp_path, stdout=log, stderr=log)
        joined: list[bool] = []
        try:
            deadline = time.monotonic() + 600
            while study.poll() is None:
                assert time.monotonic() < deadline
                running = bool(list(Path(scratch).glob("turning/*/*/a01/results/*/*/*/r*/process/*.jsonl")))
                if running:
                    joined.append(bool(ray_processes(script)))
                time.sleep(1)
        finally:
            end([study])
    said = (tmp_path / "study.log").read_text()
    assert study.returncode == 0, said
    assert joined.count(False) > 30, (joined, said)
    (ledger,) = tmp_path.glob("results/turns/*/ledger.jsonl")
    happened = [json.loads(line) for line in ledger.read_text().splitlines()]
    kinds = [one["event"] for one in happened]
    assert kinds.count("attempt_placed") == 1, said
    assert kinds.count("host_returned") >= 2, said  # for a turn, and at the end
