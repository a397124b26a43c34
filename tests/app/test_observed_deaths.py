"""Campaigns in virtual time that only watch, and whose process dies, or is started anew by its supervisor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aging.core.errors import AttachError
from aging.report.observation import Observation
from analysis.accelerated.deployment import Beginnings
from analysis.accelerated.servers import Life
from tests.command_line import run_here
from tests.virtual_campaign import VirtualCampaign

WATCH = """
name = "watch"
seed = 1
duration = "{duration}"
load.kind = "none"
sampling.process = "1s"
analysis.grid = "1s"
validity.least = 0.0
[[deployment]]
kind = "reference"
port = 2000
name = "there"
"""


def watch(folder: Path, duration: str = "100s") -> VirtualCampaign:
    return VirtualCampaign(folder, WATCH.format(duration=duration))


def seen(campaign: VirtualCampaign) -> Observation:
    return Observation.of(campaign.results)


def test_death_ends_the_watch_at_once(tmp_path: Path) -> None:
    campaign = watch(tmp_path)
    campaign.ends("there", "killed by SIGKILL", after=40)
    assert campaign.run() == 3, campaign.output
    assert campaign.results.state.phase == "died"
    (finished,) = campaign.events("watch_finished")
    (started,) = campaign.events("watch_started")
    assert finished.stamp.mono - started.stamp.mono == pytest.approx(40.0, abs=1.0)
    assert campaign.events("campaign_died")[-1].details["reason"] == "killed by SIGKILL"
    (run,) = campaign.findings["runs"]
    assert (run["validity"], run["reason_codes"]) == ("short", ["ended_early"])
    memory = next(one for one in campaign.findings["findings"] if one["deployment"] == "there")
    assert memory["n"] > 30, "what was seen until then is judged"
    died = seen(campaign).died
    assert died is not None
    assert (died.generation, died.why) == (1, "killed by SIGKILL")
    assert died.observed_seconds == pytest.approx(40.0, abs=1.0)
    assert run_here(campaign.root, "resume", campaign.root).returncode == 2, "there is nothing left to watch"


def test_supervisor_starts_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Beginnings, "returns_within", 60.0)
    campaign = watch(tmp_path, "200s")
    campaign.ends("there", "killed by SIGKILL", after=50)
    campaign.ends("there", "killed by SIGKILL", after=50, life=2)
    assert campaign.run() == 0, campaign.output
    observed = seen(campaign)
    assert [one.generation for one in observed.restarts] == [2, 3]
    assert len(observed.deaths) == 2
    assert observed.every == pytest.approx(50.0, abs=5.0)
    assert observed.died is None
    assert campaign.results.state.phase == "completed"
    assert sorted(set(campaign.results.samples("there", "process")["generation"])) == [1, 2, 3]
    (run,) = campaign.findings["runs"]
    assert run["reason_codes"] == ["restarts"]


@pytest.mark.parametrize(("gone", "code"), [(40.0, 0), (90.0, 3)])
def test_return_is_awaited_for_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: float, code: int
) -> None:
    monkeypatch.setattr(Beginnings, "returns_within", 60.0)
    campaign = watch(tmp_path, "300s")
    back: list[float] = []
    begin = Beginnings.begin

    async def late(origin: Beginnings, *arguments: Any) -> Any:
        if back and campaign.world.clock.monotonic() < back[0]:
            raise AttachError("not there")
        return await begin(origin, *arguments)

    monkeypatch.setattr(Beginnings, "begin", late)

    def die(life: Life) -> None:
        back.append(campaign.world.clock.monotonic() + gone)
        life.die("killed by SIGKILL")

    campaign.on_birth("there", lambda life: asyncio.get_running_loop().call_later(50, die, life))
    assert campaign.run() == code, campaign.output
    (finished,) = campaign.events("watch_finished")
    (started,) = campaign.events("watch_started")
    lasted = finished.stamp.mono - started.stamp.mono
    if code:
        assert lasted == pytest.approx(50 + 60, abs=3.0), "it is not waited for to the end"
        assert seen(campaign).died is not None
    else:
        assert lasted == pytest.approx(300, abs=1.0)
        (restart,) = seen(campaign).restarts
        assert restart.gone_seconds == pytest.approx(gone, abs=3.0)


def test_resume_while_it_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Beginnings, "returns_within", 60.0)
    campaign = watch(tmp_path)
    begin = Beginnings.begin
    away: list[str] = []

    async def begins(origin: Beginnings, *arguments: Any) -> Any:
        if away:
            raise AttachError(away[0])
        return await begin(origin, *arguments)

    def die(life: Life) -> None:
        away.append("not there")
        life.die("killed by SIGKILL")

    def born(life: Life) -> None:
        asyncio.get_running_loop().call_later(30, die, life)
        campaign.kill_in(50)

    monkeypatch.setattr(Beginnings, "begin", begins)
    campaign.on_birth("there", born)
    assert campaign.run() is None
    away.clear()
    assert campaign.resume(after=10) == 0, campaign.output
    assert campaign.results.state.runs["there", 1].generation == 2
    assert campaign.events("watch_resumed")
