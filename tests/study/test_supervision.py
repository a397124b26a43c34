"""What the head of a study decides, against hosts that fail in virtual time."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from aging.study import events
from aging.study.cells import Cell
from aging.study.commands import AttemptId, Inspect, Look, Note
from aging.study.schema import HostsTable
from aging.study.supervision import Inspected, Plan, View, decide, look_pause
from tests.study.virtual_fleet import VirtualAttempt, World

HOUR = 3600.0


def plan(cells: int = 3, attempts: int = 3, patience: float = 600.0, **hosts: object) -> Plan:
    table = HostsTable.model_validate({"apart": False} | hosts)
    made = [Cell(f"c{number}", f"v{number}", 1, {}, "", 4 * HOUR) for number in range(cells)]
    return Plan(made, table, attempts, patience)


def counted(world: World) -> list[str]:
    return sorted(name for name, cell in world.state.cells.items() if cell.result is not None)


def missing(world: World) -> dict[str, str | None]:
    cells = world.state.cells
    return {one.name: cells[one.name].given_up for one in world.plan.cells if cells[one.name].result is None}


def check(world: World) -> None:
    """What holds after every study."""
    assert world.finished
    assert world.both == []
    for cell in world.plan.cells:
        state = world.state.cells[cell.name]
        assert (state.result is None) == (state.given_up is not None), state
        assert len(state.attempts) - state.before <= world.plan.attempts
        assert [one.number for one in state.attempts] == [*range(1, len(state.attempts) + 1)]
        whole = [
            one
            for one in world.ledger
            if isinstance(one, events.AttemptCollected) and one.cell == cell.name and one.whole
        ]
        numbers = [one.number for one in whole]
        assert len(numbers) == len(set(numbers)), "an attempt is collected twice as a whole"
        if state.result is not None:
            assert state.result.state in ("completed", "decided")
            assert state.result.collected
    for host in world.hosts.values():
        if host.alive and host.reachable:
            assert not any(one.state == "running" for one in host.attempts.values()), host
            assert host.reserved is None, host


class TestDecide:
    def test_every_cell_on_a_host_of_its_own(self) -> None:
        world = World(plan(3), ["a", "b", "c"])
        world.run(1e6)
        check(world)
        assert counted(world) == ["c0", "c1", "c2"]
        assert {cell.attempts[0].host for cell in world.state.cells.values()} == {"a", "b", "c"}
        assert world.now < 5 * HOUR

    def test_more_cells_than_hosts_take_turns(self) -> None:
        world = World(plan(5), ["a", "b"])
        world.run(1e6)
        check(world)
        assert len(counted(world)) == 5

    def test_at_most_so_many_hosts_at_a_time(self) -> None:
        world = World(plan(4, count=2), ["a", "b", "c", "d"])
        world.at(2 * HOUR, lambda: used.append(sum(bool(host.attempts) for host in world.hosts.values())))
        used: list[int] = []
        world.run(1e6)
        check(world)
        assert used == [2]

    @pytest.mark.parametrize(("cpus", "together", "hours"), [(4.0, 2, 9), (2.0, 4, 5), (8.0, 1, 17)])
    def test_cells_share_a_host(self, cpus: float, together: int, hours: int) -> None:
        world = World(plan(4, exclusive=False, cpus=cpus, count=1), ["a", "b"])
        most: list[int] = []

        def count() -> None:
            used = [sum(one.state == "running" for one in host.attempts.values()) for host in world.hosts.values()]
            assert min(used) == 0
            most.append(max(used))

        for hour in range(20):
            world.at((hour + 0.9) * HOUR, count)
        world.run(1e6)
        check(world)
        assert len(counted(world)) == 4
        assert max(most) == together
        assert world.now - 1000 < hours * HOUR

    def test_a_host_that_returns_in_time_is_adopted(self) -> None:
        world = World(plan(1), ["a"])
        world.at(HOUR, lambda: world.kill_host("a", runner=False))
        world.at(HOUR + 300, lambda: world.return_host("a"))
        world.run(1e6)
        check(world)
        assert [one.resumed for one in world.state.cells["c0"].attempts] == [0]

    def test_a_host_that_was_off_is_resumed(self) -> None:
        world = World(plan(1), ["a"])
        world.at(HOUR, lambda: world.kill_host("a"))
        world.at(HOUR + 300, lambda: world.return_host("a"))
        world.run(1e6)
        check(world)
        (attempt,) = world.state.cells["c0"].attempts
        assert (attempt.resumed, attempt.state) == (1, "completed")

    def test_a_host_that_does_not_return_costs_its_cell_an_attempt(self) -> None:
        world = World(plan(1), ["a", "b"])
        world.at(HOUR, lambda: world.kill_host(first_host(world)))
        world.run(1e6)
        check(world)
        first, second = world.state.cells["c0"].attempts
        assert first.lost is not None
        assert "10" in first.lost
        assert second.host != first.host
        assert counted(world) == ["c0"]

    def test_a_lost_disk_costs_an_attempt_at_once(self) -> None:
        world = World(plan(1, patience=1e5), ["a"])
        world.at(HOUR, lambda: world.kill_host("a", disk=True))
        world.at(HOUR + 60, lambda: world.return_host("a"))
        world.run(1e6)
        check(world)
        first, second = world.state.cells["c0"].attempts
        assert "disk" in (first.lost or "")
        assert second.placed < HOUR + 200
        assert first.files >= 1  # what was sealed had been collected

    @pytest.mark.parametrize("seed", range(3))
    def test_a_runner_that_a_lost_disk_has_left_is_ended_and_its_host_used_again(self, seed: int) -> None:
        """Its folder is still there, or came back, and the disk's id is another: no other host may take the cell."""
        cells = [Cell(f"v-r{number}", "v", number, {}, "", 4 * HOUR) for number in (1, 2)]
        world = World(Plan(cells, HostsTable(), 3, 600.0), ["a", "b"], seed)
        world.at(HOUR, lambda: world.kill_host("a", runner=False))
        world.at(HOUR + 30, lambda: world.lose_disk("a"))
        world.at(HOUR + 60, lambda: world.return_host("a"))
        world.run(1e6)
        check(world)
        (cell,) = [one for one in world.state.cells.values() if len(one.attempts) > 1]
        first, second = cell.attempts
        assert "disk" in (first.lost or "")
        assert (first.state, first.collected) == ("interrupted", True)
        assert second.host == first.host == "a"
        assert second.placed < HOUR + 300
        assert cell.counts == 2

    def test_an_old_attempt_that_turns_up_is_stopped_and_never_counts(self) -> None:
        world = World(plan(1), ["a", "b"])
        world.at(HOUR, lambda: world.kill_host(first_host(world), runner=False))
        world.at(HOUR + 2000, lambda: world.return_host(first_host(world)))
        world.run(1e6)
        check(world)
        first, second = world.state.cells["c0"].attempts
        assert (first.state, first.collected) == ("interrupted", True)
        assert world.state.cells["c0"].counts == second.number == 2

    def test_without_another_host_a_late_return_is_welcome(self) -> None:
        """Nothing took its place: it goes on."""
        world = World(plan(2), ["a", "b"])
        world.at(HOUR, lambda: world.kill_host("a"))
        world.at(HOUR + 900, lambda: world.return_host("a"))
        world.run(1e6)
        check(world)
        assert all(len(cell.attempts) == 1 for cell in world.state.cells.values())

    @pytest.mark.parametrize("outcome", ["failed", "refused", "died"])
    def test_attempts_are_bounded(self, outcome: str) -> None:
        world = World(plan(1, attempts=2), ["a", "b"])
        for host in world.hosts.values():
            host.outcome = outcome  # type: ignore[assignment]
        world.run(1e6)
        check(world)
        assert [one.state for one in world.state.cells["c0"].attempts] == [outcome, outcome]
        assert {one.host for one in world.state.cells["c0"].attempts} == {"a", "b"}
        assert "all 2 attempts failed" in (missing(world)["c0"] or "")

    def test_a_resumed_study_tries_again_what_was_given_up(self) -> None:
        world = World(plan(1, attempts=2), ["a", "b"])
        for host in world.hosts.values():
            host.outcome = "failed"
        world.run(1e6)
        assert len(world.state.cells["c0"].attempts) == 2
        world.finished = False
        world.begin()
        world.run(1e6)
        check(world)
        assert "all 4 attempts failed" in (missing(world)["c0"] or "")
        for host in world.hosts.values():
            host.outcome = None
        world.finished = False
        world.begin()
        world.begin()  # the second head was killed at once
        world.run(1e6)
        check(world)
        assert (len(world.state.cells["c0"].attempts), counted(world)) == (5, ["c0"])

    def test_without_any_host_cells_are_given_up_after_patience(self) -> None:
        world = World(plan(2), [])
        world.run(1e6)
        check_without_hosts = missing(world)
        assert world.finished
        assert set(check_without_hosts) == {"c0", "c1"}
        assert 600 <= world.now - 1000 < 700

    def test_a_host_that_does_not_fit_is_named(self) -> None:
        world = World(plan(1, driver=">=560"), ["a"])
        world.run(1e6)
        assert world.finished
        assert "560" in (world.state.hosts["a"].refused or "")
        assert "a: its NVIDIA driver" in (missing(world)["c0"] or "")

    def test_a_host_of_another_study_is_asked_ever_more_rarely(self) -> None:
        """Each time costs the cell that is measured there a second of CPU."""
        world, other = World(plan(1), ["a"]), AttemptId("other", 1)
        world.hosts["a"].attempts[other] = VirtualAttempt(10 * 3600.0, since=world.now)
        world.run(until=world.now + 30 * 3600)
        assert world.finished
        busy = [one for one in world.ledger if isinstance(one, events.HostBusy)]
        assert [one.by for one in busy] == [str(other), None]
        before = [when for when in world.inspections if when < busy[1].wall]
        assert len(before) < 60
        assert busy[1].wall - busy[0].wall < 10 * 3600 + 950

    def test_a_killed_head_goes_on_from_its_ledger(self) -> None:
        world = World(plan(3), ["a", "b", "c"])
        for when in (HOUR / 2, HOUR, 4.1 * HOUR):
            world.at(when, world.begin)
        world.run(1e6)
        check(world)
        assert all(len(cell.attempts) == 1 and cell.result for cell in world.state.cells.values())

    def test_stopping_leaves_attempts_that_a_resumed_study_continues(self) -> None:
        world = World(plan(2), ["a", "b"])
        world.at(HOUR, lambda: setattr(world, "view", _stopping(world.view)))
        world.run(1e6)
        assert world.finished
        assert world.now < HOUR + 200
        states = [one.state for cell in world.state.cells.values() for one in cell.attempts]
        assert states == ["interrupted", "interrupted"]
        assert all(host.reserved is None for host in world.hosts.values())
        world.finished = False
        world.begin()
        world.run(1e6)
        check(world)
        assert all(len(cell.attempts) == 1 and cell.result for cell in world.state.cells.values())


