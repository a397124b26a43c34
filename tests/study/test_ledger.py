"""Lines of a ledger as they are written and read back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.core.errors import StorageError
from aging.study import events
from aging.study import ledger as ledger_module
from aging.study.fleet import Gpu, HostFacts
from aging.study.ledger import Ledger, LedgerError, LostLedgerError, read_ledger
from aging.study.state import fold

FACTS = HostFacts(
    "h1", "d", "cpu", 8, 2**36, "6.1", "2.36", "3.11", "1", None, None, (Gpu("GPU-1", "H100", 80),), {"a": "1"}, 2**40
)
EVENTS = [
    events.StudyStarted(pid=1, cluster="auto"),
    events.HostSeen(facts=FACTS),
    events.AttemptPlaced(cell="c", number=1, host="h1"),
    events.AttemptSeen(cell="c", number=1, state="completed"),
    events.AttemptCollected(cell="c", number=1, files=3, size=9, whole=True),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.jsonl"
    write(file, *EVENTS)
    return file


def write(path: Path, *written: events.StudyEvent) -> None:
    with contextlib.closing(Ledger(path, lambda: 5.0)) as ledger:
        for one in written:
            ledger.record(one)


def test_what_is_written_is_read(path: Path) -> None:
    read = read_ledger(path)
    assert [type(one) for one in read] == [type(one) for one in EVENTS]
    assert {one.wall for one in read} == {5.0}
    state = fold(read)
    assert state.hosts["h1"].facts == FACTS
    result = state.cells["c"].result
    assert result is not None
    assert (result.number, result.disk) == (1, "d")


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_is_left_out_and_the_next_one_is_whole(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read_ledger(path)) == len(EVENTS) - 1
    assert fold(read_ledger(path)).cells["c"].result is None
    write(path, EVENTS[-1])
    assert [type(one) for one in read_ledger(path)] == [type(one) for one in EVENTS]
    assert fold(read_ledger(path)).cells["c"].result is not None


@pytest.mark.parametrize(
    "row",
    [
        {"event": "host_painted", "wall": 1.0},
        {"wall": 1.0},
        {"event": "attempt_lost", "cell": "c"},
        {"event": "attempt_lost", "cell": "c", "number": "1", "why": ""},
        {"event": "attempt_seen", "cell": "c", "number": 1, "state": "asleep"},
        {"event": "host_seen", "facts": 3},
        {"event": "host_seen", "facts": {"host": "h1"}},
        [1],
    ],
)
def test_a_line_that_is_no_event_is_refused(path: Path, row: object) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(LedgerError, match=f"{path}.* line {len(EVENTS) + 1} "):
        read_ledger(path)


@pytest.mark.parametrize("line", [0, 2, len(EVENTS) - 1])
def test_a_damaged_line_is_refused(path: Path, line: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:line], lines[line][:-9] + b"\n", *lines[line + 1 :]]))
    with pytest.raises(LedgerError, match=f"line {line + 1} "):
        read_ledger(path)


def test_a_key_of_a_later_release_is_ignored(path: Path) -> None:
    with path.open("a") as file:
        file.write(json.dumps({"event": "host_lost", "host": "h1", "wall": 7.0, "colour": "red"}) + "\n")
    assert fold(read_ledger(path)).hosts["h1"].lost == 7.0


@pytest.mark.parametrize("content", [None, b"", b'{"event": "stu'])
def test_no_ledger(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "ledger.jsonl").write_bytes(content)
    with pytest.raises(LedgerError, match="aging analyze"):
        read_ledger(tmp_path / "ledger.jsonl")


def placed(writer: int, number: int) -> events.AttemptPlaced:
    return events.AttemptPlaced(cell=f"c{writer}", number=number, host="h" * 997)  # lines lie across pages


def test_writers_take_turns(tmp_path: Path) -> None:
    """Processes that open the ledger for a line each, beside one that keeps it open: every line is there, in turn."""
    path = tmp_path / "ledger.jsonl"
    program = (
        "import sys; from pathlib import Path; from contextlib import closing; from aging.study.ledger import Ledger\n"
        "from tests.study.test_ledger import placed\n"
        "for number in range(40):\n"
        "    with closing(Ledger(Path(sys.argv[1]))) as ledger:\n"
        "        ledger.record(placed(int(sys.argv[2]), number))\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", program, str(path), str(writer)]) for writer in (1, 2)]
    with contextlib.closing(Ledger(path)) as ledger:
        for number in range(40):
            ledger.record(placed(0, number))
        assert [one.wait() for one in others] == [0, 0]
        ledger.check()
    read = [one for one in read_ledger(path) if isinstance(one, events.AttemptPlaced)]
    assert [[one.number for one in read if one.cell == f"c{writer}"] for writer in range(3)] == [[*range(40)]] * 3


def test_a_second_writer_waits_for_the_line_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setattr(ledger_module, "_LOCKED_SECONDS", 0.0)
    with contextlib.closing(Ledger(path)) as first, contextlib.closing(Ledger(path)) as second:
        with first.alone():
            with pytest.raises(StorageError, match="another process"):
                second.record(EVENTS[0])
            with pytest.raises(StorageError, match="another process"):
                Ledger(path)
            first.record(EVENTS[0])
        second.record(EVENTS[1])
    assert [type(one) for one in read_ledger(path)] == [type(one) for one in EVENTS[:2]]


def _removed(path: Path) -> None:
    path.unlink()


def _folder_removed(path: Path) -> None:
    path.rename(path.parent.parent / "away")
    shutil.rmtree(path.parent)


def _replaced(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


def _cut(path: Path) -> None:
    os.truncate(path, 3)


def _restored(path: Path) -> None:
    path.write_bytes(b"{}\n" * 1000)


@pytest.mark.parametrize("harm", [_removed, _folder_removed, _replaced, _cut, _restored])
def test_a_ledger_that_is_lost_under_its_writer(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "study" / "ledger.jsonl"
    path.parent.mkdir()
    with contextlib.closing(Ledger(path)) as ledger:
        ledger.record(EVENTS[0])
        ledger.check()
        harm(path)
        with pytest.raises(LostLedgerError):
            ledger.check()
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(LostLedgerError):
            ledger.record(EVENTS[1])
        assert (path.read_bytes() if path.exists() else None) == before
