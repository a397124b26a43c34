"""Rows of single processes: which, how often, with which command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from aging.core.metrics import PRIMARY
from aging.core.processes import procfs
from aging.core.processes.command_lines import command_line, masked
from aging.core.records import OTHERS, Reading, component_of, is_process_entity, process_entity, stored_under
from aging.core.targets import Target
from aging.sampling import process_rows
from aging.sampling.process_rows import MOST, ProcessRows, largest

TREE_OF = Target("x", "tree", 2, (1,))


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """Command lines of processes that do not exist, by pid."""
    commands: dict[int, str] = {}
    monkeypatch.setattr(process_rows, "command_line", lambda pid: commands.get(pid, f"worker {pid}"))
    monkeypatch.setattr(procfs, "parent", lambda _pid: 1)
    return commands


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def read(rows: ProcessRows, memory: Mapping[int, float], components: Mapping[int, str] | None = None) -> list[Reading]:
    values: dict[int, dict[str, Any]] = {
        pid: {PRIMARY: size, "process_threads": 2, "process_cpu_seconds_total": 9.0, "process_uptime_seconds": 5.0}
        for pid, size in memory.items()
    }
    return rows.of(TREE_OF, values, components or {})


def test_rows_become_rarer() -> None:
    clock = Clock()
    rows = ProcessRows(clock)
    due = []
    for second in range(8 * 3600):
        clock.now = 50.0 + second
        if read(rows, {7: 1.0}):
            due.append(second)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert due[:5] == [0, 1, 2, 3, 4]
    assert gaps == sorted(gaps)
    assert gaps[-1] == 60
    assert len(due) < 1000


def test_a_restart_begins_anew() -> None:
    clock = Clock()
    rows = ProcessRows(clock)
    assert read(rows, {7: 1.0})
    clock.now += 7200
    assert read(rows, {7: 1.0})
    rows.forget([])
    clock.now += 1
    assert read(rows, {7: 1.0})


def test_a_row_has_its_process_and_where_it_comes_from(made_up: dict[int, str]) -> None:
    (row,) = read(ProcessRows(Clock()), {7: 4096.0}, {7: "prefill"})
    assert (row.owner, row.entity, row.generation, row.pids) == ("x", "tree/prefill/pid:7", 2, (7,))
    assert row.values == {PRIMARY: 4096.0, "process_threads": 2, "process_uptime_seconds": 5.0}
    assert row.lineage is not None
    assert (row.lineage.parent, row.lineage.command) == (1, "worker 7")


def test_a_command_line_is_written_when_it_changes_and_now_and_then(made_up: dict[int, str]) -> None:
    clock = Clock()
    rows = ProcessRows(clock)

    def command() -> str | None:
        clock.now += 60
        (row,) = read(rows, {7: 1.0})
        assert row.lineage is not None
        return row.lineage.command

    assert [command(), command()] == ["worker 7", None]
    made_up[7] = "gunicorn: worker [app]"
    assert [command(), command()] == ["gunicorn: worker [app]", None]
    clock.now += 600
    assert command() == "gunicorn: worker [app]"


def test_of_many_the_largest_and_those_that_grew_have_rows() -> None:
    clock = Clock()
    rows = ProcessRows(clock)
    sizes = {pid: 1e9 - pid * 1e6 for pid in range(1, 101)}
    read(rows, sizes)
    sizes[90] += 5e6
    clock.now += 100
    found = {reading.entity: reading for reading in read(rows, sizes)}
    assert len(found) == MOST + 1
    assert {process_entity(pid) for pid in (*range(1, 9), 90)} <= set(found)
    assert found[OTHERS].values["process_count"] == 100 - MOST
    assert sum(reading.values[PRIMARY] for reading in found.values()) == pytest.approx(sum(sizes.values()))
    assert "process_uptime_seconds" not in found[OTHERS].values


def test_few_have_all_their_rows() -> None:
    assert largest({3: 1.0, 1: 2.0}, {}) == (3, 1)


def test_one_that_ends_during_the_read_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(pid: int) -> int:
        raise ProcessLookupError(pid)

    monkeypatch.setattr(procfs, "parent", gone)
    assert read(ProcessRows(Clock()), {7: 1.0}) == []


def test_entities() -> None:
    assert [is_process_entity(one) for one in ("tree", "tree/pid", OTHERS, process_entity(7))] == [False] * 3 + [True]
    assert [component_of(process_entity(7, one)) for one in ("", "prefill")] == ["", "prefill"]
    assert [stored_under("process", one) for one in ("tree", "tree/main", process_entity(7, "main"), OTHERS)] == [
        *["process"] * 2,
        *["process-each"] * 2,
    ]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["server", "--api-key", "abc", "--port", "1"], ["server", "--api-key", "***", "--port", "1"]),
        (["server", "--token=abc", "HF_TOKEN=x"], ["server", "--token=***", "HF_TOKEN=***"]),
        (["server", "--max-tokens", "5", "--tokenizer", "t"], ["server", "--max-tokens", "5", "--tokenizer", "t"]),
        (["server", "--require-key", "--port", "1"], ["server", "--require-key", "--port", "1"]),
    ],
)
def test_secrets_are_masked(words: list[str], shown: list[str]) -> None:
    assert masked(words) == shown


def test_command_line_of_this_process() -> None:
    line = command_line(os.getpid())
    assert "pytest" in line or "python" in line
    assert len(line) <= 200
