"""Why a cell waits: what the hosts that the study knows do instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aging.report.study.accounting import accounting
from aging.report.study.terminal import lines
from aging.study.cells import Cell
from aging.study.schema import HostsTable
from aging.study.shortage import shortage
from aging.study.state import Attempt, CellState, HostState, StudyState
from tests.report.study.studies import facts

NOW = 1_790_000_000.0
CELLS = [Cell(f"v{one}-r{two}", f"v{one}", two, {}, "", 60.0) for one in (1, 2) for two in (1, 2)]
HERE = HostState("a", facts=facts("a"))
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


def test_hosts_that_are_asked() -> None:
    """One that is refused without being asked is not all that there is."""
    asked = [HostState(name) for name in "de"]
    assert why(state(NEAREST, *asked)) == "asking d, e"
    assert why(state(HERE, *asked)) == "asking d, e"
    assert why(state(replace(HERE, busy="study x/1"), *asked)) == "a runs study x/1; asking d, e"
    assert why(state(*(HostState(f"h{number}") for number in range(9)))) == "asking h0, h1, h2 and 6 more"


class TestShortage:
    CELLS = tuple(Cell(f"v1-r{number}", "v1", number, {}, "", 60.0) for number in (1, 2, 3, 4))
    TWO = (HERE, replace(HERE, name="d"), NEAREST)

    def test_it_is_said_once(self) -> None:
        one, two = Attempt(1, "a", 0.0, "running"), Attempt(1, "d", 0.0, "running")
        account = accounting("s", self.CELLS, state(*self.TWO, v1_r1=one, v1_r2=two), NOW, 7)
        said = "\n".join(lines(account))
        assert (
            said.count("4 replicates need 4 different hosts (`hosts.apart`), and 2 hosts of the cluster fit: a, d") == 1
        )
        assert said.count("another replicate") == 1
        assert account.rows[3].why.startswith("every host that fits has another replicate of v1")

    def test_before_any_is_placed(self) -> None:
        """Also where no process runs the study."""
        held = [replace(one, reserved_by="study x/1") for one in self.TWO]
        for runner in (None, 7):
            account = accounting("s", self.CELLS, state(*held), NOW, runner)
            assert "need 4 different hosts" in account.sentence

    @pytest.mark.parametrize(
        ("hosts", "table"),
        [
            ((*TWO, HostState("e")), {}),  # is asked
            ((NEAREST,), {}),  # none fits
            (TWO, {"apart": False}),
            ((*TWO, replace(HERE, name="e"), replace(HERE, name="f")), {}),
            ((*TWO, replace(HERE, name="e", lost=NOW), replace(HERE, name="f", silent="no answer")), {}),
        ],
    )
    def test_none(self, hosts: tuple[HostState, ...], table: dict[str, object]) -> None:
        assert shortage(self.CELLS, state(*hosts), HostsTable.model_validate(table)) is None

    def test_cells_that_are_over(self) -> None:
        """A host that may take none any more has kept its result; a cell that was given up needs none."""
        done = CellState("v1-r1", (Attempt(1, NEAREST.name, 0.0, "completed", collected=True),), counts=1)
        three = state(*self.TWO, replace(HERE, name="e"))
        assert shortage(self.CELLS, three, HostsTable()) is not None
        assert shortage(self.CELLS, replace(three, cells={"v1-r1": done}), HostsTable()) is None
        given_up = CellState("v1-r1", given_up="no host")
        assert shortage(self.CELLS, replace(three, cells={"v1-r1": given_up}), HostsTable()) is None
        failed = CellState("v1-r1", (Attempt(1, "a", 0.0, "failed", collected=True),))
        assert shortage(self.CELLS, replace(three, cells={"v1-r1": failed}), HostsTable()) is not None


def test_another_replicate() -> None:
    assert "hosts.apart" in why(state(HERE, v2_r1=Attempt(1, "a", 0.0, "running")))
    assert "hosts.apart" not in why(state(HERE, v2_r1=Attempt(1, "a", 0.0, "running")), apart=False)
    assert why(state(HERE, v2_r1=Attempt(1, "a", 0.0, "refused", collected=True))) == ""


def test_the_most_hosts_are_in_use() -> None:
    said = why(
        state(HERE, HostState("d", facts=facts("d")), v1_r1=Attempt(1, "a", 0.0, "running")), count=1, apart=False
    )
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