class TestSilence:
    """A host that the cluster has, and that did not answer a call."""

    @pytest.fixture
    def world(self) -> World:
        """A study of one cell, which runs, and no call is under way."""
        world = World(plan(1), ["a"])
        world.run(HOUR)
        assert (world.state.cells["c0"].attempts[0].state, world.view.in_flight) == ("running", frozenset())
        return world

    def test_its_running_attempt_is_looked_at_before_patience_ends(self, world: World) -> None:
        assert not any(isinstance(one, Look) for one in decide(world.plan, world.state, world.view, world.now))
        silent = replace(world.view, silent={"a": world.now - 30.0})
        assert any(isinstance(one, Look) for one in decide(world.plan, world.state, silent, world.now))

    def test_it_is_asked_again_after_a_minute_where_it_says_no_facts(self, world: World) -> None:
        node = world.view.nodes["a"]
        refused = replace(world.view, inspected={"a": Inspected(node.node, world.now, None, "not installed")})
        for seconds, asked in ((1.0, False), (50.0, False), (70.0, True)):
            while notes := [
                one for one in decide(world.plan, world.state, refused, world.now + seconds) if isinstance(one, Note)
            ]:
                for note in notes:
                    world.record(note.event)
            decided = decide(world.plan, world.state, refused, world.now + seconds)
            assert any(isinstance(one, Inspect) for one in decided) == asked, decided


