"""Why a cell waits: what the hosts that the study knows do instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aging.report.study.accounting import accounting
from aging.report.study.terminal import lines
from aging.study.cells import Cell
from aging.study.schema import HostsTable
from aging.study.state import Attempt, CellState, HostState, StudyState

NOW = 1_790_000_000.0
CELLS = [Cell(f"v{one}-r{two}", f"v{one}", two, {}, "", 60.0) for one in (1, 2) for two in (1, 2)]
HERE = HostState("a")
REFUSED = HostState(
    "b", refused="its type of GPU is L4, and H100 is asked for; it has 1 GPUs in the cluster, and 2 are"
)
NEAREST = HostState("c", refused="its type of GPU is A100, and H100 is asked for")


def state(*hosts: HostState, **cells: Attempt) -> StudyState:
    known = {name.replace("_", "-"): CellState(name.replace("_", "-"), (one,)) for name, one in cells.items()}
    return StudyState(known, {one.name: one for one in hosts}, started=0.0)


def why(of: StudyState, **table: object) -> str:
    """Of the last cell, the second replicate of the second variant."""
    account = accounting("s", CELLS, of, NOW, 7, hosts=HostsTable.model_validate(table))
    assert account.rows[-1].words == "waiting for a host"
    return account.rows[-1].why


@pytest.mark.parametrize(
    ("hosts", "named"),
    [
        ((), ("no host is known",)),
        ((REFUSED, NEAREST), ("[hosts]", "c: its type of GPU is A100", "1 more")),
        ((NEAREST,), ("c: its type of GPU is A100",)),
        ((replace(HERE, lost=NOW - 41 * 60),), ("host a was lost 41 min ago",)),
        ((NEAREST, replace(HERE, lost=NOW - 41 * 60)), ("A100", "host a was lost 41 min ago")),
        ((replace(HERE, busy="study x/1, r1, attempt 1"),), ("a runs study x/1",)),
        ((replace(HERE, reserved_by="study x/1"),), ("a is reserved for study x/1",)),
        ((replace(HERE, silent="no answer in time"),), ("a does not answer (no answer in time)",)),
        ((replace(HERE, busy="study x/1"), NEAREST), ("a runs study x/1",)),
    ],
)
def test_of_hosts(hosts: tuple[HostState, ...], named: tuple[str, ...]) -> None:
    said = why(state(*hosts))
    assert all(one in said for one in named), said


def test_a_free_host_is_no_reason() -> None:
    assert why(state(HERE)) == ""
    assert why(state(HERE, HostState("d", busy="study x/1"))) == ""


def test_own_cells() -> None:
    runs = Attempt(1, "a", 0.0, "running")
    assert why(state(HERE, v1_r1=runs)) == "a has v1-r1"
    assert why(state(HERE, v1_r1=runs), exclusive=False) == ""
    assert why(state(HERE, v1_r1=replace(runs, collected=True))) == ""


def test_another_replicate() -> None:
    assert "hosts.apart" in why(state(HERE, v2_r1=Attempt(1, "a", 0.0, "running")))
    assert "hosts.apart" not in why(state(HERE, v2_r1=Attempt(1, "a", 0.0, "running")), apart=False)
    assert why(state(HERE, v2_r1=Attempt(1, "a", 0.0, "refused", collected=True))) == ""


def test_the_most_hosts_are_in_use() -> None:
    said = why(state(HERE, HostState("d"), v1_r1=Attempt(1, "a", 0.0, "running")), count=1, apart=False)
    assert "hosts.count" in said


def test_many_hosts() -> None:
    said = why(state(*(HostState(f"h{number}", busy="study x/1") for number in range(9))))
    assert said.count("study x/1") == 3
    assert "6 more hosts are busy" in said


def test_a_lost_attempt_waits_for_the_next() -> None:
    lost = Attempt(1, "e", 0.0, "running", lost="its disk is new")
    account = accounting("s", CELLS, state(replace(HERE, busy="study x/1"), v2_r2=lost), NOW, 7)
    assert account.rows[-1].status == "lost"
    assert account.rows[-1].why == "its disk is new; a runs study x/1"


def test_a_study_that_ended_waits_for_nothing() -> None:
    assert why(replace(state(replace(HERE, busy="study x/1")), outcome="interrupted", ended=NOW)) == ""


def test_one_reason_is_said_once() -> None:
    head, sentence, *_ = lines(accounting("s", CELLS, state(replace(HERE, busy="study x/1")), NOW, 7))
    assert "s · running" in head
    assert sentence.count("a runs study x/1") == 1
    assert "4 waiting for a host" in sentence
