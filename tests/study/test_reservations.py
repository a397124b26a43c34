"""What a cluster holds for attempts, listed and given back, against hosts that are values."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from aging.app.study_reservations import give_back_study, reservations
from aging.core.errors import ExitCode, InconclusiveError, InputError
from aging.report.study.reservations import reservation_lines, reservations_json
from aging.study import reservations as subject
from aging.study.fleet import AttemptKey, AttemptState, Fleet, Held, HostLostError, Look, Node
from aging.study.reservations import RunningError, free, give_back, holdings
from tests.conftest import Aging

STUDY = "leak/20261130T071320Z-abc123"
OTHER = "leak/20261130T071320Z-def456"


def key(cell: str, study: str = STUDY) -> AttemptKey:
    return AttemptKey(study, cell, 1)


def held(cell: str, host: str, study: str = STUDY, **more: Any) -> Held:
    given: dict[str, Any] = {"made": True, "cpus": 8, "gpus": 0, "since": 10.0, "scratch": "/s"} | more
    return Held(key(cell, study), host, **given)


@dataclass(slots=True)
class Cluster:
    """Hosts with attempts in a state; an attempt that is stopped has ended at the second look."""

    held: list[Held]
    states: dict[AttemptKey, AttemptState] = field(default_factory=dict)
    hosts: tuple[str, ...] = ("a", "b")
    silent: tuple[str, ...] = ()
    stops: list[AttemptKey] = field(default_factory=list)
    scratches: set[str] = field(default_factory=set)
    starting: bool = False

    async def reservations(self) -> Sequence[Held]:
        return list(self.held)

    async def nodes(self) -> Sequence[Node]:
        return [Node(host, f"{host}/0", alive=True) for host in self.hosts] + [Node("c", "c/0", alive=False)]

    async def look(self, node: Node, keys: Sequence[AttemptKey], scratch: str) -> Sequence[Look]:
        if node.host in self.silent:
            raise HostLostError(f"Host {node.host}: did not answer")
        self.scratches.add(scratch)
        return [self._look(one) for one in keys]

    async def stop(self, node: Node, key: AttemptKey, scratch: str) -> Look:
        assert (node.host, scratch) in {(one.host, one.scratch) for one in self.held if one.key == key}
        self.stops.append(key)
        if self.stops.count(key) == 2 or self.states[key] == "abandoned":
            self.states[key] = "interrupted"
        return self._look(key)

    async def release(self, key: AttemptKey) -> None:
        assert self.states.get(key) != "running"
        self.held = [one for one in self.held if one.key != key]

    async def close(self) -> None:
        pass

    def _look(self, key: AttemptKey) -> Look:
        state = self.states.get(key, "absent")
        if self.starting:
            return Look(key, "running", starting=True)
        runner = 71 if state == "running" else None
        return Look(key, state, 60.0 if runner else None, directory=f"/s/{key.cell}", runner=runner)


def freed(cluster: Cluster, given: str = STUDY, *, drain: bool = False) -> list[str]:
    told: list[str] = []
    asyncio.run(free(cast(Fleet, cluster), given, drain=drain, tell=told.append))
    return told


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_STOP_SECONDS", 0.001)


class TestFree:
    @pytest.mark.parametrize("given", [STUDY, "leak/20261130T071320Z"])
    @pytest.mark.parametrize("state", ["absent", "completed", "interrupted", "refused"])
    def test_what_has_no_runner_is_given_back(self, given: str, state: AttemptState) -> None:
        cluster = Cluster([held("c1", "a"), held("c2", "b", "other/1-aaaaaa")], {key("c1"): state})
        freed(cluster, given)
        assert [one.key.study for one in cluster.held] == ["other/1-aaaaaa"]
        assert cluster.scratches == {"/s"}

    def test_a_live_runner_is_refused_and_nothing_is_given_back(self) -> None:
        cluster = Cluster([held("c1", "a"), held("c2", "b")], {key("c1"): "running"})
        with pytest.raises(RunningError, match=r"c1.*\ba\b.*71.*--drain") as caught:
            freed(cluster)
        assert caught.value.exit_code == ExitCode.BAD_INPUT
        assert (len(cluster.held), cluster.stops) == (2, [])

    def test_a_live_runner_is_drained_first(self) -> None:
        cluster = Cluster([held("c1", "a"), held("c2", "b")], {key("c1"): "running", key("c2"): "completed"})
        told = freed(cluster, drain=True)
        assert (cluster.held, cluster.stops) == ([], [key("c1")] * 2)
        assert cluster.states == {key("c1"): "interrupted", key("c2"): "completed"}
        assert any("/s/c1" in line for line in told)  # where its files are

    def test_what_a_killed_runner_left_is_ended(self) -> None:
        cluster = Cluster([held("c1", "a")], {key("c1"): "abandoned"})
        freed(cluster)
        assert (cluster.held, cluster.stops) == ([], [key("c1")])

    @pytest.mark.parametrize("drain", [True, False])
    def test_a_study_that_is_run_is_refused(self, drain: bool) -> None:
        cluster = Cluster([held("c1", "a"), held("c2", "b", run_from="10.0.0.9", pid=4711)])
        with pytest.raises(RunningError, match=r"process 4711 on 10\.0\.0\.9.*aging stop STUDYDIR.*gone"):
            freed(cluster, drain=drain)
        assert len(cluster.held) == 2

    @pytest.mark.parametrize("drain", [True, False])
    def test_a_host_that_does_not_answer(self, drain: bool) -> None:
        cluster = Cluster([held("c1", "a"), held("c2", "b")], silent=("b",))
        with pytest.raises(InconclusiveError, match=r"c2.*did not answer"):
            freed(cluster, drain=drain)
        assert len(cluster.held) == 2

    @pytest.mark.parametrize("host", ["c", "never-seen", ""])
    def test_a_host_that_left_the_cluster(self, host: str) -> None:
        cluster = Cluster([held("c1", host)], {key("c1"): "absent"})
        told = freed(cluster)
        assert cluster.held == []
        assert any("not in the cluster" in line for line in told)

    def test_one_that_waits_for_its_host(self) -> None:
        cluster = Cluster([held("c1", "a", made=False)])
        freed(cluster)
        assert cluster.held == []

    def test_another_study(self) -> None:
        cluster = Cluster([held("c1", "a"), held("c1", "b", OTHER)])
        with pytest.raises(InputError, match="nothing") as caught:
            freed(cluster, "leak/20261130T0713")
        assert STUDY in str(caught.value)
        with pytest.raises(InputError, match=f"2 studies.*{STUDY}, {OTHER}"):
            freed(cluster, "leak/20261130T071320Z")
        assert len(cluster.held) == 2


class TestGiveBack:
    """What a head that ends with a defect does."""

    def test_what_runs_or_may_run_is_kept(self) -> None:
        mine = [held(f"c{number}", "a") for number in range(4)]
        silent = held("c4", "b")
        cluster = Cluster([*mine, silent, held("c0", "a", OTHER)], {key("c0"): "running", key("c1"): "completed"})
        cluster.silent = ("b",)
        asyncio.run(give_back(cast(Fleet, cluster), STUDY, keep=[key("c2")]))
        assert [(one.key.cell, one.key.study) for one in cluster.held] == [
            ("c0", STUDY),
            ("c2", STUDY),
            ("c4", STUDY),
            ("c0", OTHER),
        ]


class TestList:
    def test_by_study(self) -> None:
        gone = held("c2", "c", scratch=None, since=None, made=False)
        cluster = Cluster([held("c1", "a"), gone, held("c1", "b", OTHER, run_from="10.0.0.9")], {key("c1"): "running"})
        found = asyncio.run(holdings(cast(Fleet, cluster)))
        lines = list(reservation_lines(found, "auto", 130.0))
        assert sum(line.startswith(STUDY) for line in lines) == 1
        assert sum("aging stop --cluster auto --study" in line for line in lines) == 1  # not of the one that is run
        assert any("10.0.0.9" in line for line in lines)
        assert any("2 min ago" in line and "71" in line for line in lines)
        rows = reservations_json(found)
        assert [(one["study"], one["host"], one["runner_alive"], one["host_gone"], one["pending"]) for one in rows] == [
            (STUDY, "a", True, False, False),
            (STUDY, "c", None, True, True),
            (OTHER, "b", False, False, False),
        ]
        json.dumps(rows)

    def test_one_that_starts(self) -> None:
        cluster = Cluster([held("c1", "a", run_from="10.0.0.9", pid=4711)], {key("c1"): "running"})
        cluster.starting = True
        found = asyncio.run(holdings(cast(Fleet, cluster)))
        (study, line) = reservation_lines(found, "auto", 130.0)
        assert "process 4711 on 10.0.0.9" in study
        assert "starts" in line
        (row,) = reservations_json(found)
        assert (row["state"], row["runner_pid"], row["run_by_pid"]) == ("starting", None, 4711)

    @pytest.mark.parametrize("run_from", ["10.0.0.9", None])
    def test_one_that_is_not_on_its_host(self, run_from: str | None) -> None:
        """Not begun yet, or collected and removed: neither is a loss."""
        cluster = Cluster([held("c1", "a", run_from=run_from)], {key("c1"): "absent"})
        _, line, *_ = reservation_lines(asyncio.run(holdings(cast(Fleet, cluster))), "auto", 130.0)
        assert "collected" in line

    def test_nothing_is_held(self) -> None:
        assert len(list(reservation_lines((), "auto", 0.0))) == 1

    def test_a_host_without_an_answer(self) -> None:
        cluster = Cluster([held("c1", "a")], silent=("a",))
        (one,) = asyncio.run(holdings(cast(Fleet, cluster)))
        assert (one.look, one.gone, one.runs) == (None, False, False)
        assert "did not answer" in (one.why or "")


class TestCommands:
    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (("status", "DIR", "--cluster", "auto"), "--cluster"),
            (("status", "--cluster", "auto", "--watch"), "--watch"),
            (("stop", "DIR", "--cluster", "auto", "--study", "s/1"), "--study"),
            (("stop", "--study", "s/1"), "--cluster"),
            (("stop", "DIR", "--drain"), "--drain"),
            (("stop",), "--study"),
            (("stop", "--cluster", "auto"), "--study"),
            pytest.param(("status", "--cluster", "127.0.0.1:1"), "ray start", marks=pytest.mark.ray),
            pytest.param(("stop", "--cluster", "127.0.0.1:1", "--study", "s/1"), "ray start", marks=pytest.mark.ray),
        ],
    )
    def test_what_does_not_fit(self, cli: Aging, arguments: tuple[str, ...], named: str) -> None:
        done = cli(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert named in done.stderr

    def test_through_a_connection(self) -> None:
        cluster = Cluster([held("c1", "a")], {key("c1"): "completed"})

        async def connect(address: str) -> Any:
            assert address == "auto"
            return cluster

        assert len(reservations("auto", connect)) == 1
        told: list[str] = []
        give_back_study("auto", STUDY, told.append, connect)
        assert cluster.held == []
        assert told
