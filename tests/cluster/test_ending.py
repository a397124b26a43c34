"""Studies that are stopped, killed and continued, from the command line over real raylets."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from aging.store.results import open_results
from aging.store.segments import LIVE, SEALED
from aging.study.events import AttemptResumed
from tests.cluster.raylets import LocalCluster, processes_naming
from tests.cluster.studies import (
    StudyProcess,
    aging,
    attempts,
    collected,
    kill,
    ledger,
    log,
    root,
    runner,
    started,
    state,
    states,
    write_study,
)
from tests.conftest import wait_for
from tests.killing import assert_nothing_lost, problems

pytestmark = pytest.mark.timeout(1200)

CELLS = ("v01-r01", "v01-r02")


def assert_whole(folder: Path, kills: dict[str, list[float]] | None = None, *, resumed: int = 0) -> None:
    """Each cell has one attempt, in which no row is lost or doubled, and so many continuations."""
    for name, one in attempts(folder).items():
        assert (one.number, one.state, one.collected) == (1, "completed", True), log(folder)
        assert one.resumed == resumed + len((kills or {}).get(name, ())), log(folder)
        assert_nothing_lost(collected(folder, name), (kills or {}).get(name, ()), ["leak"])
    assert not list((folder / "scratch").glob("*/*/*/a*"))


def assert_interrupted(folder: Path) -> None:
    """Every cell is drained and sealed, all of it is here, and no process of it is left on its host."""
    for name, one in attempts(folder).items():
        assert one.state == "interrupted", log(folder)
        here = collected(folder, name)
        assert not list(here.rglob(f"*{LIVE}"))
        assert list(here.rglob(f"*{SEALED}"))
    wait_for(lambda: not processes_naming(str(folder / "scratch")), "processes are left", 30)


def assert_completes(folder: Path) -> None:
    code, told = aging(folder, "resume", root(folder))
    assert code == 0, told
    assert state(folder).outcome == "completed"


class TestRunnerKilled:
    @pytest.mark.slow
    def test_it_is_resumed_on_its_host(self, cluster: LocalCluster, tmp_path: Path) -> None:
        """By a Ray worker, whose end the next runner survives."""
        write_study(tmp_path, cells=1)
        with started(tmp_path, cluster) as study:
            study.until_running(1)
            one = attempts(tmp_path)["v01-r01"]
            first = runner(one)
            time.sleep(5.0)  # some rows
            killed = kill(first)
            study.until(lambda: any(isinstance(e, AttemptResumed) for e in ledger(tmp_path)), "not resumed")
            study.until(lambda: states(tmp_path)["v01-r01"] == "running", "not running again")
            second = runner(one)
            assert second.pid != first.pid
            study.until(lambda: not cluster.raylets[one.host].workers(), "the worker stays")
            assert second.is_running()
            assert study.ended() == 0, log(tmp_path)
        assert_whole(tmp_path, {"v01-r01": [killed]})
        assert "resumed" in {one["kind"] for one in problems(open_results(collected(tmp_path, "v01-r01")))}


class TestInterrupted:
    def test_ctrl_c_and_resumed(self, cluster: LocalCluster, tmp_path: Path) -> None:
        write_study(tmp_path)
        with started(tmp_path, cluster) as study:
            study.until_running()
            time.sleep(5.0)
            study.signal(signal.SIGINT)
            study.until(lambda: state(tmp_path).stopping, "it is not stopping")
            code, told = aging(tmp_path, "status", root(tmp_path))
            assert (code, "stopping" in told.splitlines()[0]) == (0, True), told
            assert study.ended() == 130, log(tmp_path)
            assert_interrupted(tmp_path)
            code, told = aging(tmp_path, "status", root(tmp_path), "--json")
            status = json.loads(told)
            assert (status["state"], status["missing"]) == ("interrupted", [*CELLS])
            assert {one["state"] for one in status["cells"]} == {"interrupted"}
            assert_completes(tmp_path)
        assert_whole(tmp_path, resumed=1)

    @pytest.mark.slow
    def test_sigterm(self, cluster: LocalCluster, tmp_path: Path) -> None:
        """However often: the cells are drained."""
        write_study(tmp_path, cells=1)
        with started(tmp_path, cluster) as study:
            study.until_running(1)
            for _ in range(3):
                study.signal(signal.SIGTERM)
                time.sleep(0.5)
            assert study.ended() == 130, log(tmp_path)
            assert_interrupted(tmp_path)
            assert_completes(tmp_path)
        assert_whole(tmp_path, resumed=1)

    @pytest.mark.slow
    def test_twice(self, cluster: LocalCluster, tmp_path: Path) -> None:
        """The second one ends the process at once. It names the cells that go on, and `aging stop` stops them."""
        write_study(tmp_path, cells=1, duration="60s")
        with started(tmp_path, cluster) as study:
            study.until_running(1)
            study.signal(signal.SIGINT)
            study.until(lambda: state(tmp_path).stopping, "it is not stopping")
            began = time.monotonic()
            study.signal(signal.SIGINT)
            assert study.ended() == 130, log(tmp_path)
            assert time.monotonic() - began < 20.0
            assert "aging resume" in log(tmp_path)
            code, told = aging(tmp_path, "stop", root(tmp_path))
            assert code == 0, told
            assert_interrupted(tmp_path)
            assert_completes(tmp_path)
        assert_whole(tmp_path, resumed=1)


class TestStopped:
    @pytest.mark.slow
    def test_from_other_shells(self, cluster: LocalCluster, tmp_path: Path) -> None:
        write_study(tmp_path)
        with started(tmp_path, cluster) as study:
            study.until_running()
            both = [StudyProcess.of(tmp_path, "stop", root(tmp_path)) for _ in range(2)]
            assert study.ended() == 130, log(tmp_path)
            assert [one.ended() for one in both] == [0, 0], log(tmp_path)
            assert_interrupted(tmp_path)
            assert_completes(tmp_path)
        assert_whole(tmp_path, resumed=1)

    @pytest.mark.slow
    def test_after_its_process_was_killed(self, cluster: LocalCluster, tmp_path: Path) -> None:
        write_study(tmp_path, cells=1)
        with started(tmp_path, cluster) as study:
            study.until_running(1)
            study.signal(signal.SIGKILL)
            study.process.wait()
            code, told = aging(tmp_path, "status", root(tmp_path))
            assert "aging resume" in told.splitlines()[0]
            code, told = aging(tmp_path, "stop", root(tmp_path))
            assert code == 0, told
            assert_interrupted(tmp_path)
            assert_completes(tmp_path)
            assert aging(tmp_path, "stop", root(tmp_path))[0] == 0
            assert aging(tmp_path, "resume", root(tmp_path))[0] == 2
        assert_whole(tmp_path, resumed=1)

    @pytest.mark.slow
    def test_a_host_that_is_not_there_is_named(self, cluster: LocalCluster, tmp_path: Path) -> None:
        write_study(tmp_path, duration="60s")
        with started(tmp_path, cluster) as study:
            study.until_running()
            (lost,) = [name for name, one in attempts(tmp_path).items() if one.host == "a"]
            cluster.kill("a")
            study.until(lambda: state(tmp_path).hosts["a"].lost is not None, "its loss is not seen")
            code, told = aging(tmp_path, "stop", root(tmp_path))
            assert (code, f"{lost} on a" in told) == (3, True), told
            assert study.ended() == 130, log(tmp_path)
            assert sorted(states(tmp_path).values()) == ["interrupted", "running"]
            assert runner(attempts(tmp_path)[lost]).is_running()
            cluster.start("a")
            code, told = aging(tmp_path, "stop", root(tmp_path))
            assert code == 0, told
            assert_interrupted(tmp_path)
            assert_completes(tmp_path)


class TestSharedHost:
    @pytest.mark.slow
    def test_two_cells_at_once(self, cluster: LocalCluster, tmp_path: Path) -> None:
        write_study(tmp_path, hosts="exclusive = false\napart = false\ncount = 1")
        with started(tmp_path, cluster) as study:
            study.until_running()
            assert len({one.host for one in attempts(tmp_path).values()}) == 1
            assert study.ended() == 0, log(tmp_path)
        assert_whole(tmp_path)


class TestFailed:
    @pytest.mark.slow
    def test_a_server_that_does_not_start(self, cluster: LocalCluster, tmp_path: Path) -> None:
        def broken(text: str) -> str:
            text = text.replace('kind = "reference"', 'kind = "command"\ncommand = ["false"]')
            return text.replace('leak_per_request = "16KiB"', "")

        write_study(tmp_path, cells=1, study="attempts = 2", campaign=broken)
        began = time.monotonic()
        with started(tmp_path, cluster) as study:
            assert study.ended() == 3, log(tmp_path)
        assert time.monotonic() - began < 200
        (cell,) = state(tmp_path).cells.values()
        assert [one.state for one in cell.attempts] == ["failed", "failed"], log(tmp_path)
        assert {one.host for one in cell.attempts} == {"a", "b"}
        assert "leak: ended before it was ready (exit 1)" in (cell.given_up or "")
        assert "(exit 1)" in aging(tmp_path, "status", root(tmp_path))[1]
