"""Every cell of a plan is in the accounting, in its own state, with the reason why it has no result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from aging.report.study.accounting import Accounting, accounting
from aging.report.study.terminal import as_json, lines, table, turns
from aging.study.cells import Cell
from aging.study.state import Attempt, CellState, HostState, StudyState

_NOW = 1_000_000.0
_HOUR = 3600.0


def _cells(count: int) -> list[Cell]:
    return [Cell(f"v01-r{place:02d}", "v01", place, {}, "", _HOUR) for place in range(1, count + 1)]


def _counted(name: str, host: str) -> CellState:
    attempt = Attempt(1, host, _NOW - 2 * _HOUR, "completed", files=12, size=2**20, collected=True)
    return _with(name, attempt, counts=1)


def _with(name: str, *attempts: Attempt, **known: Any) -> CellState:
    fields = {key: value for key, value in known.items() if key in CellState.__dataclass_fields__}
    return CellState(name, attempts, **fields)


def _account(*states: CellState, hosts: dict[str, float | None] | None = None, **known: Any) -> Accounting:
    runner = known.pop("runner", None)
    state = StudyState(
        cells={one.name: one for one in states},
        hosts={name: HostState(name, lost=lost) for name, lost in (hosts or {}).items()},
        started=_NOW - 3 * _HOUR,
        **known,
    )
    return accounting("versions", _cells(8), state, _NOW, runner)


class TestAccounting:
    def test_every_cell(self) -> None:
        running = Attempt(1, "b", _NOW - 600, "running", files=3, size=4096)
        account = _account(_counted("v01-r01", "a"), _with("v01-r02", running), runner=7)
        assert [row.cell for row in account.rows] == [cell.name for cell in _cells(8)]
        assert [row.status for row in account.rows[:3]] == ["counted", "running", "waiting"]
        assert account.rows[1].remaining == pytest.approx(_HOUR - 600)
        assert (account.rows[1].files, account.rows[1].size, account.rows[1].host) == (3, 4096, "b")
        assert [row.cell for row in account.missing] == [f"v01-r{place:02d}" for place in range(2, 9)]
        assert (account.state, account.elapsed) == ("running", 3 * _HOUR)

    @pytest.mark.parametrize(
        ("attempt", "lost", "status"),
        [
            (Attempt(1, "c", 0.0), None, "starting"),
            (Attempt(1, "c", 0.0, "running"), None, "running"),
            (Attempt(1, "c", 0.0, "running"), _NOW - 60, "host_lost"),
            (Attempt(1, "c", 0.0, "completed"), None, "collecting"),
            (Attempt(1, "c", 0.0, "completed"), _NOW - 60, "host_lost"),
            (Attempt(1, "c", 0.0, "abandoned"), None, "abandoned"),
            (Attempt(1, "c", 0.0, "running", lost="its disk is new"), None, "lost"),
            (Attempt(1, "c", 0.0, "refused", why="no room"), None, "ended"),
            (Attempt(1, "c", 0.0, "failed", collected=True), None, "ended"),
        ],
    )
    def test_status(self, attempt: Attempt, lost: float | None, status: str) -> None:
        account = _account(_with("v01-r01", attempt), hosts={"c": lost}, runner=7)
        assert account.rows[0].status == status

    def test_a_cell_that_goes_on_without_a_head_is_not_missing(self) -> None:
        running, gone = Attempt(1, "b", _NOW - 600, "running"), Attempt(1, "c", 0.0, "abandoned")
        sentence = _account(_with("v01-r01", running), _with("v01-r02", gone), hosts={"b": None}).sentence
        assert "v01-r01 has no result yet (running)" in sentence
        assert "v01-r02 is missing (runner gone)" in sentence

    def test_a_waiting_cell_names_what_it_waits_for(self) -> None:
        hosts = {name: HostState(name, busy=f"study s, {name}-r1, attempt 1") for name in "edcba"}
        account = accounting("versions", _cells(1), StudyState(hosts=hosts, started=0.0), _NOW, 7)
        assert account.rows[0].why == (
            "a runs study s, a-r1, attempt 1; b runs study s, b-r1, attempt 1; c runs study s, c-r1, attempt 1; "
            "2 more hosts are busy"
        )

    def test_sentence_of_a_lost_host(self) -> None:
        states = [_counted(f"v01-r{place:02d}", "a") for place in range(1, 8)]
        gone = Attempt(1, "c", _NOW - _HOUR, "running", lost="its disk was lost with it")
        missing = _with("v01-r08", gone, given_up="no other host fits")
        account = _account(*states, missing, hosts={"c": _NOW - 41 * 60}, outcome="incomplete", ended=_NOW)
        for part in ("7 of 8", "v01-r08", "host c", "41 min", "disk was lost", "no other host fits"):
            assert part in account.sentence

    def test_a_reason_is_told_once(self) -> None:
        failed = Attempt(1, "c", _NOW - _HOUR, "failed", why="no server became ready", collected=True)
        cell = _with("v01-r01", failed, given_up="its only attempt failed; the last: no server became ready")
        assert _account(cell, outcome="incomplete", ended=_NOW).rows[0].why == cell.given_up

    def test_complete(self) -> None:
        account = _account(*(_counted(f"v01-r{place:02d}", "a") for place in range(1, 9)), outcome="completed")
        assert account.missing == []
        assert account.sentence == "All 8 cells have a result."

    def test_no_process(self) -> None:
        assert _account().state == "abandoned"
        assert "aging resume" in lines(_account())[0]

    def test_cells_that_are_jobs(self) -> None:
        """No process runs the whole, and none has an outcome to write."""
        done = [_counted(f"v01-r{place:02d}", "a") for place in range(1, 9)]
        state = StudyState(cells={one.name: one for one in done})
        account = accounting("versions", _cells(8), state, _NOW)
        assert account.state == "completed"
        assert "resume" not in lines(account)[0]
        state = StudyState(cells={one.name: one for one in done[:-1]})
        account = accounting("versions", _cells(8), state, _NOW)
        assert account.state == "abandoned"
        assert "--cell" in lines(account)[0]
        assert "resume" not in lines(account)[0]

    def test_stopping(self) -> None:
        running = _with("v01-r01", Attempt(1, "c", 0.0, "running"))
        account = _account(running, stopping=True, runner=7)
        assert (account.state, as_json(account)["stopping"]) == ("running", True)
        assert "stopping" in lines(account)[0]
        for ended in (_account(running, runner=7), _account(running, stopping=True)):
            assert not ended.stopping
            assert "stopping" not in lines(ended)[0]

    def test_begun_again(self) -> None:
        first = Attempt(1, "c", _NOW - 2 * _HOUR, "running", lost="disk lost", files=2, size=9)
        second = Attempt(2, "d", _NOW - 60, "running")
        account = _account(_with("v01-r01", first, second), runner=7)
        row = account.rows[0]
        assert (row.status, row.host, row.attempt, row.attempts) == ("running", "d", 2, 2)
        assert "disk lost" in row.why


class TestTerminal:
    def test_hostile_names(self) -> None:
        attempt = Attempt(1, "c\x1b[31m\nroot", 0.0, "refused", why="\x1b]0;title\x07no [bold]room[/bold]")
        account = _account(_with("v01-r01", attempt), runner=7)
        console = Console(width=300, force_terminal=True, color_system=None, highlight=False, markup=False)
        with console.capture() as captured:
            console.print(table(account))
        text = captured.get() + "\n".join(lines(account))
        assert "\x1b[31m" not in text
        assert "\x1b]" not in text
        assert "[bold]room[/bold]" in text
        assert len(lines(account)) == 2 + 8

    def test_narrow(self) -> None:
        console = Console(width=60, highlight=False, markup=False)
        with console.capture() as captured:
            console.print(table(_account(_counted("v01-r01", "a"))))
        assert all(len(line) <= 60 for line in captured.get().splitlines())
        assert "completed" in captured.get()

    def test_many_cells(self) -> None:
        missing = _with("v01-r08", Attempt(1, "c", 0.0, "failed"))
        account = _account(*(_counted(f"v01-r{place:02d}", "a") for place in range(1, 8)), missing)
        text = lines(account, most=2)
        assert "v01-r08" in text[2]
        assert "7 completed" in text[-1]

    def test_json(self) -> None:
        account = _account(_counted("v01-r01", "a"), hosts={"a": None}, runner=7)
        found = as_json(account)
        assert found["missing"] == [row.cell for row in account.missing]
        assert len(found["cells"]) == 8
        assert found["cells"][0]["bytes"] == 2**20
        assert found["runner_pid"] == 7

    def test_turns(self) -> None:
        account = _account(_counted("v01-r01", "a"), runner=7)
        later = replace(account, rows=[replace(row, since=9.0) for row in account.rows])
        assert turns(account) == turns(later)
        assert turns(account) != turns(_account(runner=7))
