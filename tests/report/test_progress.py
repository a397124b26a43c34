"""The live view follows the files alone, and reads nothing twice."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from aging.report.live import lines, table
from aging.report.phases import headline
from aging.report.progress import Progress, Tail
from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.sealing import seal
from aging.store.segments import SegmentWriter
from tests.builders import event


def request(status: str = "ok", finished: float = 101.0, ttft: float = 0.05) -> dict[str, object]:
    return {"status": status, "streaming": True, "finished": finished, "sent": 100.0, "first_token": 100.0 + ttft}


def sample(mono: float, memory: float) -> dict[str, object]:
    return {"mono": mono, "process_anon_swap_bytes": memory}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.record(event("campaign_started"))
    journal.record(event("deployment_started", "a", replica=1, generation=1, pid=1, command=[]))
    journal.record(event("load_started", "a", replica=1, load_start=99.0, planned_seconds=60.0, pid=2))
    journal.close()
    return Layout(tmp_path)


def test_tail_across_seal(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(0.0, [{"k": 0}, {"k": 1}])
    tail = Tail(tmp_path, ("k",))
    assert [row["k"] for row in tail.new_rows()] == [0, 1]
    assert list(tail.new_rows()) == []
    writer.append(1.0, [{"k": 2}])
    writer.close()
    seal(tmp_path / "19700101T00.live.jsonl")
    assert [row["k"] for row in tail.new_rows()] == [2]
    assert list(tail.new_rows()) == []
    with (tmp_path / "19700101T01.live.jsonl").open("w") as live:
        live.write('{"k":3}\n{"k":')
        live.flush()
        assert [row["k"] for row in tail.new_rows()] == [3]
        live.write("4}\n")
        live.flush()
        assert [row["k"] for row in tail.new_rows()] == [4]
    tail.close()
    late = Tail(tmp_path, ("k",))
    assert [row["k"] for row in late.new_rows()] == [0, 1, 2, 3, 4]
    late.close()


def test_an_hour_that_is_being_sealed(tmp_path: Path) -> None:
    (tmp_path / "20261101T03.live.jsonl").write_text('{"k":0}\n')
    tail = Tail(tmp_path, ("k",))
    assert [row["k"] for row in tail.new_rows()] == [0]
    (tmp_path / "20261101T03.parquet.4711.tmp").touch()
    assert list(tail.new_rows()) == []
    (tmp_path / "20261101T03.002.live.jsonl").write_text('{"k":1}\n')  # a resumed runner, in the same hour
    assert [row["k"] for row in tail.new_rows()] == [1]
    tail.close()


def test_folder_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, listdir = list[Path](), os.listdir

    def counted(folder: Path) -> list[str]:
        listed.append(folder)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", counted)
    hours = [tmp_path / f"20261101T{hour:02d}.live.jsonl" for hour in range(3)]
    tail = Tail(tmp_path / "absent", ("k",))
    assert list(tail.new_rows()) == []
    tail.close()
    tail = Tail(tmp_path, ("k",))
    for number, hour in enumerate(hours):
        hour.write_text(f'{{"k":{number}}}\n')
        os.utime(tmp_path, (number, number))  # long ago, so that the time of a later change is another
        assert [row["k"] for row in tail.new_rows()] == [number]
        assert list(tail.new_rows()) == []
        assert len(listed) == number + 1
    os.utime(tmp_path)  # just now: what comes at once may bear the same time
    looks = 3
    for _ in range(looks):
        assert list(tail.new_rows()) == []
    assert len(listed) >= len(hours) + 1
    tail.close()


def test_snapshot(layout: Layout) -> None:
    requests = SegmentWriter(layout.source("a", "requests"))
    process = SegmentWriter(layout.source("a", "process"))
    progress = Progress(layout)
    requests.append(0.0, [request(), request("error"), request("dropped"), request(ttft=0.15)])
    process.append(0.0, [sample(98.0, 1e6), sample(100.0, 2e6), sample(101.0, 5e6)])
    (run,) = progress.snapshot().runs
    assert run.requests == {"ok": 2, "error": 1, "dropped": 1}
    assert run.ttft_seconds == pytest.approx(0.1)
    assert (run.memory, run.memory_at_start) == (5e6, 2e6)
    process.append(0.0, [sample(200.0, 6e6)])
    (run,) = progress.snapshot().runs
    assert run.ttft_seconds is None, "half a minute without a token is no latency"
    assert run.requests == {"ok": 2, "error": 1, "dropped": 1}
    progress.__exit__()
    for writer in (requests, process):
        writer.close()


def test_course_bounded(layout: Layout) -> None:
    process = SegmentWriter(layout.source("a", "process"))
    process.append(0.0, [sample(100.0 + k, float(k)) for k in range(5000)])
    process.close()
    with Progress(layout) as progress:
        (run,) = progress.snapshot().runs
    assert 20 <= len(run.course) <= 41
    assert list(run.course) == sorted(run.course)
    assert run.course[-1] > 4500


def test_live_view(layout: Layout) -> None:
    process = SegmentWriter(layout.source("a", "process"))
    process.append(0.0, [sample(100.0, 2**20), sample(101.0, 3 * 2**20)])
    process.close()
    with Progress(layout) as progress:
        snapshot = progress.snapshot()
    assert headline("small", snapshot).startswith("small · running · ")
    abandoned = replace(snapshot, runner_alive=False, state=replace(snapshot.state, phase="draining", pid=1))
    assert "(pid 1) is gone" in headline("small", abandoned)
    longer = replace(snapshot, state=replace(snapshot.state, planned_seconds=216 * 3600.0))
    assert " elapsed of 216h 00m planned, " in headline("small", longer)
    assert headline("small", longer).endswith(" of load remaining in this round")
    starting = [replace(run, state=replace(run.state, load_start=None)) for run in snapshot.runs]
    early = replace(snapshot, runs=starting, state=replace(snapshot.state, planned_seconds=60.0))
    assert headline("small", early).endswith(" elapsed in the start, 1m 00s of load to come")
    assert "memory 3.00 MiB (+2.00 MiB)" in "\n".join(lines("small", snapshot))
    console = Console(width=120, record=True, file=(layout.root / "out").open("w"))
    console.print(table("small", snapshot))
    text = console.export_text()
    console.file.close()
    for word in ("deployment", "a", "loading", "3.00 MiB", "+2.00 MiB"):
        assert word in text
