"""The journal is fsynced line by line, and the state is the fold of its lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import aging.store.journal
from aging.core.clock import Timeline, boot_id
from aging.core.processes.ownership import Identity
from aging.store.journal import Journal, JournalFollower, read_journal
from aging.store.segments import parse_line
from aging.store.state import RunState, fold, superseded
from tests.builders import event


def test_state_is_fold_of_events(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.record(event("campaign_started"))
    journal.record(event("deployment_started", "a", replica=1, generation=1, pid=10, command=[]))
    journal.record(event("deployment_ready", "a", replica=1, generation=1, seconds=0.1))
    assert fold(read_journal(tmp_path / "journal.jsonl")).runs["a", 1].phase == "ready"
    journal.record(event("load_started", "a", replica=1, load_start=5.0, planned_seconds=60.0, pid=11))
    journal.record(event("rejuvenation_started", "a", replica=1, generation=1, action="restart", reason="old"))
    journal.record(event("deployment_stopped", "a", replica=1, generation=1, exit="exit 0"))
    state = fold(read_journal(tmp_path / "journal.jsonl"))
    assert state.runs["a", 1].phase == "rejuvenating"
    journal.record(event("deployment_started", "a", replica=1, generation=2, pid=12, command=[]))
    journal.record(event("deployment_ready", "a", replica=1, generation=2, seconds=0.1))
    run = fold(read_journal(tmp_path / "journal.jsonl")).runs["a", 1]
    assert (run.phase, run.generation, run.pid, run.rejuvenations, run.load_start) == ("loading", 2, 12, 1, 5.0)
    journal.record(event("deployment_died", "a", replica=1, generation=2, why="exit 1", log=[]))
    journal.record(event("campaign_completed"))
    state = fold(read_journal(tmp_path / "journal.jsonl"))
    assert state.phase == "completed"
    assert state.runs["a", 1].phase == "died"
    assert state.runs["a", 1].died is not None
    journal.close()


def test_incomplete_line_skipped(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record(event("campaign_started", name="x"))
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"wall": 1.0, "mono"')
    assert [event.kind for event in read_journal(path)] == ["campaign_started"]
    assert fold(read_journal(path)).phase == "running"


def test_writer_after_incomplete_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"wall": 1.0, "mono": 1.0, "event": "campaign_started"}\n{"wall": 2.0, "mo')
    journal = Journal(path, Timeline(10.0))
    journal.record(event("campaign_resumed", pid=1, boot="b", shift=10.0, gone_since=2.0))
    journal.close()
    assert [event.kind for event in read_journal(path)] == ["campaign_started", "campaign_resumed"]
    assert read_journal(path)[-1].stamp.mono > 10.0
    assert fold(read_journal(path)).shift == 10.0


def test_events_on_full_disk(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path; from aging.store.segments import LineFile\n"
        "file = LineFile(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "for k in range(3):\n"
        "    try:\n"
        "        file.append(b'x' * 59 + b'\\n')\n"
        "    except OSError as error:\n"
        "        print(error)\n"
        "file.append(b'short\\n')\n"
    )
    path = tmp_path / "lines"
    ran = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert len(ran.stdout.splitlines()) == 2
    assert path.read_bytes() == b"x" * 59 + b"\n" + b"short\n"


def test_fold_runners_and_processes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    me: dict[str, Any] = {"pid": 10, "boot": boot_id()}
    journal.record(event("campaign_started", folder="/f", **me))
    run: dict[str, Any] = {"replica": 1, "generation": 1}
    journal.record(event("deployment_started", "a", pid=5, command=[], main=[5, 7], processes={"main": [5, 7]}, **run))
    journal.record(event("deployment_ready", "a", seconds=1.0, seen=["serve"], **run))
    state = fold(read_journal(tmp_path / "journal.jsonl"))
    assert state.recorded() == [Identity(5, 7)]
    assert state.runs["a", 1].command == ("serve",)
    journal.record(event("load_started", "a", replica=1, load_start=5.0, planned_seconds=60.0, pid=11))
    journal.record(event("campaign_interrupted"))
    assert fold(read_journal(tmp_path / "journal.jsonl")).ended is not None
    journal.record(event("campaign_resumed", shift=3.0, gone_since=1.0, **me))
    journal.record(event("load_resumed", "a", replica=1, first=3, pid=12))
    state = fold(read_journal(tmp_path / "journal.jsonl"))
    assert (state.phase, state.ended, state.runners, state.shift, state.folder) == ("running", None, 2, 3.0, "/f")
    assert (state.runs["a", 1].loads, state.runs["a", 1].load_end, state.runs["a", 1].planned_end) == (2, None, 65.0)
    journal.record(event("deployment_died", "a", why="x", log=[], **run))
    assert not fold(read_journal(tmp_path / "journal.jsonl")).recorded()
    journal.close()


def test_repeated_run_supersedes_events(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for name in ("a", "b"):
        journal.record(event("deployment_started", name, replica=1, generation=1, pid=10, command=[]))
        journal.record(event("load_started", name, replica=1, load_start=5.0, planned_seconds=60.0, pid=11))
        journal.record(event("deployment_died", name, replica=1, generation=1, why="exit 1", log=[]))
    journal.record(event("run_repeated", "a", replica=1, attempt=2, reasons=["it died"]))
    journal.close()
    events = read_journal(tmp_path / "journal.jsonl")
    state = fold(events)
    assert state.runs["a", 1] == RunState(attempt=2)
    assert state.runs["b", 1].phase == "died"
    assert state.attempts == {("a", 1): 2}
    left = [(event.kind, event.deployment) for place, event in enumerate(events) if place not in superseded(events)]
    assert left == [
        ("deployment_started", "b"),
        ("load_started", "b"),
        ("deployment_died", "b"),
        ("run_repeated", "a"),
    ]


def test_follower_reads_each_line_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "journal.jsonl", list[bytes]()

    def counted(line: bytes) -> dict[str, Any] | None:
        read.append(line)
        return parse_line(line)

    monkeypatch.setattr(aging.store.journal, "parse_line", counted)
    journal = Journal(path)
    journal.record(event("campaign_started"))
    with JournalFollower(path) as follower:
        assert follower.state().phase == "running"
        journal.record(event("deployment_started", "a", replica=1, generation=1, pid=10, command=[]))
        journal.record(event("load_started", "a", replica=1, load_start=5.0, planned_seconds=60.0, pid=11))
        first = follower.state()
        with path.open("ab") as file:
            file.write(b'{"wall": 1.0, "mono": 1.0, "event": "load_fin')
            file.flush()
            assert follower.state() == first
            file.write(b'ished", "deployment": "a", "replica": 1}\n')
        last = follower.state()
        assert len(read) == 4
    journal.close()
    assert last == fold(read_journal(path))
    assert (first.runs["a", 1].load_end, last.runs["a", 1].load_end) == (None, 1.0)
