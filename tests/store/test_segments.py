"""Rows survive kills: the live hour, the seal, and every place where either can be interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from aging.store import sealing
from aging.store import segments as segments_module
from aging.store.reader import read_rows, trimmed_in
from aging.store.sealing import seal, seal_tree
from aging.store.segments import SegmentWriter, read_live, segments

HOUR = 3600.0


def rows_of(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = read_rows(folder).table.to_pylist()
    return rows


def test_read_while_writing(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(0.0, [{"a": 1}, {"a": 2, "b": 0.5}])
    assert rows_of(tmp_path) == [{"a": 1, "b": None}, {"a": 2, "b": 0.5}]
    writer.close()


def test_sealed_while_the_folder_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(0.0, [{"a": 1}])
    writer.close()
    glob = Path.glob

    def sealed_after(folder: Path, pattern: str) -> list[Path]:
        found = list(glob(folder, pattern))
        for live in glob(tmp_path, f"*{segments_module.LIVE}"):
            seal(live)
        return found

    monkeypatch.setattr(Path, "glob", sealed_after)
    assert rows_of(tmp_path) == [{"a": 1}]


def test_finished_hour_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "_SEALING_SECONDS", 300.0)  # an interpreter starts slowly on a busy host
    writer = SegmentWriter(tmp_path)
    writer.append(10.0, [{"k": 1}])
    writer.append(HOUR + 10.0, [{"k": 2}])
    writer.close()
    assert [path.name for path in segments(tmp_path)] == ["19700101T00.parquet", "19700101T01.live.jsonl"]
    assert [row["k"] for row in rows_of(tmp_path)] == [1, 2]


def test_clock_stepped_back(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    for k, wall in enumerate((2 * HOUR, HOUR, 2 * HOUR + 1)):
        writer.append(wall, [{"k": k}])
    writer.close()
    assert [row["k"] for row in rows_of(tmp_path)] == [0, 1, 2]


def test_second_writer_in_same_hour(tmp_path: Path) -> None:
    for k in range(3):
        writer = SegmentWriter(tmp_path)
        writer.append(0.0, [{"k": k}])
        writer.close()
    assert len(list(tmp_path.glob("*.live.jsonl"))) == 3
    assert [row["k"] for row in rows_of(tmp_path)] == [0, 1, 2]


def test_truncated_last_line(tmp_path: Path) -> None:
    live = tmp_path / "19700101T00.live.jsonl"
    live.write_bytes(b'{"k":1}\n{"k":2}\n{"k":')
    rows = read_rows(tmp_path)
    assert [row["k"] for row in rows.table.to_pylist()] == [1, 2]
    assert len(rows.trimmed) == 1
    assert "line 3" in rows.trimmed[0]


def test_left_out_lines_survive_seal(tmp_path: Path) -> None:
    live = tmp_path / "19700101T00.live.jsonl"
    live.write_bytes(b'{"k":1}\n\0\0\0\n{"k":3}\n{"k":')
    (open_hour,) = read_rows(tmp_path).trimmed
    for part in ("19700101T00.live.jsonl", "2 lines", "line 2"):
        assert part in open_hour
    seal_tree(tmp_path)
    assert not live.exists()
    sealed = read_rows(tmp_path)
    assert [row["k"] for row in sealed.table.to_pylist()] == [1, 3]
    assert sealed.trimmed == [open_hour]
    assert trimmed_in(tmp_path) == [open_hour]


def test_file_without_complete_line(tmp_path: Path) -> None:
    (tmp_path / "19700101T00.live.jsonl").write_bytes(b'{"k":')
    seal_tree(tmp_path)
    rows = read_rows(tmp_path)
    assert (rows.table.num_rows, len(rows.trimmed)) == (0, 1)


def test_changed_page_detected(tmp_path: Path) -> None:
    live = tmp_path / "19700101T00.live.jsonl"
    live.write_text("".join(json.dumps({"k": k * 1.1}) + "\n" for k in range(1000)))
    sealed = seal(live)
    assert sealed is not None
    whole = sealed.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")  # which the format has no checksum for
    for at in range(0, footer, 7):
        sealed.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        rows = read_rows(tmp_path)
        assert rows.trimmed == trimmed_in(tmp_path)
        assert rows.trimmed or [row["k"] for row in rows.table.to_pylist()] == [k * 1.1 for k in range(1000)]


def test_hanging_seal_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "_SEALING_SECONDS", 0.2)
    writer = SegmentWriter(tmp_path)
    writer.append(10.0, [{"k": 1}])
    others = psutil.Process().children()
    writer.append(HOUR + 10.0, [{"k": 2}])
    (sealing_process,) = (child for child in psutil.Process().children() if child not in others)
    sealing_process.suspend()
    writer.close()
    assert not sealing_process.is_running()
    assert [row["k"] for row in rows_of(tmp_path)] == [1, 2]


def test_killed_writer_loses_last_line_only(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from aging.store.segments import SegmentWriter\n"
        "w = SegmentWriter(Path(sys.argv[1]))\n"
        "for k in range(10**9):\n"
        "    w.append(0.0, [{'k': k}])\n"
        "    print(k, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(500)]
    os.kill(child.pid, signal.SIGKILL)
    said += [int(line) for line in child.stdout.read().splitlines() if line]
    child.wait()
    child.stdout.close()
    kept = [row["k"] for row in rows_of(tmp_path)]
    assert kept == list(range(len(kept)))
    assert len(kept) >= said[-1] + 1


def test_late_columns_and_wider_types(tmp_path: Path) -> None:
    (tmp_path / "19700101T00.live.jsonl").write_text('{"a":1}\n{"a":null,"b":"x"}\n')
    seal_tree(tmp_path)
    (tmp_path / "19700101T01.live.jsonl").write_text('{"a":2.5,"c":true}\n')
    assert rows_of(tmp_path) == [
        {"a": 1.0, "b": None, "c": None},
        {"a": None, "b": "x", "c": None},
        {"a": 2.5, "b": None, "c": True},
    ]


def test_seal_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_BATCH_ROWS", 2)
    live = tmp_path / "19700101T00.live.jsonl"
    live.write_text('{"a":1}\n{"a":2}\nnot whole\n{"a":2.5,"b":"x"}\n{"a":null}\n{"c":true}\n{"a":')
    seal(live)
    assert rows_of(tmp_path) == [
        {"a": 1.0, "b": None, "c": None},
        {"a": 2.0, "b": None, "c": None},
        {"a": 2.5, "b": "x", "c": None},
        {"a": None, "b": None, "c": None},
        {"a": None, "b": None, "c": True},
    ]


@pytest.mark.parametrize(
    "step", ["temporary written", "another's temporary written", "renamed, live not yet deleted", "Parquet damaged"]
)
def test_seal_interrupted_at_each_step(tmp_path: Path, step: str) -> None:
    live = tmp_path / "19700101T00.live.jsonl"
    content = "".join(json.dumps({"k": k}) + "\n" for k in range(5))
    live.write_text(content)
    if step == "temporary written":
        (tmp_path / "19700101T00.parquet.tmp").write_bytes(b"PAR1 half")
    elif step == "another's temporary written":
        (tmp_path / "19700101T00.parquet.4711.tmp").write_bytes(b"PAR1 half")
    else:
        sealed = seal(live)
        assert sealed is not None
        live.write_text(content)
        if step == "Parquet damaged":
            sealed.write_bytes(sealed.read_bytes()[:-50])
    assert [row["k"] for row in rows_of(tmp_path)] == list(range(5))
    seal_tree(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["19700101T00.parquet"]
    assert pq.read_table(tmp_path / "19700101T00.parquet").num_rows == 5


def test_empty_live_file(tmp_path: Path) -> None:
    live = tmp_path / "19700101T00.live.jsonl"
    live.touch()
    assert seal(live) is None
    assert list(tmp_path.iterdir()) == []


def test_non_json_values_refused(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        writer.append(0.0, [{"a": float("nan")}])
    writer.close()
    assert all(read_live(path).rows == [] for path in tmp_path.iterdir())


def test_read_selected_columns(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(0.0, [{"a": 1, "b": 2}])
    writer.close()
    seal(tmp_path / "19700101T00.live.jsonl")
    (tmp_path / "19700101T01.live.jsonl").write_text('{"a":3,"c":4}\n')
    assert read_rows(tmp_path, ("a", "c")).table.to_pylist() == [{"a": 1, "c": None}, {"a": 3, "c": 4}]
    assert read_rows(tmp_path, ("d",)).table.column_names == []


def test_seal_killed_at_any_call(tmp_path: Path) -> None:
    content = "".join(json.dumps({"k": k}) + "\n" for k in range(5))
    for step in range(7):
        (tmp_path / str(step)).mkdir()
        (tmp_path / str(step) / "19700101T00.live.jsonl").write_text(content)
    # A child for each step, killed before the step-th of the calls that change anything on the disk.
    program = (
        "import os, signal, sys; from pathlib import Path; import pyarrow.parquet as pq\n"
        "from aging.store import sealing\n"
        "calls = 0\n"
        "def counted(function):\n"
        "    def call(*arguments, **keywords):\n"
        "        global calls\n"
        "        if calls == step:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        calls += 1\n"
        "        return function(*arguments, **keywords)\n"
        "    return call\n"
        "pq.write_table, os.fsync = counted(pq.write_table), counted(os.fsync)\n"
        "Path.replace, Path.unlink = counted(Path.replace), counted(Path.unlink)\n"
        "for step in range(7):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        sealing.seal(Path(sys.argv[1]) / str(step) / '19700101T00.live.jsonl')\n"
        "        os._exit(0)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True)
    assert [int(line) for line in ran.stdout.splitlines()] == 5 * [-signal.SIGKILL] + 2 * [0]
    for folder in sorted(tmp_path.iterdir()):
        assert [row["k"] for row in rows_of(folder)] == list(range(5))
        seal_tree(folder)
        assert [path.name for path in folder.iterdir()] == ["19700101T00.parquet"]
        assert [row["k"] for row in rows_of(folder)] == list(range(5))
