"""Campaigns whose servers are rejuvenated, in virtual time."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aging.core.metrics import PRIMARY
from aging.core.records import TREE, Reading, process_entity
from aging.rejuvenation.kinds import policy_of
from aging.rejuvenation.policies.never import NeverOptions
from aging.rejuvenation.policies.periodic import Periodic
from aging.rejuvenation.policies.threshold import ThresholdOptions
from aging.runner.actions.restart import Restart
from aging.runner.rejuvenator import Rejuvenator
from aging.store.events import Event
from tests.virtual_campaign import Server, VirtualCampaign, small_campaign

LEAKING = Server("leak", 64e6, leak=3600e6, ready=2.0, processes=1, ttft=0.1, token=0.01)
"""A megabyte a second."""

SLOW = Server("leak", 64e6, leak=3600e6, ready=2.0, processes=1, ttft=9.0, token=0.01)
"""Its answers take some seconds."""

PERIODIC = 'policy = "periodic"\nevery = "20s"\ndistance = "0s"'
THRESHOLD = f'policy = "threshold"\nindicator = "{PRIMARY}"\nabove = 100e6\nwindow = "5s"\ndistance = "0s"'


def table(keys: str, action: str = "restart") -> str:
    return f'[rejuvenation]\ndeployments = ["leak"]\naction = "{action}"\n{keys}\n'


def campaign(
    folder: Path, keys: str, action: str = "restart", server: Server = LEAKING, *, duration: str = "60s", head: str = ""
) -> VirtualCampaign:
    text = small_campaign('name = "clean"', 'name = "leak"', tables=table(keys, action), duration=duration, head=head)
    return VirtualCampaign(folder, text, {"leak": server})


def completed(ran: VirtualCampaign) -> list[Event]:
    return ran.events("rejuvenation_completed", "leak")


def assert_no_loss(ran: VirtualCampaign, requests: int = 119) -> None:
    leak = ran.results.requests("leak")
    assert len(leak) == requests
    assert leak["index"].is_unique
    assert (leak["status"] == "ok").all(), leak["error"].dropna().unique()


@pytest.mark.parametrize(
    ("policy", "action"),
    [
        (PERIODIC, "restart"),
        (THRESHOLD, "replace"),
        pytest.param(PERIODIC, "replace", marks=pytest.mark.thorough),
        pytest.param(THRESHOLD, "restart", marks=pytest.mark.thorough),
    ],
)
def test_no_request_is_lost(tmp_path: Path, policy: str, action: str) -> None:
    ran = campaign(tmp_path, policy, action, duration="120s")
    assert ran.run() == 0, ran.output
    done = completed(ran)
    assert len(done) >= 2
    assert_no_loss(ran, 239)
    leak = ran.results.requests("leak")
    assert leak["held"].any() == (action == "restart"), "a replacement holds no request"
    assert leak["generation"].nunique() == len(done) + 1
    assert ran.results.samples("leak", "process")["generation"].nunique() == len(done) + 1
    assert {event.details["outcome"] for event in done} == {"helped"}
    assert all(event.details["figures"]["freed_bytes"] > 5e6 for event in done)
    assert all(event.details["figures"]["warmup_steady"] == 1.0 for event in done)
    assert {run["validity"] for run in ran.findings["runs"]} == {"complete"}, "what is planned breaks no run"


@pytest.mark.thorough
def test_replacement_keeps_each_generations_requests_and_memory_apart(tmp_path: Path) -> None:
    ran = campaign(tmp_path, PERIODIC, "replace", SLOW)
    assert ran.run() == 0, ran.output
    assert_no_loss(ran)
    (redirected, *_) = ran.events("load_redirected", "leak")
    leak, at = ran.results.requests("leak"), redirected.stamp.mono
    old, new = leak[leak["generation"] == 1], leak[leak["generation"] == 2]
    assert old["sent"].max() <= at + 1.0
    assert new["sent"].min() >= at - 1.0
    assert old["finished"].max() > at + 2.0, "what was in flight finished where it was"
    stopped = next(event for event in ran.events("deployment_stopped", "leak") if event.details["generation"] == 1)
    assert stopped.stamp.mono >= old["finished"].max() - 1.0
    rows = ran.results.samples("leak", "process")
    both = rows.groupby("mono")["generation"].nunique().max()
    first = rows[rows["generation"] == 2].iloc[0]
    assert both == 2, "both are sampled while both run"
    assert first[PRIMARY] < rows[rows["generation"] == 1][PRIMARY].max(), (
        "a successor starts low beside its predecessor"
    )


@pytest.mark.thorough
@pytest.mark.parametrize("action", ["restart", "replace"])
def test_requests_that_outlast_the_drain_are_cut_and_counted(tmp_path: Path, action: str) -> None:
    ran = campaign(tmp_path, f'{PERIODIC}\ndrain = "1s"', action, SLOW)
    assert ran.run() == 0, ran.output
    leak = ran.results.requests("leak")
    cut = leak[leak["status"] != "ok"]
    assert set(cut["failure"]) == {"cut"}
    assert sum(event.details["cut"] for event in completed(ran)) == len(cut) > 0
    assert len(leak) == 119
    assert leak["index"].is_unique


@pytest.mark.thorough
def test_a_port_in_the_file_is_used_again(tmp_path: Path) -> None:
    ran = campaign(tmp_path, PERIODIC, "replace")
    assert ran.run() == 0, ran.output
    ports = [event.details.get("port") for event in ran.events("deployment_started", "leak")]
    assert ports[0] == ports[2] == 2001
    assert ports[1] != 2001


def test_successor_that_is_never_ready(tmp_path: Path) -> None:
    ran = campaign(tmp_path, f"{PERIODIC}\ngive_up_after = 1", "replace")
    ran.ends("leak", "exit 3", after=1.0, life=2)
    assert ran.run() == 0, ran.output
    (failed,) = ran.events("rejuvenation_failed", "leak")
    assert failed.details["generation"] == 1
    assert "exit 3" in failed.details["why"]
    assert len(ran.events("rejuvenation_disarmed", "leak")) == 1
    assert_no_loss(ran)
    assert set(ran.results.requests("leak")["generation"]) == {1}
    assert not ran.events("deployment_died")


@pytest.mark.thorough
def test_no_room_for_two(tmp_path: Path) -> None:
    ran = campaign(tmp_path, f"{PERIODIC}\ngive_up_after = 1", "replace", head="[watchdogs]\nmemory_floor = '1MiB'\n")
    ran.memory_available = 50_000_000
    assert ran.run() == 0, ran.output
    (failed,) = ran.events("rejuvenation_failed", "leak")
    assert "48 MiB" in failed.details["why"]
    assert len(ran.events("deployment_started", "leak")) == 1, "it was not even started"
    assert_no_loss(ran)


@pytest.mark.parametrize("action", ["restart", "replace"])
def test_the_server_dies_in_the_middle(tmp_path: Path, action: str) -> None:
    ran = campaign(tmp_path, PERIODIC, action, SLOW)
    ran.on_birth("leak", lambda life: ran.world.clock.at(ran.world.clock.host.true + 24.0, lambda: life.die("exit 9")))
    assert ran.run() == 0, ran.output
    (died,) = ran.events("deployment_died", "leak")
    assert died.details["why"] == "exit 9"
    (failed,) = ran.events("rejuvenation_failed", "leak")
    assert failed.details["generation"] == 1
    started = {event.details["generation"] for event in ran.events("deployment_started", "leak")}
    ended = {event.details["generation"] for event in ran.events("deployment_stopped", "leak")}
    assert started - ended == {1}, "no successor is left"


@pytest.mark.thorough
def test_an_action_that_the_server_does_not_survive_has_failed(tmp_path: Path) -> None:
    ran = campaign(tmp_path, PERIODIC)
    ran.ends("leak", "exit 0", after=3.0, life=2)
    assert ran.run() == 0, ran.output
    (failed,) = ran.events("rejuvenation_failed", "leak")
    assert failed.details["held_seconds"] > 0
    assert "died after it" in failed.details["why"]
    assert not completed(ran)


def test_an_interrupt_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    ran = campaign(tmp_path, PERIODIC, "replace", SLOW)
    ran.interrupt(21.5)
    assert ran.run() == 130, ran.output
    assert all(life.how is not None for life in ran.world.pids.values())
    (failed,) = ran.events("rejuvenation_failed", "leak")
    assert failed.details["outcome"] == "undone"


@pytest.mark.thorough
def test_a_schedule_that_ends_while_arrivals_are_held_loses_none(tmp_path: Path) -> None:
    ran = campaign(tmp_path, PERIODIC.replace("20s", "57s"))
    assert ran.run() == 0, ran.output
    assert_no_loss(ran)


def test_an_action_that_raises_is_journaled_and_releases_arrivals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Restart, run: object, *__: object) -> None:
        await run.hold(1.0)  # type: ignore[attr-defined]
        raise ZeroDivisionError

    monkeypatch.setattr(Restart, "carry_out", broken)
    ran = campaign(tmp_path, PERIODIC)
    assert ran.run() == 0, ran.output
    (died,) = ran.events("task_died")
    assert "ZeroDivisionError" in died.details["reason"]
    assert_no_loss(ran)


@pytest.mark.thorough
@pytest.mark.parametrize(("indicator", "unread"), [(PRIMARY, 0), ("process_vms_bytes", 1)])
def test_unread_indicator_journaled_once(tmp_path: Path, indicator: str, unread: int) -> None:
    policy = f'policy = "threshold"\nindicator = "{indicator}"\nabove = 1e12\nwindow = "5s"'
    ran = campaign(tmp_path, policy, duration="120s")
    assert ran.run() == 0, ran.output
    alarms = ran.events("watchdog")
    assert [(event.deployment, event.details["trouble"]) for event in alarms] == [("leak", "unread")] * unread
    assert all(repr(indicator) in event.details["message"] for event in alarms)
    assert not ran.events("rejuvenation_started")


def test_sampling_that_begins_late_is_not_unread() -> None:
    """On a busy host the load began 91 s after the servers were ready: nothing had been read yet."""
    server = SimpleNamespace(name="a", replica=1, generation=1, ready_since=time.monotonic() - 200.0)
    run: Any = SimpleNamespace(server=server, history=(), load_process=None)
    options = ThresholdOptions.model_validate({"policy": "threshold", "indicator": PRIMARY, "above": 1e12})
    journaled: list[Any] = []
    rejuvenator = Rejuvenator(
        {"a": options}, policy_of, [run], journaled.append, limits={}, campaign_time=lambda monotonic: monotonic
    )
    (governed,) = rejuvenator._governed.values()
    rejuvenator._ask(governed)
    rejuvenator.see(Reading("a", TREE, 1, {PRIMARY: 3.0}, {}))
    rejuvenator._ask(governed)
    assert journaled == []


@pytest.mark.thorough
def test_a_restart_that_frees_nothing_is_unhelpful(tmp_path: Path) -> None:
    steady = Server("leak", 64e6, ready=2.0, processes=1, ttft=0.1, token=0.01)
    ran = campaign(tmp_path, THRESHOLD.replace("100e6", "1e6") + "\ngive_up_after = 1", server=steady)
    assert ran.run() == 0, ran.output
    assert [event.details["outcome"] for event in completed(ran)] == ["unhelpful"]
    assert len(ran.events("rejuvenation_disarmed", "leak")) == 1
    assert_no_loss(ran)


def test_a_component_is_not_the_whole() -> None:
    """Readings of components and of single processes have the same names as that of the whole deployment."""
    server = SimpleNamespace(name="a", replica=1, generation=1, ready_since=time.monotonic())
    run: Any = SimpleNamespace(server=server, history=(), load_process=None)
    options = NeverOptions.model_validate({"policy": "never"})
    rejuvenator = Rejuvenator(
        {"a": options}, policy_of, [run], lambda _: None, limits={}, campaign_time=lambda monotonic: monotonic
    )
    for entity, value in ((TREE, 3.0), (f"{TREE}/prefill", 1.0), (process_entity(4123), 2.0), ("cgroup", 4.0)):
        rejuvenator.see(Reading("a", entity, 1, {PRIMARY: value}, {}))
    (governed,) = rejuvenator._governed.values()
    assert [values[PRIMARY] for _, values in governed.unread] == [3.0, 4.0]


def test_a_policy_that_raises_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Periodic, "decide", broken)
    ran = campaign(tmp_path, PERIODIC)
    assert ran.run() == 0, ran.output
    (died,) = ran.events("task_died")  # once for the same error, however often it is asked again
    assert "ZeroDivisionError" in died.details["reason"]
    assert_no_loss(ran)


@pytest.mark.thorough
def test_one_at_a_time(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    tables = f"[rejuvenation]\n{PERIODIC}\n"
    text = small_campaign(*(f'name = "{name}"' for name in names), tables=tables, duration="90s")
    ran = VirtualCampaign(tmp_path, text)
    assert ran.run() == 0, ran.output
    spans = sorted(
        (begun.stamp.mono, done.stamp.mono)
        for name in names
        for begun, done in zip(
            ran.events("rejuvenation_started", name), ran.events("rejuvenation_completed", name), strict=True
        )
    )
    assert len(spans) >= 6
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_dry_run_only_says(tmp_path: Path) -> None:
    ran = campaign(tmp_path, f"{PERIODIC}\ndry_run = true")
    assert ran.run() == 0, ran.output
    (decided,) = ran.events("rejuvenation_decided", "leak")
    assert (decided.details["refused"], decided.details["carried_out"]) == ("dry-run", False)
    assert not ran.events("rejuvenation_started")
