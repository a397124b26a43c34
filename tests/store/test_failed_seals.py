"""A failed seal is journaled with its reason, and its files are sealed with the next ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aging.findings.problems import problems_of
from aging.sampling.loop import Sampling
from aging.store.events import Event, SealingFailed
from aging.store.journal import Journal
from aging.store.reader import read_rows
from aging.store.results import open_results
from aging.store.segments import LIVE, Sealer, SegmentWriter
from tests.builders import event, flat, synthetic
from tests.conftest import wait_for

HOUR = 3600.0


@pytest.fixture(autouse=True)
def slow_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seal of ours may take long here without having failed."""
    monkeypatch.setattr("aging.store.segments._SEALING_SECONDS", 120.0)


class Recorder:
    """Stands for the journal."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: Event) -> None:
        assert isinstance(event, SealingFailed)
        self.events.append(event.details)


def unsealable(folder: Path) -> Path:
    """A live file that no Parquet can be written beside: a folder has the name that it would get."""
    live = folder / f"19700101T00{LIVE}"
    live.write_text('{"k": 1}\n')
    (folder / "19700101T00.parquet").mkdir()
    return live


def failed(sealer: Sealer, recorder: Recorder, count: int) -> None:
    def look() -> bool:
        sealer.start_next()
        return len(recorder.events) >= count

    wait_for(look, "no seal has failed", seconds=60)


def test_failed_seal_journaled_and_repeated(tmp_path: Path) -> None:
    recorder = Recorder()
    sealer = Sealer(recorder)
    live = unsealable(tmp_path)
    sealer.add(live)
    failed(sealer, recorder, 1)
    (event,) = recorder.events
    assert event["exit"] == 1
    assert event["files"] == 1
    assert str(live) in event["log"][-1]
    assert live.exists()

    sealer.start_next()
    assert len(recorder.events) == 1, "it is not repeated at every tick"

    (tmp_path / "19700101T00.parquet").rmdir()
    following = tmp_path / f"19700101T01{LIVE}"
    following.write_text('{"k": 2}\n')
    sealer.add(following)
    sealer.start_next()
    sealer.wait()
    assert len(recorder.events) == 1
    assert [row["k"] for row in read_rows(tmp_path).table.to_pylist()] == [1, 2]
    assert not list(tmp_path.glob(f"*{LIVE}"))


@pytest.mark.thorough
def test_failed_last_seal_journaled_at_close(tmp_path: Path) -> None:
    recorder = Recorder()
    writer = SegmentWriter(tmp_path, Sealer(recorder))
    writer.append(10.0, [{"k": 1}])
    (live,) = tmp_path.glob(f"*{LIVE}")
    (tmp_path / f"{live.name.removesuffix(LIVE)}.parquet").mkdir()
    writer.append(HOUR + 10.0, [{"k": 2}])
    writer.close()
    assert [event["exit"] for event in recorder.events] == [1]


@pytest.mark.thorough
def test_leftover_cannot_be_sealed(tmp_path: Path) -> None:
    recorder = Recorder()
    sampling = Sampling(lambda _owner, _source: tmp_path, recorder, lambda _reading: None)
    sampling.seal([unsealable(tmp_path)])
    sampling.close()
    assert [(event["exit"], event["files"]) for event in recorder.events] == [(1, 1)]


def test_failed_seal_is_a_problem(tmp_path: Path) -> None:
    synthetic(tmp_path / "c", {"server": flat})
    journal = Journal(tmp_path / "c" / "journal.jsonl")
    journal.record(event("sealing_failed", files=2, exit=1, log=["x.live.jsonl: No space left on device"]))
    journal.record(event("sealing_failed", "server", replica=1, files=1, exit=None, log=[]))
    journal.close()
    found = [one for one in problems_of(open_results(tmp_path / "c")) if one.kind == "sealing"]
    assert [one.deployment for one in found] == [None, "server"]
    assert "exit 1: x.live.jsonl: No space left on device" in found[0].message
    assert "1 file " in found[1].message


def test_other_files_are_sealed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    wrong, right = unsealable(tmp_path / "a"), tmp_path / "b" / f"19700101T00{LIVE}"
    right.write_text('{"k": 1}\n')
    argv = [sys.executable, "-m", "aging.store.sealing", str(wrong), str(right)]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
    assert str(wrong) in ran.stderr
    assert wrong.exists()
    assert not right.exists()


def test_sealing_process_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aging.store.segments.sys.executable", "/no/such/python")
    recorder = Recorder()
    writer = SegmentWriter(tmp_path, Sealer(recorder))
    writer.append(10.0, [{"k": 1}])
    writer.append(HOUR + 10.0, [{"k": 2}])
    writer.close()
    assert recorder.events[0]["exit"] is None
    assert "No such file" in recorder.events[0]["log"][-1]


@pytest.mark.thorough
def test_ctrl_c_does_not_end_seal(tmp_path: Path) -> None:
    recorder = Recorder()
    sealer = Sealer(recorder)
    live = tmp_path / f"19700101T00{LIVE}"
    live.write_text('{"k": 1}\n')
    sealer.add(live)
    sealer.start_next()
    process = sealer._process
    assert process is not None
    assert os.getsid(process.pid) == process.pid, "a terminal signals a session's processes"
    sealer.wait()
