"""Actions that a runtime offers, on a stand-in for a run: what is held, called, released and undone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aging.campaign.schema import RejuvenationOptions
from aging.deployments.actions import HttpCall, Offer
from aging.deployments.hooks import HookResult
from aging.runner.actions import offered
from aging.runner.actions.base import ActionError, Occasion
from aging.runner.actions.offered import Offered
from aging.runner.levels import Levels

SLEEP = Offer((HttpCall("/sleep"), HttpCall("/wake_up")), undo=(HttpCall("/wake_up"),))
TRIM = Offer(quiet=False, trims=True)


class Run:
    """Notes what is done with its load."""

    loaded = True

    def __init__(self, offer: Offer | None) -> None:
        self.done: list[str] = []
        offers = {} if offer is None else {"sleep": offer}
        deployment = SimpleNamespace(offered=lambda: offers)
        endpoint = SimpleNamespace(base_url="http://server")
        self.server = SimpleNamespace(
            name="a", deployment=deployment, died=asyncio.Event(), death=None, endpoint=endpoint, pids=(1,)
        )

    async def hold(self, _drain: float) -> int:
        self.done.append("hold")
        return 2

    def release(self) -> None:
        self.done.append("release")


def carry_out(run: Run, patch: pytest.MonkeyPatch, *, fails: str = "") -> Any:
    async def call_all(calls: tuple[HttpCall, ...], base_url: str, _within: float) -> HookResult:
        assert base_url == "http://server"
        for call in calls:
            run.done.append(call.path)
            if call.path == fails:
                return HookResult(ok=False, status=500, seconds=0.0, output="", message=f"{call.path} answered 500")
        return HookResult(ok=True, status=200, seconds=0.0, output="")

    patch.setattr(offered, "call_all", call_all)
    patch.setattr(offered, "_family", lambda roots: roots)
    patch.setattr(offered, "trim", lambda pids, _within: dict.fromkeys(pids, 4096))
    options = RejuvenationOptions(policy="periodic", action="sleep")
    return asyncio.run(Offered().carry_out(cast("Any", run), options, Occasion("", Levels())))


def test_calls_in_order_while_arrivals_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(SLEEP)
    done = carry_out(run, monkeypatch)
    assert run.done == ["hold", "/sleep", "/wake_up", "release"]
    assert done.cut == 2
    assert done.stages.keys() == {"drain", "sleep"}


def test_a_call_that_fails_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(SLEEP)
    with pytest.raises(ActionError, match="/sleep answered 500") as failed:
        carry_out(run, monkeypatch, fails="/sleep")
    assert run.done == ["hold", "/sleep", "/wake_up", "release"]
    assert failed.value.serving
    assert failed.value.cut == 2


def test_a_trim_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(TRIM)
    done = carry_out(run, monkeypatch)
    assert run.done == []
    assert done.figures == {"trimmed_bytes": 4096.0}
    assert done.held_seconds == 0.0


def test_what_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ActionError, match="sleep"):
        carry_out(Run(None), monkeypatch)


def test_a_server_that_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(SLEEP)
    run.server.died.set()
    with pytest.raises(ActionError) as failed:
        carry_out(run, monkeypatch)
    assert not failed.value.serving
    assert run.done == ["hold"], "its load ends; nothing is released to it"
