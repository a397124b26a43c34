"""Decisions of the watchdogs (pure functions), and their readings of this host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from aging.core.records import RequestRecord
from aging.load.heartbeat import Beat, Pulse
from aging.load.schedule.planned_request import PlannedRequest
from aging.runner.watchdogs import disk, load, memory
from aging.runner.watchdogs.alarms import Alarms
from aging.runner.watchdogs.disk import Room
from aging.runner.watchdogs.memory import Memory


@pytest.mark.parametrize(
    ("room", "why"),
    [
        (Room(100, 10), None),
        (Room(99, 10), "only 0.0 MiB are free for results"),
        (Room(100, 9), "only 9 more files"),
        (Room(100, None), None),  # a file system that does not count them
    ],
)
def test_disk_too_little(room: Room, why: str | None) -> None:
    reason = disk.too_little(room, least_bytes=100, least_inodes=10)
    assert reason is None if why is None else why in str(reason)


def test_room_of_file_system(tmp_path: Path) -> None:
    room = Room.of(tmp_path)
    assert 0 < room.bytes < os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize


def test_memory_too_little() -> None:
    assert memory.too_little(Memory(2**28, "the host"), 2**28) is None
    assert "only 1 MiB of memory are left to the host" in str(memory.too_little(Memory(2**20, "the host"), 2**28))
    assert 0 < Memory.now().available < 2**50


def test_offender_grew_most() -> None:
    assert memory.offender({"a": 2e6, "b": 3e6, "c": -5e6}) == "b"
    assert memory.offender({"a": 0.0, "b": -1.0, "c": 5e5}) is None
    assert memory.offender({}) is None


@pytest.mark.parametrize(
    ("beat", "heard", "kinds"),
    [
        (Beat(waiting=3, quiet=9.0, late=0.1), 0.5, set()),
        (Beat(waiting=3, quiet=11.0, late=0.1), 0.5, {"silent"}),
        (Beat(waiting=3, quiet=11.0, late=6.0), 0.5, {"silent", "behind"}),
        (Beat(waiting=3, quiet=11.0, late=6.0), 11.0, {"mute"}),  # the last heartbeat is old
        (None, 0.5, set()),
        (None, 11.0, {"mute"}),
    ],
)
def test_load_troubles(beat: Beat | None, heard: float, kinds: set[str]) -> None:
    assert set(load.troubles(beat, heard, silent_after=10.0, late_after=5.0)) == kinds


def test_alarm_begin_and_end() -> None:
    events: list[tuple[str, Any]] = []
    alarms = Alarms(lambda event: events.append((event.kind, event.details["trouble"])))
    for troubles in ({"silent": "x"}, {"silent": "y"}, {"silent": "z", "behind": "x"}, {"behind": "x"}, {}, {}):
        alarms.look(("a", 1), troubles)
    begins, overs = ("watchdog", "silent"), ("watchdog_over", "silent")
    assert events == [begins, ("watchdog", "behind"), overs, ("watchdog_over", "behind")]


def test_heartbeat_quiet_and_late() -> None:
    now = 100.0
    pulse = Pulse(load_start=100.0, clock=lambda: now)
    assert pulse.now(waiting=0) == Beat(0, 0.0, 0.0)
    now = 101.5
    pulse.arrived(PlannedRequest(0, 0.0, 1, 1, streaming=False))
    assert pulse.now(waiting=1) == Beat(waiting=1, quiet=1.5, late=1.5)
    now = 104.0
    pulse.recorded(record("error"))
    assert pulse.now(waiting=1) == Beat(waiting=1, quiet=4.0, late=1.5, failed=1)
    pulse.recorded(record("ok"))
    assert pulse.now(waiting=1) == Beat(waiting=1, quiet=0.0, late=1.5, answered=1)
    now = 110.0
    assert pulse.now(waiting=0) == Beat(waiting=0, quiet=0.0, late=1.5)
    now = 111.0
    assert pulse.now(waiting=1) == Beat(waiting=1, quiet=1.0, late=1.5)


def record(status: Any) -> RequestRecord:
    return RequestRecord(0, 1, 0.0, 0.0, None, None, 0.0, False, 1, 1, None, None, status, None, False)
