"""Processes of a campaign are proven, and no others are signalled: real processes in groups and sessions."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from aging.core.clock import Stamp, Timeline
from aging.core.processes.child import MAIN
from aging.core.processes.ownership import (
    GENERATION_MARKER,
    MARKER,
    Entry,
    Identity,
    campaign_processes,
    end,
    generation_processes,
    identity,
    is_running,
    mark,
    send,
)
from aging.deployments.lifecycle import PriorServer
from aging.runner.keeper import GOODBYE
from aging.runner.keeper_client import keepers
from aging.runner.stop import reap
from aging.store.journal import Journal, read_journal
from aging.store.lock import Lock, LockedError, owner_of
from tests.builders import event
from tests.conftest import wait_for

Spawn = Callable[..., subprocess.Popen[bytes]]

KEEPER = Path(sys.modules["aging.runner.keeper"].__file__ or "")
DEAF = (
    "trap '' TERM; (trap '' TERM; exec sleep 61) & setsid sh -c 'trap \"\" TERM; sleep 61; sleep 61' & "
    "sleep 61; sleep 61"
)


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a shell command in a new session; the session ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(command: str, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sh", "-c", command], env=os.environ | environment, start_new_session=True)
        started.append(process)
        return process

    yield run
    for process in started:
        family = [process.pid, *(child.pid for child in _children(process.pid))]
        for pid in family:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def known(pid: int) -> Identity:
    found = identity(pid)
    assert found is not None
    return found


def test_identity(spawn: Spawn) -> None:
    process = spawn("sleep 61")
    one = known(process.pid)
    assert is_running(one)
    assert not is_running(Identity(one.pid, one.start + 1)), "another process that got its pid"
    assert not send(Identity(one.pid, one.start + 1), signal.SIGKILL)
    assert process.poll() is None
    assert send(one, signal.SIGKILL)
    wait_for(lambda: not is_running(one), "a zombie counts as alive")
    assert not send(one, signal.SIGKILL)


def test_campaign_processes(spawn: Spawn, tmp_path: Path) -> None:
    marked = spawn("(sleep 61) & setsid sleep 61 & sleep 61; true", **{MARKER: mark(tmp_path)})
    wiped = spawn("sleep 61; true")  # recorded, without a mark
    other = spawn("sleep 61", **{MARKER: mark(tmp_path / "other")})
    within = spawn("sleep 61")
    wait_for(lambda: len(_children(marked.pid)) == 3 and bool(_children(wiped.pid)), "not all started")
    found = {one.pid for one in campaign_processes(mark(tmp_path), [known(wiped.pid), Identity(within.pid, 1)])}
    expected = {process.pid for root in (marked.pid, wiped.pid) for process in (psutil.Process(root), *_children(root))}
    assert found == expected
    assert other.pid not in found
    assert os.getpid() not in found


def test_own_ancestors_are_excluded() -> None:
    me = os.getpid()
    seen = {
        pid: Entry(Identity(pid, 1), parent, 1) for pid, parent in ((1, 0), (me - 2, 1), (me - 1, me - 2), (me, me - 1))
    }
    assert campaign_processes("c", look=lambda: seen, marks=lambda _: {MARKER: "c"}) == []


def test_nested_campaign_is_excluded() -> None:
    big = 1 << 23
    seen = {pid: Entry(Identity(pid, 1), parent, pid) for pid, parent in ((big, 1), (big + 1, big), (big + 2, big + 1))}
    marks = {big: {MARKER: "outer"}, big + 1: {MARKER: "inner"}, big + 2: {MARKER: "inner"}}
    found = campaign_processes("outer", look=lambda: seen, marks=lambda pid: marks[pid])
    assert [one.pid for one in found] == [big]


def test_end(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn(DEAF, **{MARKER: mark(tmp_path)})
    wait_for(lambda: len(_children(process.pid)) >= 3, "not all started")
    family = [process.pid, *(child.pid for child in _children(process.pid))]
    ended = end(lambda: campaign_processes(mark(tmp_path)), patience=0.3)
    assert {one.pid for one in ended} >= set(family)
    wait_for(lambda: not any(identity(pid) for pid in family), "some survived")


@pytest.mark.parametrize(
    ("disguise", "proven"),
    [
        ("none", True),
        ("another start", False),
        ("another generation", False),
        ("wiped, same command line", True),
        ("wiped, another command line", False),
        ("ended", False),
    ],
)
def test_prior_server_proof(spawn: Spawn, tmp_path: Path, disguise: str, proven: bool) -> None:
    log = tmp_path / "1.log"
    environment = {} if "wiped" in disguise else {GENERATION_MARKER: mark(log), MARKER: mark(tmp_path)}
    process = spawn("exec sleep 61", **environment)
    wait_for(lambda: psutil.Process(process.pid).name() == "sleep", "not started")
    one = known(process.pid)
    if disguise == "another start":
        one = Identity(one.pid, one.start + 1)
    if disguise == "another generation":
        log = tmp_path / "2.log"
    if disguise == "ended":
        process.kill()
        process.wait()
    command = ("sleep", "62" if "another command" in disguise else "61")
    assert PriorServer({MAIN: one}, one, command, log).proven() == proven


def test_generation_processes(spawn: Spawn, tmp_path: Path) -> None:
    log_mark = mark(tmp_path / "1.log")
    process = spawn("sleep 61; true", **{GENERATION_MARKER: log_mark})
    stranger = spawn("sleep 61")
    wait_for(lambda: bool(_children(process.pid)), "not started")
    found = {one.pid for one in generation_processes([], {log_mark})}
    assert found == {process.pid, *(child.pid for child in _children(process.pid))}
    assert stranger.pid not in found


def keeper(root: Path, grace: float, program: Path = KEEPER) -> tuple[subprocess.Popen[bytes], Identity]:
    """A keeper of this process."""
    me = known(os.getpid())
    argv = [sys.executable, "-I", "-S", str(program), mark(root), str(me.pid), str(me.start), str(grace), "1"]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE), me


def test_keeper_ends_orphans_after_grace(spawn: Spawn, tmp_path: Path) -> None:
    Journal(tmp_path / "journal.jsonl").close()
    server, stranger = spawn(DEAF, **{MARKER: mark(tmp_path)}), spawn("sleep 61")
    waiting, _ = keeper(tmp_path, grace=1.0)
    assert keepers(mark(tmp_path)) == [waiting.pid]
    began = time.monotonic()
    _, errors = waiting.communicate(timeout=60)  # its input ends, as when the runner is killed
    assert (waiting.returncode, errors) == (0, b"")
    assert time.monotonic() - began >= 1.0
    assert identity(server.pid) is None
    assert stranger.poll() is None
    (event,) = read_journal(tmp_path / "journal.jsonl")
    assert event.kind == "orphans_ended"
    assert server.pid in event.details["pids"]


def test_keeper_of_another_installation(tmp_path: Path) -> None:
    elsewhere = tmp_path / "other" / "keeper.py"
    elsewhere.parent.mkdir()
    elsewhere.write_text("import time\ntime.sleep(60)\n")
    with subprocess.Popen([sys.executable, "-I", "-S", str(elsewhere), mark(tmp_path), "1", "1", "1", "1"]) as process:
        wait_for(lambda: keepers(mark(tmp_path)) == [process.pid], "not seen")
        assert keepers(mark(tmp_path.parent)) == []
        process.kill()


def test_keeper_after_goodbye(spawn: Spawn, tmp_path: Path) -> None:
    server = spawn("sleep 61", **{MARKER: mark(tmp_path)})
    waiting, _ = keeper(tmp_path, grace=0.0)
    waiting.communicate(GOODBYE, timeout=60)
    assert server.poll() is None


def test_keeper_with_another_runner(spawn: Spawn, tmp_path: Path) -> None:
    server = spawn("sleep 61", **{MARKER: mark(tmp_path)})
    successor = spawn("sleep 61")
    other = known(successor.pid)
    owner = {"pid": other.pid, "start": other.start, "host": "here", "since": 0.0, "role": "runner"}
    (tmp_path / "lock").write_text(json.dumps(owner))
    waiting, _ = keeper(tmp_path, grace=0.5)
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert server.poll() is None


@pytest.mark.parametrize("over", [True, False])
def test_keeper_after_second_runner(spawn: Spawn, tmp_path: Path, over: bool) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.record(event("campaign_completed" if over else "campaign_started"))
    journal.close()
    successor = spawn("exec sleep 61")
    other = known(successor.pid)
    owner = {"pid": other.pid, "start": other.start, "host": "here", "since": 0.0, "role": "runner"}
    (tmp_path / "lock").write_text(json.dumps(owner))
    waiting, _ = keeper(tmp_path, grace=600.0 if over else 1.5)
    began = time.monotonic()
    assert waiting.stdin is not None
    waiting.stdin.close()
    successor.kill()
    successor.wait()
    waiting.wait(60)
    assert over or time.monotonic() - began >= 1.5
    assert waiting.stderr is not None
    assert waiting.stderr.read() == b""
    waiting.stderr.close()


def test_lock_has_one_owner(tmp_path: Path) -> None:
    assert owner_of(tmp_path) is None
    program = (
        "import sys, time; from pathlib import Path; from aging.store.lock import Lock\n"
        "lock = Lock.take(Path(sys.argv[1]), 'runner'); print('taken', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"taken\n"
    owner = owner_of(tmp_path)
    assert owner is not None
    assert owner.identity == known(holder.pid)
    with pytest.raises(LockedError, match=rf"process {holder.pid} .*aging stop "):
        Lock.take(tmp_path, "runner", patience=0.1)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert owner_of(tmp_path) is None
    Lock.take(tmp_path, "runner").close()


def test_reaper(spawn: Spawn, tmp_path: Path) -> None:
    roots = {name: tmp_path / name for name in ("abandoned", "run", "kept", "kept elsewhere", "removed", "unlocked")}
    for name, root in roots.items():
        root.mkdir()
        if name != "removed":
            Journal(root / "journal.jsonl").close()
        if name != "unlocked":
            Lock.take(root, "runner").close()
    lock = Lock.take(roots["run"], "runner")
    waiting, _ = keeper(roots["kept"], grace=60.0)
    elsewhere = tmp_path / "another installation" / "aging"
    shutil.copytree(KEEPER.parents[1], elsewhere, ignore=shutil.ignore_patterns("__pycache__"))
    other, _ = keeper(roots["kept elsewhere"], 60.0, elsewhere / "runner" / "keeper.py")
    try:
        wait_for(lambda: all(keepers(mark(roots[name])) for name in ("kept", "kept elsewhere")), "no keepers")
        servers = {name: spawn("sleep 61", **{MARKER: mark(root)}) for name, root in roots.items()}
        reap()  # or a campaign of another test, that begins just now
        assert servers["abandoned"].wait(60) == -signal.SIGTERM
        wait_for(lambda: bool(read_journal(roots["abandoned"] / "journal.jsonl")), "no event")
        (event,) = read_journal(roots["abandoned"] / "journal.jsonl")
        assert event.kind == "orphans_ended"
        assert servers["abandoned"].pid in event.details["pids"]
        assert all(servers[name].poll() is None for name in ("run", "kept", "kept elsewhere", "removed", "unlocked"))
    finally:
        lock.close()
        other.communicate(GOODBYE, timeout=60)
        waiting.communicate(GOODBYE, timeout=60)


def test_timeline_across_reboots() -> None:
    last = Stamp(wall=1000.0, mono=500.0)
    assert Timeline.after(last, 0.0, Stamp(1060.0, 560.0), same_boot=True) == Timeline(0.0)
    assert Timeline.after(last, 7.0, Stamp(1060.0, 560.0), same_boot=True) == Timeline(7.0)
    rebooted = Timeline.after(last, 0.0, Stamp(1060.0, 20.0), same_boot=False)
    assert rebooted.of(20.0) == 560.0
    assert rebooted.here(560.0) == 20.0
    set_back = Timeline.after(last, 0.0, Stamp(900.0, 20.0), same_boot=False)
    assert set_back.of(20.0) == 500.0, "time never goes back, even if the wall clock does"
    assert Timeline.after(last, 0.0, Stamp(1060.0, 20.0), same_boot=True).of(20.0) == 560.0
