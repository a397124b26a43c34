"""Runners that are killed in the middle of a rejuvenation: another one finishes or undoes it, and loses no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.store.events import Event
from aging.store.journal import Journal, read_journal
from aging.store.state import fold
from tests.runner.test_rejuvenation import PERIODIC, SLOW, campaign
from tests.virtual_campaign import VirtualCampaign

BUDGET = PERIODIC + "\nbudget = 1"
RATE = 2.0
LONGEST_ANSWER_SECONDS = 6.0

POINTS = {
    "drain of a restart": ("restart", "rejuvenation_started", 0.5, "undone"),
    "stop of a restart": ("restart", "deployment_stopping", 1.0, "helped"),
    "start of a restart": ("restart", "deployment_started", 1.0, "helped"),
    "start of a successor": ("replace", "deployment_started", 1.0, "undone"),
    "warm-up of a successor": ("replace", "deployment_ready", 0.1, "undone"),
    "drain after the redirect": ("replace", "load_redirected", 0.5, "helped"),
    "readings after a replacement": ("replace", "deployment_stopped", 0.5, "helped"),
}


def kill_at(ran: VirtualCampaign, patch: pytest.MonkeyPatch, kind: str, seconds: float) -> None:
    """SIGKILL to the runner so long after the first event of this kind in its first rejuvenation."""
    begun: list[Event] = []
    record = Journal.record

    def recorded(journal: Journal, event: Event) -> None:
        record(journal, event)
        if event.deployment != "leak" or ran.kills:
            return
        if begun and event.kind == kind and len(begun) == 1:
            begun.append(event)
            ran.kill_in(seconds)
        elif event.kind == "rejuvenation_started":
            begun.append(event)
            if kind == event.kind:
                ran.kill_in(seconds)

    patch.setattr(Journal, "record", recorded)


@pytest.mark.parametrize(
    "point",
    [
        point
        if point in ("stop of a restart", "start of a successor")
        else pytest.param(point, marks=pytest.mark.thorough)
        for point in POINTS
    ],
)
def test_another_runner_finishes_or_undoes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    action, kind, seconds, outcome = POINTS[point]
    ran = campaign(tmp_path, BUDGET, action, SLOW)
    kill_at(ran, monkeypatch, kind, seconds)
    assert ran.run() is None
    journal = [event for event in read_journal(ran.root / "journal.jsonl") if event.deployment == "leak"]
    assert journal[-1].kind == kind, "the kill is where it was to be"
    assert fold(journal).runs["leak", 1].rejuvenating is not None
    assert ran.resume(5.0) == 0, ran.output

    ended = ran.events("rejuvenation_completed") + ran.events("rejuvenation_failed")
    assert [event.details["outcome"] for event in ended] == [outcome]
    (started,) = ran.events("rejuvenation_started")  # the budget is that of both runners
    (resumed,) = ran.events("load_resumed", "leak")
    requests = ran.results.requests("leak")
    assert requests["index"].is_unique
    assert (requests["status"] == "ok").all()
    without = resumed.stamp.mono - (started.stamp.mono if action == "restart" else ran.kills[0])
    assert 0 < 119 - len(requests) <= RATE * (without + LONGEST_ANSWER_SECONDS)
    state = ran.results.state.runs["leak", 1]
    assert (state.beside, state.rejuvenating) == (None, None)
    begun = [event.details["generation"] for event in ran.events("deployment_started", "leak")]
    over = [event.details["generation"] for event in ran.events("deployment_stopped", "leak")]
    assert sorted(begun) == sorted(over), "each of its processes has an end, and none has two"
    assert len(set(begun)) == len(begun), "no generation twice"
    assert not ran.events("deployment_died")
