"""Hosts of one machine are named where the study is looked at; they are never refused."""

from __future__ import annotations

import asyncio
import io
import time
from dataclasses import replace
from pathlib import Path

import pytest

from aging.report.study.accounting import accounting
from aging.report.study.terminal import as_json, lines
from aging.study import driver
from aging.study.fleet import HostFacts, Node
from aging.study.roll_call import roll_call
from aging.study.schema import HostsTable
from aging.study.shared_machines import machine_note, machine_notes, shared_machines
from aging.study.state import Attempt, CellState, HostState, StudyState
from tests.study.test_study_commands import ThreeHosts, started
from tests.study.virtual_fleet import facts


def booted(host: str, boot: str) -> HostFacts:
    return replace(facts(host, f"disk-{host}"), boot=boot)


def state_of(*hosts: HostState, cells: dict[str, CellState] | None = None) -> StudyState:
    return StudyState(hosts={one.name: one for one in hosts}, cells=cells or {})


def test_hosts_are_grouped_by_boot() -> None:
    known = [booted("c", "2"), booted("b", "1"), booted("a", "1"), booted("d", ""), booted("e", ""), booted("f", "3")]
    assert shared_machines(known) == [["a", "b"]]


def test_a_refused_host_counts_where_it_has_run_a_cell() -> None:
    hosts = HostState("a", booted("a", "1")), HostState("b", booted("b", "1"), refused="full")
    assert list(machine_notes(state_of(*hosts))) == []
    ran = {"v01-r01": CellState("v01-r01", [Attempt(1, "b", 0.0)])}
    assert len(list(machine_notes(state_of(*hosts, cells=ran)))) == 1


def test_many_hosts_are_counted() -> None:
    said = machine_note([f"n{number}" for number in range(100)])
    assert "n7 and 92 more run on one machine" in said
    assert "n8" not in said
    assert "hosts a and b run on one machine (same boot)" in machine_note(["a", "b"])


def test_the_status_has_it() -> None:
    state = state_of(HostState("a", booted("a", "1")), HostState("b", booted("b", "1")), HostState("c"))
    account = accounting("s", [], state, time.time())
    assert as_json(account)["notes"] == list(account.notes)
    assert sum("hosts a and b run on one machine" in line for line in lines(account)) == 1
    assert accounting("s", [], state_of(HostState("a", booted("a", "1"))), time.time()).notes == ()


class OneMachine(ThreeHosts):
    """Hosts a and b are two nodes of the cluster on one machine."""

    async def facts(self, node: Node, scratch: str) -> HostFacts:
        return replace(await super().facts(node, scratch), boot="one")


def test_hosts_of_one_machine_run_cells_and_are_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "NODES_SECONDS", 0.02)
    assert asyncio.run(roll_call(OneMachine(), HostsTable())).fitting == ["a", "b"]
    out = io.StringIO()
    run = started(tmp_path, OneMachine(), out, monkeypatch)
    assert run.exit_code == 0
    assert len(run.account.notes) == 1
    told = out.getvalue()[: out.getvalue().rindex("completed")]
    assert "hosts a and b run on one machine" in told.replace("\n", " ")
