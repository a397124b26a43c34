"""A campaign that repeats broken runs and is killed goes on with the round, and the attempt, that it was in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aging.campaign.plan import PlannedRound, PlannedRun
from aging.campaign.schema import SubjectOptions
from aging.core.clock import Stamp
from aging.runner.resume_plan import PriorState, remaining_work
from aging.runner.takeover import NotResumableError, check_resumable
from aging.store.events import Event, event_of
from aging.store.state import CampaignState, RunState, fold
from tests.builders import flat, synthetic
from tests.command_line import run_here
from tests.virtual_campaign import VirtualCampaign, small_campaign

NOW = 1000.0
DONE = RunState(phase="stopped", generation=1, load_start=100.0, planned_seconds=100.0, load_end=200.0)
UNDER_WAY = RunState(phase="loading", generation=1, load_start=950.0, planned_seconds=100.0)


def run(name: str, attempt: int = 1) -> PlannedRun:
    return PlannedRun(SubjectOptions(name=name, kind="k", slot="s" if name in "ab" else None), 1, 7, None, attempt)


PLANNED: Sequence[PlannedRound] = ((run("a"), run("c")), (run("b"),))


def left(**runs: RunState) -> tuple[list[list[tuple[str, int]]], list[tuple[str, int]], list[str]]:
    """By name and attempt: the rounds that are left, the runs that are done; the names of those cut short."""
    known = PriorState(runs={(name, 1): state for name, state in runs.items()}, gone_since=NOW, runners=1)
    found = remaining_work(PLANNED, known, NOW)
    rounds = [[(one.options.name, one.attempt) for one in together] for together in found.rounds]
    return rounds, [(one.options.name, one.attempt) for one in found.done], [name for name, _ in found.cut_short]


def test_remaining_rounds() -> None:
    assert left() == ([[("a", 1), ("c", 1)], [("b", 1)]], [], [])
    assert left(a=UNDER_WAY, c=DONE) == ([[("a", 1)], [("b", 1)]], [("c", 1)], [])
    assert left(a=DONE, c=DONE, b=UNDER_WAY) == ([[("b", 1)]], [("a", 1), ("c", 1)], [])
    assert left(a=DONE, c=DONE, b=DONE) == ([], [("a", 1), ("c", 1), ("b", 1)], [])


def test_early_end_is_done_after_next_round_started() -> None:
    early = RunState(phase="stopped", generation=1, load_start=940.0, planned_seconds=100.0, load_end=950.0)
    assert left(a=early, c=DONE, b=UNDER_WAY) == ([[("b", 1)]], [("a", 1), ("c", 1)], [])
    passed = RunState(phase="stopped", generation=1, load_start=800.0, planned_seconds=100.0, load_end=850.0)
    assert left(a=passed, c=DONE, b=UNDER_WAY)[2] == []
    assert left(a=passed, c=DONE)[2] == ["a"]


@pytest.mark.parametrize("ended_by", [None, "interrupt", "halting", "deployment_died"])
def test_cut_short_only_if_ended_early(
    ended_by: str | None,
) -> None:
    def event(at: float, kind: str, name: str | None = None, **details: Any) -> Event:
        return event_of(kind, details if name is None else {"deployment": name} | details, Stamp(at, at))

    # At 0.05 requests a second the last arrival is half a minute before the end.
    load = {"replica": 1, "load_start": 800.0, "planned_seconds": 100.0}
    events = [
        event(700.0, "campaign_started", pid=1, boot=""),
        event(701.0, "deployment_started", "a", replica=1, generation=1, pid=2),
        event(800.0, "load_started", "a", **load),
        event(870.0, "load_finished", "a", replica=1, exit=0),
    ]
    died: dict[str, Any] = {"name": "a", "generation": 1, "why": "x"} if ended_by == "deployment_died" else {}
    if ended_by is not None:
        events.insert(3, event(870.0, ended_by, **died))
    a = fold(events).runs["a", 1]
    assert a.driven == (ended_by is None)
    assert left(a=a, c=DONE)[2] == (["a"] if ended_by in ("interrupt", "halting") else [])


def test_repeat_continues_as_same_attempt() -> None:
    again = RunState(phase="loading", generation=1, attempt=2, load_start=950.0, planned_seconds=100.0)
    recorded = RunState(attempt=2)
    over = RunState(phase="died", generation=1, attempt=2, load_start=500.0, planned_seconds=100.0, died=510.0)
    assert left(a=again, c=DONE, b=DONE) == ([[("a", 2)]], [("c", 1), ("b", 1)], [])
    assert left(a=recorded, c=again, b=DONE) == ([[("a", 2), ("c", 2)]], [("b", 1)], [])
    assert left(a=over, c=DONE, b=again) == ([[("b", 2)]], [("a", 2), ("c", 1)], [])
    assert left(a=over, c=DONE, b=DONE) == ([], [("a", 2), ("c", 1), ("b", 1)], [])


def test_other_attempt_is_not_continued() -> None:
    known = PriorState(runs={("a", 1): DONE, ("b", 1): RunState(attempt=2)})
    assert known.attempt_state("a", 1, 1) == DONE
    assert known.attempt_state("a", 1, 2) is None
    assert known.attempt_state("b", 1, 2) is None, "it is journaled, but its server was not started"


def test_data_not_in_journal_refused(tmp_path: Path) -> None:
    begun = CampaignState(started=Stamp(0.0, 0.0))
    first = tmp_path / "clean" / "r01" / "requests" / "20261121T13.parquet"
    first.parent.mkdir(parents=True)
    for state in (CampaignState(), begun):
        check_resumable(tmp_path, state)  # there is nothing yet
    first.touch()
    loaded, again = RunState(load_start=5.0), RunState(attempt=2)
    for state in (CampaignState(), begun, replace(begun, runs={("clean", 1): RunState(generation=1)})):
        with pytest.raises(NotResumableError, match=r"damaged .* clean/r01/requests"):
            check_resumable(tmp_path, state)
    for run in (loaded, again):
        check_resumable(tmp_path, replace(begun, runs={("clean", 1): run}))
    second = tmp_path / "clean" / "r01-2" / "requests" / "20261121T13.live.jsonl"
    second.parent.mkdir(parents=True)
    second.write_text('{"index":0')  # not one whole row
    check_resumable(tmp_path, replace(begun, runs={("clean", 1): again}))
    second.write_text('{"index":0}\n')
    with pytest.raises(NotResumableError, match="clean/r01-2/requests"):
        check_resumable(tmp_path, replace(begun, runs={("clean", 1): again}))


def test_ended_campaign_without_findings_refused(tmp_path: Path) -> None:
    ended = CampaignState(phase="completed", started=Stamp(1.0, 1.0), ended=Stamp(2.0, 2.0))
    with pytest.raises(NotResumableError, match=r"completed.* aging analyze "):
        check_resumable(tmp_path, ended)
    (tmp_path / "findings.json").touch()
    with pytest.raises(NotResumableError, match=r"completed\) and cannot be resumed\.$"):
        check_resumable(tmp_path, ended)


@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), (b"\xff\xfe\0", "is not UTF-8 text")])
def test_damaged_campaign_file_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    layout = synthetic(tmp_path, {"leak": flat}).layout
    layout.journal.write_text("".join(layout.journal.read_text().splitlines(keepends=True)[:-1]))
    if content is not None:
        layout.campaign.write_bytes(content)
    refused = run_here(tmp_path, "resume", tmp_path)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.thorough
def test_killed_in_round_and_in_repeat(tmp_path: Path) -> None:
    deployments = ('name = "flaky"\nslot = "one"', 'name = "clean"\nslot = "one"', 'name = "leak"')
    campaign = VirtualCampaign(tmp_path, small_campaign(*deployments, head="retries = 1"))
    campaign.server_dies("flaky", 5, how="exit 7")
    campaign.kill(20, load=2)
    campaign.kill(20, load=3)
    assert campaign.run() is None
    assert not campaign.events("run_repeated")
    assert campaign.resume() is None
    assert campaign.resume() == 0, campaign.output
    assert campaign.results.state.phase == "completed"
    loads = [event.deployment for event in campaign.events("load_started")]
    assert sorted(map(str, loads[:2])) == ["flaky", "leak"]
    assert loads[2:] == ["clean", "flaky"], "rounds that were over are not begun again"
    (repeated,) = campaign.events("run_repeated")
    assert (repeated.deployment, repeated.details["attempt"]) == ("flaky", 2)
    assert "exit 7" in "; ".join(repeated.details["reasons"])
    assert [event.deployment for event in campaign.events("deployment_readopted")] == ["clean", "flaky"]
    assert {path.name for path in (campaign.root / "flaky").iterdir()} == {"r01", "r01-2"}
    requests = campaign.results.requests("flaky")
    assert requests["index"].is_unique
    assert requests["scheduled"].min() > repeated.stamp.mono
    assert len(campaign.events("baseline")) == 1
    runs = {one["deployment"]: one for one in campaign.findings["runs"]}
    assert (runs["leak"]["attempt"], runs["clean"]["attempt"], runs["flaky"]["attempt"]) == (1, 1, 2)
    assert "broken" not in {runs["clean"]["validity"], runs["flaky"]["validity"]}, (
        "a stretch without a runner is not a failure of the deployment"
    )
    assert {"repeated", "resumed", "unsent"} <= campaign.problems()
    assert not {"lost", "schedule", "died"} & campaign.problems()
