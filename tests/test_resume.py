"""A runner may be killed at any instant: what it started lives on, and another goes on where it was."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aging import open_results
from aging.belonging import identity
from aging.journal import fold, read_journal
from aging.keeping import keepers
from tests.conftest import wait_for
from tests.killing import (
    Started,
    aging,
    assert_nothing_lost,
    assert_the_leak_is_found,
    campaign,
    end_all,
    kinds,
    marked,
    problems,
    servers,
    start,
)


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Started]:
    """A campaign whose servers have ten seconds of load before them."""
    started = start(tmp_path, "run", campaign(tmp_path))
    yield started
    if started.runner.poll() is None:
        started.kill()
    end_all(started.root)


def test_a_killed_campaign_goes_on_with_the_same_servers(begun: Started) -> None:
    begun.wait_for_event("load_started", 2)
    time.sleep(2.5)
    killed = begun.kill()
    living = servers(begun.root)
    assert len(living) == 2
    time.sleep(1.0)
    resumed = aging(begun.folder, "resume", begun.root)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    results = assert_nothing_lost(begun.root, [killed])
    assert_the_leak_is_found(results)
    readopted = [event for event in results.events if event.kind == "deployment_readopted"]
    assert {event.details["pid"] for event in readopted} == living
    assert set(results.samples("leak", "process")["generation"]) == {1}
    # The load's end is not put off.
    (back,) = (event for event in results.events if event.kind == "campaign_resumed")
    starts = {event.details["load_start"] for event in results.events if event.kind == "load_started"}
    assert len(starts) == 1
    assert results.requests("leak")["scheduled"].max() < starts.pop() + 10.0
    told = {problem["kind"] for problem in problems(results)}
    assert {"resumed", "unsent"} <= told
    assert back.details["gone_since"] == pytest.approx(killed, abs=1.0)
    assert not list(begun.root.rglob("*.live.jsonl"))
    assert not marked(begun.root)
    refused = aging(begun.folder, "resume", begun.root)
    assert refused.returncode == 2
    assert "the campaign has ended (completed); nothing is left to resume" in refused.stderr


@pytest.mark.slow
def test_before_there_is_load_and_without_servers_it_goes_on_all_the_same(begun: Started) -> None:
    begun.wait_for_event("deployment_started", 1)
    killed = begun.kill()
    for process in marked(begun.root):  # one ready or not, one perhaps not even told in the journal
        process.kill()
    resumed = aging(begun.folder, "resume", begun.root)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    results = open_results(begun.root)
    assert results.state.phase == "completed"
    assert len(results.requests("clean")) > 200
    assert results.state.runs["clean", 1].generation >= 1
    assert results.state.runs["clean", 1].load_start > killed  # type: ignore[operator]


@pytest.mark.slow
def test_servers_that_died_meanwhile_begin_a_new_generation_and_what_died_before_stays_dead(begun: Started) -> None:
    begun.wait_for_event("load_started", 2)
    time.sleep(1.5)
    (clean,) = (
        event.details["pid"]
        for event in read_journal(begun.root / "journal.jsonl")
        if event.kind == "deployment_started" and event.deployment == "clean"
    )
    os.kill(clean, signal.SIGKILL)
    begun.wait_for_event("deployment_died")
    begun.kill()
    for process in marked(begun.root):
        process.kill()
    resumed = aging(begun.folder, "resume", begun.root)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    results = open_results(begun.root)
    generations = {name: run.generation for (name, _), run in results.state.runs.items()}
    assert generations == {"clean": 1, "leak": 2}
    assert set(results.requests("leak")["generation"]) == {1, 2}
    assert results.requests("leak")["index"].is_unique
    died = [problem for problem in problems(results) if problem["kind"] == "died"]
    assert [problem["deployment"] for problem in died] == ["clean", "leak"]
    assert "ended while no runner watched it" in died[1]["message"]


@pytest.mark.slow
def test_a_resume_is_refused_while_somebody_has_the_port_of_a_server_that_must_be_started(begun: Started) -> None:
    begun.wait_for_event("load_started", 2)
    begun.kill()
    started = [e for e in read_journal(begun.root / "journal.jsonl") if e.kind == "deployment_started"]
    pids = {event.deployment: event.details["pid"] for event in started}
    manifest = json.loads((begun.root / "manifest.json").read_text())
    (port,) = (one["options"]["port"] for one in manifest["deployments"] if one["name"] == "leak")
    os.kill(pids["leak"], signal.SIGKILL)
    wait_for(lambda: _is_free(port), "its port is not free")
    before = kinds(begun.root)
    with socket.create_server(("127.0.0.1", port)):
        refused = aging(begun.folder, "resume", begun.root)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert f"deployment[leak].port: port {port} is in use on 127.0.0.1" in refused.stderr
    assert "deployment[clean]" not in refused.stderr, "its own server has that port"
    assert kinds(begun.root) == before
    assert psutil.pid_exists(pids["clean"])
    resumed = aging(begun.folder, "resume", begun.root)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_two_runners_on_one_directory_are_refused_and_the_owner_is_told(begun: Started) -> None:
    begun.wait_for_event("deployment_ready", 2)
    before = servers(begun.root)
    second = aging(begun.folder, "resume", begun.root)
    assert second.returncode == 2, second.stdout
    assert f"is being run by process {begun.runner.pid} on {os.uname().nodename}, since 2" in second.stderr
    after = servers(begun.root)
    assert before == after
    stopped = aging(begun.folder, "stop", begun.root)
    assert stopped.returncode == 0, stopped.stderr
    assert begun.runner.wait(10) == 130, begun.output()
    assert fold(read_journal(begun.root / "journal.jsonl")).phase == "interrupted"
    assert not marked(begun.root)
    again = aging(begun.folder, "stop", begun.root)
    assert (again.returncode, again.stdout) == (0, "the campaign has ended already (interrupted)\n")


@pytest.mark.slow
def test_what_was_interrupted_can_be_resumed(begun: Started) -> None:
    begun.wait_for_event("load_started", 2)
    time.sleep(1.5)
    begun.runner.send_signal(signal.SIGINT)
    assert begun.runner.wait(30) == 130, begun.output()
    resumed = aging(begun.folder, "resume", begun.root)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    results = assert_nothing_lost(begun.root, [])
    assert results.state.phase == "completed"
    assert "interrupted" not in {problem["kind"] for problem in problems(results)}
    assert set(results.samples("leak", "process")["generation"]) == {1, 2}


def test_a_runner_that_is_gone_is_stopped_by_ending_what_it_left(begun: Started) -> None:
    begun.wait_for_event("load_started", 2)
    begun.kill()
    (abandoned,) = json.loads(aging(begun.folder, "status", "--json").stdout)
    assert (abandoned["state"], abandoned["resumable"], abandoned["runner_pid"]) == ("abandoned", True, None)
    stopped = aging(begun.folder, "stop", begun.root)
    assert stopped.returncode == 0, stopped.stderr
    assert "marked the campaign as interrupted" in stopped.stdout
    assert not marked(begun.root)
    (one,) = json.loads(aging(begun.folder, "status", "--json").stdout)
    assert one["state"] == "interrupted"
    wait_for(lambda: not keepers(str(begun.root.resolve())), "its keeper is still there", seconds=15)


@pytest.mark.slow
def test_the_dead_client_is_replaced_and_nothing_is_sent_twice(begun: Started) -> None:
    begun.wait_for_event("load_started", 2)
    time.sleep(1.5)
    (client,) = (
        event.details["pid"]
        for event in read_journal(begun.root / "journal.jsonl")
        if event.kind == "load_started" and event.deployment == "leak"
    )
    os.kill(client, signal.SIGKILL)
    assert begun.runner.wait(60) == 0, begun.output()
    results = open_results(begun.root)
    assert kinds(begun.root).count("load_resumed") == 1
    requests = results.requests("leak")
    assert requests["index"].is_unique
    told = {problem["kind"]: problem["message"] for problem in problems(results) if problem["deployment"] == "leak"}
    assert "lost" not in told
    assert "load_died" in told
    assert len(requests) + int(told["unsent"].split()[0]) >= len(results.requests("clean")) - 1


@pytest.mark.slow
def test_a_new_boot_of_the_host_keeps_times_increasing(begun: Started) -> None:
    begun.wait_for_event("load_started", 2)
    time.sleep(1.0)
    begun.kill()
    for process in marked(begun.root):
        process.kill()
    # As if all of it had been written in an earlier boot, whose monotonic clock had come further than ours.
    further = 1e6
    for path in (begun.root / "journal.jsonl", *begun.root.rglob("*.live.jsonl")):
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        for row in rows:
            for name in ("mono", "load_start", "scheduled", "sent", "first_token", "last_token", "finished"):
                if row.get(name) is not None:
                    row[name] += further
            if "boot" in row:
                row["boot"] = "another"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert not fold(read_journal(begun.root / "journal.jsonl")).recorded(), "pids of another boot prove nothing"
    resumed = aging(begun.folder, "resume", begun.root)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    results = assert_nothing_lost(begun.root, [])
    monos = [event.stamp.mono for event in results.events]
    assert monos == sorted(monos)
    assert monos[-1] - monos[0] < 60.0
    assert results.requests("leak")["finished"].max() - results.requests("leak")["finished"].min() < 15.0
    gone = [event.details["why"] for event in results.events if event.kind == "deployment_gone"]
    assert gone == ["ended with the host, which has been booted anew since"] * 2


MOMENTS = (("campaign_started", 0.3), ("deployment_started", 0.5), ("deployment_ready", 3.0), ("load_started", 12.0))
"""What is waited for, and up to how many seconds longer: from the first line to the analysis."""


def killed_at_random(folder: Path, seed: int) -> None:
    """One kill, or two in quick succession, somewhere between the first line of the journal and the last."""
    rng = random.Random(seed)
    started = start(folder, "run", campaign(folder, duration="10s"))
    try:
        root, (kind, longest) = started.root, rng.choices(MOMENTS, weights=(1, 1, 2, 6))[0]
        started.wait_for_event(kind)
        time.sleep(rng.uniform(0.0, longest))
        kills = [started.kill()] if started.runner.poll() is None else []
        if kills and rng.random() < 0.3:
            again = start(folder, "resume", root)
            time.sleep(rng.uniform(0.2, 4.0))
            sampling = "campaign_resumed" in kinds(root)
            if again.runner.poll() is None:
                kills += [again.kill()][: int(sampling)]
        resumed = aging(folder, "resume", root)
        if resumed.returncode != 0:  # it was killed while it sealed or analysed, or had come to its end before
            assert "the campaign has ended (completed)" in resumed.stderr, resumed.stdout + resumed.stderr
            assert aging(folder, "analyze", root).returncode == 0
        results = assert_nothing_lost(root, kills)
        assert results.state.phase == "completed"
        assert_the_leak_is_found(results)
        assert not marked(root)
    finally:
        end_all(started.root)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_kill_at_any_instant_loses_nothing(tmp_path: Path, seed: int) -> None:
    killed_at_random(tmp_path, seed)


def test_this_process_is_known_by_pid_and_start() -> None:
    me = identity(os.getpid())
    assert me is not None
    assert me.pid == os.getpid()
    assert me.start > 0
