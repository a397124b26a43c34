"""Real campaigns on a disk that fills, with a server that hangs, and on a host that runs out of memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aging import open_results
from aging.journal import fold, read_journal
from tests.conftest import wait_for
from tests.killing import aging, assert_nothing_lost, campaign, end_all, kinds, marked, problems, start


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


def test_below_the_disk_floor_a_campaign_ends_in_order_and_is_resumed_when_there_is_room(
    tmp_path: Path, small_disk: Path
) -> None:
    file = campaign(tmp_path, extra='watchdogs.disk_floor = "2MiB"')
    started = start(tmp_path, "run", file, "--results", small_disk / "results")
    wait_for(lambda: any(small_disk.glob("results/*/*/journal.jsonl")), "no journal")
    (journal,) = small_disk.glob("results/*/*/journal.jsonl")
    wait_for(lambda: kinds(journal.parent).count("load_started") == 2, "no load")
    time.sleep(1.5)
    leave_room(small_disk, 1 << 20)
    assert started.runner.wait(30) == 3, started.output()
    assert "are free for results, less than 2.0 MiB; then: aging resume" in started.output()
    assert fold(read_journal(journal)).phase == "halted"
    assert not marked(journal.parent)
    leave_room(small_disk, 300 << 20)
    resumed = aging(tmp_path, "resume", journal.parent)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert_nothing_lost(journal.parent, [])


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 4096, 40_000])
def test_a_full_disk_spoils_no_line_and_ends_nothing_without_a_word(
    tmp_path: Path, small_disk: Path, room: int
) -> None:
    file = campaign(tmp_path, extra='watchdogs.disk_floor = "0B"\nwatchdogs.inode_floor = 0')
    started = start(tmp_path, "run", file, "--results", small_disk / "results")
    wait_for(lambda: any(small_disk.glob("results/*/*/journal.jsonl")), "no journal")
    (journal,) = small_disk.glob("results/*/*/journal.jsonl")
    wait_for(lambda: kinds(journal.parent).count("load_started") == 2, "no load")
    time.sleep(1.5)
    leave_room(small_disk, room)
    assert started.runner.wait(40) == 3, started.output()
    assert "Traceback" not in started.output()
    state = fold(read_journal(journal))
    assert state.phase == "halted"
    assert not marked(journal.parent)
    for live in journal.parent.rglob("*.live.jsonl"):
        assert all(json.loads(line) for line in live.read_bytes().splitlines()), live
    leave_room(small_disk, 300 << 20)
    resumed = aging(tmp_path, "resume", journal.parent)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    results = open_results(journal.parent)
    assert results.state.phase == "completed"
    assert not [told for told in problems(results) if told["kind"] == "trimmed"]
    assert results.requests("leak")["index"].is_unique


@pytest.mark.slow
def test_a_server_that_hangs_is_told(tmp_path: Path) -> None:
    file = campaign(tmp_path, duration="9s", extra='watchdogs.silent_after = "2s"')
    file.write_text(file.read_text().replace('timeout = "5s"', 'timeout = "1s"'))
    started = start(tmp_path, "run", file)
    started.wait_for_event("load_started", 2)
    time.sleep(1.0)
    events = read_journal(started.root / "journal.jsonl")
    (pid,) = (e.details["pid"] for e in events if e.kind == "deployment_started" and e.deployment == "clean")
    os.kill(pid, signal.SIGSTOP)
    try:
        started.wait_for_event("watchdog")
        os.kill(pid, signal.SIGCONT)
        started.wait_for_event("watchdog_over")
        assert started.runner.wait(40) == 0, started.output()
    finally:
        end_all(started.root)
    (told,) = (one for one in problems(open_results(started.root)) if one["kind"] == "silent")
    assert told["deployment"] == "clean"
    assert "the server has answered nothing for" in told["message"]


@pytest.mark.slow
def test_before_the_memory_ends_the_one_that_grew_most_goes_and_the_others_stay(tmp_path: Path) -> None:
    # A floor above all there is: the host is short from the first look on.
    started = start(tmp_path, "run", campaign(tmp_path, duration="8s", extra='watchdogs.memory_floor = "500000GiB"'))
    try:
        assert started.runner.wait(60) == 0, started.output()
    finally:
        end_all(started.root)
    results = open_results(started.root)
    first = next(event for event in results.events if event.kind == "watchdog" and event.deployment)
    assert first.deployment == "leak"
    assert "of all deployments leak has grown most" in first.details["message"]
    died = next(event for event in results.events if event.kind == "deployment_died")
    assert died.deployment == "leak"
    assert died.details["why"].startswith("ended by the campaign: only ")


def test_a_keeper_that_is_killed_is_replaced(tmp_path: Path) -> None:
    from aging.keeping import keepers

    started = start(tmp_path, "run", campaign(tmp_path, duration="4s", grace="0s"))
    started.wait_for_event("load_started", 2)
    campaign_mark = str(started.root.resolve())
    (first,) = keepers(campaign_mark)
    os.kill(first, signal.SIGKILL)
    started.wait_for_event("keeper_died")
    wait_for(lambda: len(keepers(campaign_mark)) == 1, "no other keeper")
    started.kill()
    wait_for(lambda: not marked(started.root), "the second keeper did not clear up")
    wait_for(lambda: not keepers(campaign_mark), "the keeper stayed")


@pytest.mark.slow
def test_a_keeper_that_is_stopped_keeps_no_campaign_from_its_end(tmp_path: Path) -> None:
    from aging.keeping import keepers

    started = start(tmp_path, "run", campaign(tmp_path, duration="3s"))
    started.wait_for_event("load_started", 2)
    (keeper,) = keepers(str(started.root.resolve()))
    os.kill(keeper, signal.SIGSTOP)
    assert started.runner.wait(40) == 0, started.output()
    assert not keepers(str(started.root.resolve()))


@pytest.mark.slow
def test_a_load_process_that_is_stopped_keeps_no_campaign_from_its_end(tmp_path: Path) -> None:
    started = start(tmp_path, "run", campaign(tmp_path, duration="3s", extra='watchdogs.late_after = "1s"'))
    started.wait_for_event("load_started", 2)
    events = read_journal(started.root / "journal.jsonl")
    (pid,) = (e.details["pid"] for e in events if e.kind == "load_started" and e.deployment == "leak")
    os.kill(pid, signal.SIGSTOP)
    try:
        assert started.runner.wait(60) == 0, started.output()
    finally:
        end_all(started.root)
    told = {problem["kind"] for problem in problems(open_results(started.root)) if problem["deployment"] == "leak"}
    assert {"mute", "load_died"} <= told
