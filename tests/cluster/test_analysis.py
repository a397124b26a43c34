"""``aging analyze --cluster`` on two real raylets: findings equal to those of one machine, byte for byte."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT, unused_port

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

DIRECTORIES = ("first-look", "real-runtimes", "tokenizer-2026.1")
FINDINGS = "findings.json"
FINE = ("analyze", ROOT / "results" / "real-runtimes", "--grid", "1s", "--json")
RAY = (sys.executable, "-m", "ray.scripts.scripts")


@dataclass(frozen=True)
class Raylets:
    """A cluster of this test alone: its address, and its folder, which every command line of its processes names."""

    address: str
    folder: str

    def processes(self) -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if any(self.folder in part for part in _command(one))]

    def workers(self, name: str) -> list[psutil.Process]:
        """Workers that execute a function now: Ray gives a worker the title of its task."""
        raylets = [one for one in self.processes() if one.name() == "raylet"]
        workers = [child for one in raylets for child in one.children()]
        return [one for one in workers if _command(one)[:1] and _command(one)[0].startswith(f"ray::{name}")]


@pytest.fixture(scope="module")
def raylets() -> Iterator[Raylets]:
    folder = tempfile.mkdtemp(prefix="ra")
    address = f"127.0.0.1:{unused_port()}"
    common = ("--num-cpus=1", "--node-ip-address=127.0.0.1", "--disable-usage-stats", "--object-store-memory=80000000")
    head = ("--head", f"--port={address.partition(':')[2]}", "--include-dashboard=false", f"--temp-dir={folder}")
    found = Raylets(address, folder)
    try:
        for which in (head, (f"--address={address}",)):
            subprocess.run((*RAY, "start", *which, *common), check=True, capture_output=True, timeout=100, env=_clean())
        yield found
    finally:
        left = found.processes()
        left += [child for one in left for child in _children(one)]
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(left, timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


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
        found, errors = running.communicate(timeout=200)
    assert running.returncode == 0, errors
    return found


def test_directories_in_parallel_have_equal_findings(raylets: Raylets, alone: dict[str, bytes], tmp_path: Path) -> None:
    root = _copied(tmp_path)
    ran = _aging("analyze", f"{root}/**", "--cluster", raylets.address)
    assert ran.returncode == 0, ran.stderr
    assert _findings(root) == alone


def test_series_of_one_directory_have_equal_findings(raylets: Raylets, fine: bytes) -> None:
    with _started(*FINE, "--cluster", raylets.address) as running:
        at_work = _seen(raylets, "_analyze", running)
        found, errors = running.communicate(timeout=200)
    assert at_work, "no worker was seen at work"
    assert running.returncode == 0, errors
    assert found == fine


def test_directories_are_equal_after_a_worker_was_killed(
    raylets: Raylets, alone: dict[str, bytes], tmp_path: Path
) -> None:
    root = _copied(tmp_path)
    with _started("analyze", *(root / name for name in DIRECTORIES), "--cluster", raylets.address) as running:
        killed = _seen(raylets, "_analyze_directory", running)
        assert killed is not None, "no worker was seen at work"
        killed.kill()
        _, errors = running.communicate(timeout=200)
    assert running.returncode == 0, errors
    assert _findings(root) == alone


def test_series_are_equal_after_a_worker_was_killed(raylets: Raylets, fine: bytes) -> None:
    with _started(*FINE, "--cluster", raylets.address) as running:
        killed = _seen(raylets, "_analyze", running)
        assert killed is not None, "no worker was seen at work"
        killed.kill()
        found, errors = running.communicate(timeout=200)
    assert running.returncode == 0, errors
    assert found == fine


def test_a_bad_directory_stops_no_other(raylets: Raylets, alone: dict[str, bytes], tmp_path: Path) -> None:
    root = _copied(tmp_path)
    ran = _aging("analyze", tmp_path / "none", root / "tokenizer-2026.1", "--cluster", raylets.address)
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
        _command_line(*arguments), capture_output=True, text=True, timeout=250, check=False, env=_clean()
    )


def _started(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(_command_line(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_clean())


def _seen(raylets: Raylets, task: str, running: subprocess.Popen[bytes]) -> psutil.Process | None:
    """A worker that executes a task, waited for; None where the command ended before one was seen."""
    while running.poll() is None:
        if found := raylets.workers(task):
            return found[0]
        time.sleep(0.02)
    return None


def _command_line(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "aging", *map(str, arguments)]


def _clean() -> dict[str, str]:
    """The environment without another cluster's settings; a token in the home folder is not this cluster's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return own | {"RAY_AUTH_MODE": "disabled"}


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
