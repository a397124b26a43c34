"""Real campaigns that are killed at random, on a disk that fills, and with processes that hang: what takes minutes.

Each proves again, with real processes, what quicker tests prove in virtual time or by parts.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aging.store.journal import read_journal
from aging.store.state import fold
from tests.command_line import run_here
from tests.conftest import wait_for
from tests.e2e.processes import PATIENCE_SECONDS, Started, campaign, keepers_of, kinds_of, listening, marked
from tests.killing import assert_nothing_lost, assert_the_leak_is_found, problems

pytestmark = pytest.mark.slow

MOMENTS = (("campaign_started", 0.3), ("deployment_started", 0.5), ("deployment_ready", 3.0), ("load_started", 12.0))
"""What is waited for, and up to how many seconds longer: from the first line to the analysis."""


@pytest.mark.parametrize("seed", range(20))
def test_kill_at_any_time(tmp_path: Path, seed: int) -> None:
    """One kill, or two in quick succession, somewhere between the first line of the journal and the last."""
    rng = random.Random(seed)
    with Started.of(tmp_path, "run", campaign(tmp_path, duration="10s", judged=True)) as started:
        root, (kind, longest) = started.root, rng.choices(MOMENTS, weights=(1, 1, 2, 6))[0]
        started.until_event(kind)
        time.sleep(rng.uniform(0.0, longest))
        kills = [started.kill()] if started.runner.poll() is None else []
        if kills and rng.random() < 0.3:
            again = Started.of(tmp_path, "resume", root)
            time.sleep(rng.uniform(0.2, 4.0))
            sampling = "campaign_resumed" in kinds_of(root)
            kills += [again.kill()][: int(sampling)]
        resumed = run_here(tmp_path, "resume", root)
        if resumed.returncode != 0:  # it was killed while it sealed or analysed, or had come to its end before
            assert fold(read_journal(root / "journal.jsonl")).phase == "completed", resumed.stdout + resumed.stderr
            assert run_here(tmp_path, "analyze", root).returncode == 0
        results = assert_nothing_lost(root, kills)
        assert results.state.phase == "completed"
        assert_the_leak_is_found(results)
        assert not marked(root)


def test_resume_waits_for_free_port(tmp_path: Path) -> None:
    with Started.of(tmp_path, "run", campaign(tmp_path, duration="30s")) as started:
        started.until_event("load_started", 2)
        root, pid = started.root, started.pid("deployment_started", "leak")
        started.kill()
        manifest = json.loads((root / "manifest.json").read_text())
        (port,) = (one["options"]["port"] for one in manifest["deployments"] if one["name"] == "leak")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not listening(port), "its port is not free", PATIENCE_SECONDS)
        with socket.create_server(("127.0.0.1", port)):
            assert run_here(tmp_path, "resume", root).returncode == 2
            assert "campaign_resumed" not in kinds_of(root)
        assert run_here(tmp_path, "resume", root).returncode == 0
        assert kinds_of(root)[-1] == "campaign_completed"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system whose size can be set while it is used, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave_room(folder: Path, size: int) -> None:
    """Make a file system so small, or so large, that ``size`` bytes are free."""

    def resized() -> bool:
        disk = os.statvfs(folder)
        most = (disk.f_blocks - disk.f_bfree) * disk.f_frsize + max(size, 1)
        # Refused when more has been written meanwhile.
        return subprocess.run(["mount", "-o", f"remount,size={most}", str(folder)], check=False).returncode == 0

    wait_for(resized, "the file system keeps its size")


@pytest.mark.parametrize(
    ("room", "floor"), [(0, "0B"), (4096, "0B"), (40_000, "0B"), pytest.param(1 << 20, "2MiB", id="below the floor")]
)
def test_disk_full_mid_campaign(tmp_path: Path, small_disk: Path, room: int, floor: str) -> None:
    (tmp_path / "results").symlink_to(small_disk)
    head = f'watchdogs.disk_floor = "{floor}"\nwatchdogs.inode_floor = 0'
    with Started.of(tmp_path, "run", campaign(tmp_path, duration="40s", head=head)) as started:
        started.until_event("load_started", 2)
        started.until_rows("leak")
        leave_room(small_disk, room)
        assert started.ended() == 3, started.output()
        assert "Traceback" not in started.output()
        root = started.root
        assert fold(read_journal(root / "journal.jsonl")).phase == "halted"
        assert not marked(root)
        for live in root.rglob("*.live.jsonl"):
            assert all(json.loads(line) for line in live.read_bytes().splitlines()), live
        leave_room(small_disk, 300 << 20)
        assert run_here(tmp_path, "resume", root).returncode == 0
        results = started.results
        assert results.state.phase == "completed"
        assert not [found for found in problems(results) if found["kind"] == "trimmed"]
        assert results.requests("leak")["index"].is_unique


def test_silent_server(tmp_path: Path) -> None:
    file = campaign(tmp_path, head='watchdogs.silent_after = "2s"')
    file.write_text(file.read_text().replace('timeout = "60s"', 'timeout = "1s"'))
    with Started.of(tmp_path, "run", file) as started:
        started.until_event("load_started", 2)
        started.until_rows("clean")
        pid = started.pid("deployment_started", "clean")
        os.kill(pid, signal.SIGSTOP)
        started.until_event("watchdog", deployment="clean")
        os.kill(pid, signal.SIGCONT)
        started.until_event("watchdog_over", deployment="clean")
        started.runner.send_signal(signal.SIGINT)
        assert started.ended() == 130, started.output()
        assert "silent" in {one["kind"] for one in problems(started.results) if one["deployment"] == "clean"}


def test_memory_floor_ends_offender(tmp_path: Path) -> None:
    # A floor above all there is: the host is short from the first look on.
    head = 'watchdogs.memory_floor = "500000GiB"'
    with Started.of(tmp_path, "run", campaign(tmp_path, duration="20s", head=head)) as started:
        assert started.ended() == 0, started.output()
        first = next(event for event in started.events("watchdog") if event.deployment)
        assert first.deployment == "leak"
        assert started.events("deployment_died")[0].deployment == "leak"


def test_stopped_keeper(tmp_path: Path) -> None:
    with Started.of(tmp_path, "run", campaign(tmp_path, duration="3s")) as started:
        started.until_event("load_started", 2)
        (keeper,) = keepers_of(started.root)
        os.kill(keeper, signal.SIGSTOP)
        assert started.ended() == 0, started.output()
        wait_for(lambda: not keepers_of(started.root), "the keeper stayed", PATIENCE_SECONDS)


def test_stopped_load_process(tmp_path: Path) -> None:
    head = 'watchdogs.late_after = "1s"'
    with Started.of(tmp_path, "run", campaign(tmp_path, duration="3s", head=head)) as started:
        started.until_event("load_started", 2)
        os.kill(started.pid("load_started", "leak"), signal.SIGSTOP)
        assert started.ended() == 0, started.output()
        found = {problem["kind"] for problem in problems(started.results) if problem["deployment"] == "leak"}
        assert {"mute", "load_died"} <= found


def test_killed_load_process_replaced(tmp_path: Path) -> None:
    with Started.of(tmp_path, "run", campaign(tmp_path, duration="20s")) as started:
        started.until_event("load_started", 2)
        started.until_rows("leak")
        os.kill(started.pid("load_started", "leak"), signal.SIGKILL)
        assert started.ended() == 0, started.output()
        assert len(started.events("load_resumed")) == 1
        assert started.results.requests("leak")["index"].is_unique
        assert "lost" not in {one["kind"] for one in problems(started.results)}
