"""The journal is fsynced line by line, and the state is the fold of its lines."""

from __future__ import annotations

from pathlib import Path

from aging.journal import Journal, RunState, fold, read_journal, superseded


def test_state_is_the_fold_of_the_events(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.record("campaign_started")
    journal.record("deployment_started", "a", replica=1, generation=1, pid=10, command=[])
    journal.record("deployment_ready", "a", replica=1, generation=1, seconds=0.1)
    assert fold(read_journal(tmp_path / "journal.jsonl")).runs["a", 1].phase == "ready"
    journal.record("load_started", "a", replica=1, load_start=5.0, planned_seconds=60.0, pid=11)
    journal.record("rejuvenation_started", "a", replica=1, generation=1, action="restart", reason="old")
    journal.record("deployment_stopped", "a", replica=1, generation=1, exit="exit 0")
    state = fold(read_journal(tmp_path / "journal.jsonl"))
    assert state.runs["a", 1].phase == "rejuvenating"
    journal.record("deployment_started", "a", replica=1, generation=2, pid=12, command=[])
    journal.record("deployment_ready", "a", replica=1, generation=2, seconds=0.1)
    run = fold(read_journal(tmp_path / "journal.jsonl")).runs["a", 1]
    assert (run.phase, run.generation, run.pid, run.rejuvenations, run.load_start) == ("loading", 2, 12, 1, 5.0)
    journal.record("deployment_died", "a", replica=1, generation=2, why="exit 1", log=[])
    journal.record("campaign_completed")
    state = fold(read_journal(tmp_path / "journal.jsonl"))
    assert state.phase == "completed"
    assert state.runs["a", 1].phase == "died"
    assert state.runs["a", 1].died is not None
    journal.close()


def test_a_line_cut_short_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record("campaign_started", name="x")
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"wall": 1.0, "mono"')
    assert [event.kind for event in read_journal(path)] == ["campaign_started"]
    assert fold(read_journal(path)).phase == "running"


def test_a_repeated_run_begins_anew_and_what_came_before_is_superseded(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for name in ("a", "b"):
        journal.record("deployment_started", name, replica=1, generation=1, pid=10, command=[])
        journal.record("load_started", name, replica=1, load_start=5.0, planned_seconds=60.0, pid=11)
        journal.record("deployment_died", name, replica=1, generation=1, why="exit 1", log=[])
    journal.record("run_repeated", "a", replica=1, attempt=2, reasons=["it died"])
    journal.close()
    events = read_journal(tmp_path / "journal.jsonl")
    state = fold(events)
    assert state.runs["a", 1] == RunState(attempt=2)
    assert state.runs["b", 1].phase == "died"
    assert state.attempts == {("a", 1): 2}
    left = [(event.kind, event.deployment) for place, event in enumerate(events) if place not in superseded(events)]
    assert left == [
        ("deployment_started", "b"),
        ("load_started", "b"),
        ("deployment_died", "b"),
        ("run_repeated", "a"),
    ]
