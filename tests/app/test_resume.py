"""Campaigns in virtual time whose runner is killed, interrupted or halted, and which another runner goes on with."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from aging.core.errors import ResultsError
from aging.core.processes.ownership import identity
from aging.store.gate import read_gate, write_gate
from aging.store.layout import Layout
from tests.command_line import run_here
from tests.killing import assert_nothing_lost, assert_the_leak_is_found
from tests.virtual_campaign import VirtualCampaign, small_campaign

TWO = ('name = "clean"', 'name = "leak"\nleak_per_hour = "112MiB"')


@pytest.fixture
def two(tmp_path: Path) -> VirtualCampaign:
    """A clean server and one that leaks, a minute of load before them."""
    return VirtualCampaign(tmp_path, small_campaign(*TWO))


def generations(campaign: VirtualCampaign) -> dict[str, int]:
    return {name: run.generation for (name, _), run in campaign.results.state.runs.items()}


def test_killed_runner_readopts_servers(two: VirtualCampaign) -> None:
    two.kill(20)
    assert two.run() is None
    assert two.resume(after=10) == 0, two.output
    results = assert_nothing_lost(two.root, two.kills, interval=1.0)
    assert_the_leak_is_found(results)
    started = {event.details["pid"] for event in two.events("deployment_started")}
    assert {event.details["pid"] for event in two.events("deployment_readopted")} == started
    assert set(results.samples("leak", "process")["generation"]) == {1}
    # The load's end is not put off.
    (start,) = {event.details["load_start"] for event in two.events("load_started")}
    assert results.requests("leak")["scheduled"].max() < start + 60.0
    assert {"resumed", "unsent"} <= two.problems()
    (back,) = two.events("campaign_resumed")
    assert back.details["gone_since"] == pytest.approx(two.kills[0], abs=2.0)
    assert not list(two.root.rglob("*.live.jsonl"))
    assert run_here(two.root, "resume", two.root).returncode == 2, "nothing is left to resume"


def test_observation_end_is_not_delayed(tmp_path: Path) -> None:
    text = 'name = "watch"\nseed = 1\nduration = "60s"\nload.kind = "none"\nsampling.process = "1s"\n'
    campaign = VirtualCampaign(tmp_path, text + '[[deployment]]\nkind = "reference"\nport = 2000\nname = "there"\n')
    campaign.kill_after_birth("there", 20)
    assert campaign.run() is None
    assert campaign.resume(after=10) == 0, campaign.output
    kinds = [event.kind for event in campaign.results.events if event.deployment == "there"]
    assert kinds[2:5] == ["watch_started", "deployment_readopted", "watch_resumed"]
    (started,), (finished,) = campaign.events("watch_started"), campaign.events("watch_finished")
    assert finished.stamp.mono - started.stamp.mono == pytest.approx(60.0, abs=0.1)


@pytest.mark.parametrize(
    ("leak", "conditions", "expected"),
    [
        ("3GiB", ["aging"], 1),
        pytest.param("0B", ["process_anon_swap_bytes:per_hour > 1e9"], 0, marks=pytest.mark.thorough),
        pytest.param("3GiB", [], 0, marks=pytest.mark.thorough),
    ],
)
def test_resumed_observation_is_judged_by_its_gate(
    tmp_path: Path, leak: str, conditions: list[str], expected: int
) -> None:
    text = 'name = "watch"\ndescription = "what it is"\nseed = 1\nduration = "90s"\nload.kind = "none"\n'
    text += 'sampling.process = "1s"\nanalysis.grid = "1s"\n'
    text += '[[deployment]]\nkind = "reference"\nport = 2000\nname = "there"'
    campaign = VirtualCampaign(tmp_path, text + f'\nleak_per_hour = "{leak}"\n')
    campaign.kill_after_birth("there", 30)
    assert campaign.run() is None
    write_gate(Layout(campaign.root), conditions)
    assert campaign.resume(after=2) == expected, campaign.output
    assert "observed: what it is" in campaign.output


def test_damaged_gate_is_named(tmp_path: Path) -> None:
    (tmp_path / "gate.json").write_text('{"fail": 1}')
    with pytest.raises(ResultsError, match=r"gate\.json"):
        read_gate(Layout(tmp_path))


@pytest.mark.thorough
def test_killed_before_load(two: VirtualCampaign) -> None:
    two.kill_after_birth("leak", 1.0)
    assert two.run() is None
    assert not two.events("load_started")
    assert two.resume(without=("clean", "leak")) == 0, two.output
    results = two.results
    assert results.state.phase == "completed"
    assert generations(two) == {"clean": 2, "leak": 2}
    assert len(results.requests("clean")) == 119


@pytest.mark.thorough
def test_dead_servers_at_resume(two: VirtualCampaign) -> None:
    two.server_dies("clean", 10)
    two.kill(20)
    two.run()
    assert two.resume(without=("leak",)) == 0, two.output
    assert generations(two) == {"clean": 1, "leak": 2}
    requests = two.results.requests("leak")
    assert set(requests["generation"]) == {1, 2}
    assert requests["index"].is_unique
    assert [event.deployment for event in two.events("deployment_died")] == ["clean", "leak"]
    died = [one["deployment"] for one in two.findings["problems"] if one["kind"] == "died"]
    assert died == ["clean", "leak"]


def test_interrupted_campaign_resumed(two: VirtualCampaign) -> None:
    two.interrupt(15)
    assert two.run() == 130
    assert two.results.state.phase == "interrupted"
    assert "interrupted" in two.problems()
    assert two.resume() == 0, two.output
    results = assert_nothing_lost(two.root, [], interval=1.0)
    assert results.state.phase == "completed"
    assert "interrupted" not in two.problems()
    assert set(results.samples("leak", "process")["generation"]) == {1, 2}


@pytest.mark.thorough
def test_run_past_its_window_is_cut_short(two: VirtualCampaign) -> None:
    two.kill(20)
    two.run()
    assert two.resume(after=120) == 0, two.output
    assert {event.deployment for event in two.events("run_cut_short")} == {"clean", "leak"}
    assert {run["validity"] for run in two.findings["runs"]} != {"complete"}
    assert len(two.results.requests("leak")) < 45


@pytest.mark.thorough
def test_dead_load_process_replaced(two: VirtualCampaign) -> None:
    two.load_dies("leak", 20)
    assert two.run() == 0, two.output
    assert [event.deployment for event in two.events("load_resumed")] == ["leak"]
    requests = two.results.requests("leak")
    assert requests["index"].is_unique
    assert "load_died" in two.problems("leak")
    assert "lost" not in two.problems("leak")
    (unsent,) = (one for one in two.findings["problems"] if (one["kind"], one["deployment"]) == ("unsent", "leak"))
    assert len(requests) + int(unsent["message"].split()[0]) >= len(two.results.requests("clean")) - 1


@pytest.mark.thorough
def test_reboot_keeps_times_increasing(two: VirtualCampaign) -> None:
    two.kill(20)
    two.run()
    assert two.resume(after=15, rebooted=True) == 0, two.output
    results = assert_nothing_lost(two.root, [], interval=1.0)
    monos = [event.stamp.mono for event in results.events]
    assert monos == sorted(monos)
    assert monos[-1] - monos[0] < 120.0
    requests = results.requests("leak")
    assert requests["finished"].max() - requests["finished"].min() < 65.0
    assert [event.deployment for event in two.events("deployment_gone")] == ["clean", "leak"]
    assert generations(two) == {"clean": 2, "leak": 2}


@pytest.mark.parametrize(
    "seed",
    [
        0,
        pytest.param(1, marks=pytest.mark.thorough),
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6)),
    ],
)
def test_kill_at_any_time(two: VirtualCampaign, seed: int) -> None:
    rng = random.Random(seed)
    two.kill(first := rng.uniform(-0.4, 66.0))
    if seed % 2:
        two.kill(first + rng.uniform(5.0, 12.0))
    code = two.run()
    while code is None:
        code = two.resume(after=rng.uniform(1.0, 6.0))
    assert code == 0, two.output
    results = assert_nothing_lost(two.root, two.kills, interval=1.0)
    assert results.state.phase == "completed"
    assert_the_leak_is_found(results)


def test_identity_of_this_process() -> None:
    me = identity(os.getpid())
    assert me is not None
    assert me.pid == os.getpid()
    assert me.start > 0
