"""``aging analyze --cluster`` on two real raylets: findings equal to those of one machine, byte for byte."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cluster.raylets import AUTHENTICATION, LocalCluster
from tests.conftest import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]

PATIENCE_SECONDS = 400.0
DIRECTORIES = ("first-look", "tokenizer-2026.1")
FINDINGS = "findings.json"
FINE = ("analyze", ROOT / "results" / "real-runtimes", "--grid", "1s", "--json")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The findings of one machine."""
    root = _copied(tmp_path_factory.mktemp("alone"))
    assert _aging("analyze", *(root / name for name in DIRECTORIES)).returncode == 0
    return _findings(root)


@pytest.fixture(scope="module")
def fine() -> bytes:
    """The findings of one machine, of enough samples that they are worth a cluster."""
    with _started(*FINE) as running:
        found, errors = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 0, errors
    return found


@pytest.mark.slow
def test_directories_in_parallel_have_equal_findings(
    cluster: LocalCluster, alone: dict[str, bytes], tmp_path: Path
) -> None:
    root = _copied(tmp_path)
    ran = _aging("analyze", f"{root}/**", "--cluster", cluster.address)
    assert ran.returncode == 0, ran.stderr
    assert _findings(root) == alone


@pytest.mark.slow
def test_series_of_one_directory_have_equal_findings(cluster: LocalCluster, fine: bytes) -> None:
    with _started(*FINE, "--cluster", cluster.address) as running:
        at_work = _seen(cluster, "_analyze", running)
        found, errors = running.communicate(timeout=PATIENCE_SECONDS)
    assert at_work, "no worker was seen at work"
    assert running.returncode == 0, errors
    assert found == fine


def test_directories_are_equal_after_a_worker_was_killed(
    cluster: LocalCluster, alone: dict[str, bytes], tmp_path: Path
) -> None:
    root = _copied(tmp_path)
    with _started("analyze", *(root / name for name in DIRECTORIES), "--cluster", cluster.address) as running:
        killed = _seen(cluster, "_analyze_directory", running)
        assert killed is not None, "no worker was seen at work"
        killed.kill()
        told, errors = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 0, errors
    assert b"raylet" not in told, "Ray's message of the loss is not the command's output"
    assert _findings(root) == alone


@pytest.mark.slow
def test_series_are_equal_after_a_worker_was_killed(cluster: LocalCluster, fine: bytes) -> None:
    with _started(*FINE, "--cluster", cluster.address) as running:
        killed = _seen(cluster, "_analyze", running)
        assert killed is not None, "no worker was seen at work"
        killed.kill()
        found, errors = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 0, errors
    assert found == fine


def test_a_bad_directory_stops_no_other(cluster: LocalCluster, alone: dict[str, bytes], tmp_path: Path) -> None:
    root = _copied(tmp_path)
    ran = _aging("analyze", tmp_path / "none", root / "tokenizer-2026.1", "--cluster", cluster.address)
    assert ran.returncode == 2
    assert str(tmp_path / "none") in ran.stderr
    assert (root / "tokenizer-2026.1" / FINDINGS).read_bytes() == alone["tokenizer-2026.1"]


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = _aging("analyze", ROOT / "results" / "first-look", "--cluster", "ray://127.0.0.1:1")
    assert ran.returncode == 2
    assert "ray://127.0.0.1:1" in ran.stderr
    assert "Traceback" not in ran.stderr


def _copied(root: Path) -> Path:
    for name in DIRECTORIES:
        shutil.copytree(ROOT / "results" / name, root / name)
        (root / name / FINDINGS).unlink()
    return root


def _findings(root: Path) -> dict[str, bytes]:
    return {one.parent.name: one.read_bytes() for one in root.glob(f"*/{FINDINGS}")}


def _aging(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command_line(*arguments), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env=_clean()
    )


def _started(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(_command_line(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_clean())


def _seen(cluster: LocalCluster, task: str, running: subprocess.Popen[bytes]) -> psutil.Process | None:
    """A worker that executes a task, waited for; None where the command ended before one was seen."""
    while running.poll() is None:
        if found := _workers(cluster, task):
            return found[0]
        time.sleep(0.02)
    return None


def _workers(cluster: LocalCluster, task: str) -> list[psutil.Process]:
    """Workers that execute a function now: Ray gives a worker the title of its task."""
    found = []
    for host in cluster.hosts:
        for worker in cluster.raylets[host].workers():
            with contextlib.suppress(psutil.NoSuchProcess):
                if worker.cmdline()[:1] and worker.cmdline()[0].startswith(f"ray::{task}"):
                    found.append(worker)
    return found


def _command_line(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "aging", *map(str, arguments)]


def _clean() -> dict[str, str]:
    """The environment without another cluster's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | AUTHENTICATION
