"""Real runners that are killed: their servers live on, another runner takes them over, or all that is left is ended."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from aging.store.journal import read_journal
from aging.store.results import Results
from aging.store.state import fold
from tests.command_line import run_here
from tests.conftest import wait_for
from tests.e2e.processes import PATIENCE_SECONDS, Started, campaign, keepers_of, marked, servers
from tests.killing import assert_nothing_lost


@dataclass(frozen=True)
class Story:
    """A campaign whose runner was killed, resumed, killed again and stopped, and what was seen on the way."""

    folder: Path
    root: Path
    runner: int
    refused: CompletedProcess[str]
    servers: list[set[int]]
    """While the first runner lived, after it was killed, and while the second one lived."""
    abandoned: dict[str, Any]
    kills: list[float]
    stopped: CompletedProcess[str]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("killed")
    with Started.of(folder, "run", campaign(folder)) as first:
        root = first.root
        first.until_event("load_started", 2)
        first.until_rows("leak")
        refused = run_here(folder, "resume", root)
        before = servers(root)
        kills = [first.kill()]
        left = servers(root)
        (abandoned,) = json.loads(run_here(folder, "status", "--json").stdout)
        with Started.of(folder, "resume", root) as second:
            second.until_event("load_resumed", 2)
            second.until_rows("leak", after=kills[0])
            taken_over = servers(root)
            kills.append(second.kill())
            stopped = run_here(folder, "stop", root)
            yield Story(folder, root, first.runner.pid, refused, [before, left, taken_over], abandoned, kills, stopped)


@pytest.fixture(scope="module")
def analysed(story: Story) -> Results:
    assert run_here(story.folder, "analyze", story.root).returncode == 0
    return assert_nothing_lost(story.root, story.kills, interval=2.0)


def test_running_campaign_cannot_be_resumed(story: Story) -> None:
    assert story.refused.returncode == 2
    assert f"process {story.runner} on {os.uname().nodename}" in story.refused.stderr


def test_servers_readopted(story: Story, analysed: Results) -> None:
    assert [len(pids) for pids in story.servers] == [2, 2, 2]
    assert story.servers[0] == story.servers[1] == story.servers[2]
    assert story.abandoned["state"] == "abandoned"
    assert story.abandoned["resumable"]
    readopted = [event.details["pid"] for event in analysed.events if event.kind == "deployment_readopted"]
    assert set(readopted) == story.servers[0]
    assert set(analysed.samples("leak", "process")["generation"]) == {1}


def test_no_loss_no_duplicate(analysed: Results) -> None:
    assert analysed.requests("leak")["index"].is_unique
    starts = {event.details["load_start"] for event in analysed.events if event.kind == "load_started"}
    assert len(starts) == 1, "the load's end is not put off"
    found = {problem["kind"] for problem in json.loads(analysed.layout.findings.read_text())["problems"]}
    assert "resumed" in found


def test_leftover_processes_ended(story: Story) -> None:
    assert story.stopped.returncode == 0, story.stopped.stderr
    assert not marked(story.root)
    assert fold(read_journal(story.root / "journal.jsonl")).phase == "interrupted"
    wait_for(lambda: not keepers_of(story.root), "its keeper is still there", PATIENCE_SECONDS)
    assert run_here(story.folder, "stop", story.root).returncode == 0, "it has ended already"


@pytest.mark.thorough
def test_keeper_replaced_and_cleans_up(tmp_path: Path) -> None:
    with Started.of(tmp_path, "run", campaign(tmp_path, grace="0s")) as started:
        root = started.root
        started.until_event("load_started", 2)
        started.until_rows("leak")
        (first,) = keepers_of(root)
        os.kill(first, signal.SIGKILL)
        started.until_event("keeper_died")
        started.until(lambda: len(keepers_of(root)) == 1, "no other keeper")
        started.kill()
        wait_for(lambda: not marked(root), "the second keeper did not clear up", PATIENCE_SECONDS)
        wait_for(lambda: not keepers_of(root), "the keeper stayed", PATIENCE_SECONDS)
        assert list(root.rglob("*.live.jsonl"))
        results = started.results
        assert len(results.samples("leak", "process")) >= 20
        assert len(results.requests("leak")) >= 20
        assert f"(pid {started.runner.pid}) is gone" in run_here(tmp_path, "status", root).stdout