class TestLookPause:
    @pytest.mark.parametrize(("ends", "pause"), [(None, 900), (0, 10), (40, 10), (400, 100), (1e6, 1800)])
    def test_a_quarter_of_what_is_left(self, ends: float | None, pause: float) -> None:
        assert look_pause(ends) == pause


class TestFaults:
    @pytest.mark.parametrize("seed", range(12))
    def test_random_faults(self, seed: int) -> None:
        """Hosts die, return, lose disks; the head is killed; calls are carried out but not answered."""
        random = Random(seed)
        hosts = [f"h{number}" for number in range(random.randint(1, 5))]
        world = World(plan(random.randint(1, 6), attempts=random.randint(1, 4)), hosts, seed, random.choice([0, 0.3]))
        for _ in range(random.randint(0, 12)):
            when, host = random.uniform(1000, 20 * HOUR), random.choice(hosts)
            back = when + random.choice([30.0, 400.0, 2000.0, 1e5])
            disk, runner = random.random() < 0.3, random.random() < 0.7
            world.at(when, lambda host=host, disk=disk, runner=runner: world.kill_host(host, disk=disk, runner=runner))  # type: ignore[misc]
            world.at(back, lambda host=host: world.return_host(host))  # type: ignore[misc]
        for _ in range(random.randint(0, 3)):
            world.at(random.uniform(1000, 20 * HOUR), lambda: None if world.finished else world.begin())
        world.run(3e6)
        check(world)


def first_host(world: World) -> str:
    return world.state.cells["c0"].attempts[0].host


def _stopping(view: View) -> View:
    return replace(view, stopping=True)


def test_nothing_to_do_is_the_end() -> None:
    empty = Plan([], HostsTable(), 1, 600.0)
    assert [type(one).__name__ for one in decide(empty, World(empty, []).state, View(begun=0.0), 0.0)] == ["Finish"]
