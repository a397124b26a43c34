"""The kinds of events: declared and written, readable from older journals, and tolerant of what is not known."""

from __future__ import annotations

import ast
import json
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from aging.core.clock import Stamp
from aging.store import events
from aging.store.events import (
    KINDS,
    DeploymentDied,
    DeploymentStarted,
    Event,
    LoadFinished,
    OrphansEnded,
    OtherEvent,
    SealingFailed,
    event_of,
    parsed,
)
from aging.store.journal import Journal, read_journal

ROOT = Path(__file__).parents[2]
COMMITTED = ("first-look", "real-runtimes")
COMMON = {one.name for one in fields(Event)}


def calls() -> set[str]:
    """Names of everything that the modules that know events call."""
    texts = (path.read_text() for path in (ROOT / "aging").rglob("*.py") if path.name != "events.py")
    nodes = (node for text in texts if "events" in text for node in ast.walk(ast.parse(text)))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = {one.id for one in called if isinstance(one, ast.Name)}
    return names | {one.attr for one in called if isinstance(one, ast.Attribute)}


def test_every_declared_kind_is_written_somewhere() -> None:
    assert {kind.__name__ for kind in KINDS.values()} <= calls()


def test_every_kind_is_the_name_of_its_class_and_no_two_are_alike() -> None:
    declared = [one for one in vars(events).values() if isinstance(one, type) and issubclass(one, Event) and one.KIND]
    assert len(declared) == len(KINDS)
    for kind, one in KINDS.items():
        assert kind.replace("_", "") == one.__name__.lower()


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_kind_says_when_it_is_written_and_what_each_field_means(kind: type[Event]) -> None:
    assert str(kind.__doc__).startswith("Written ")
    hints = get_type_hints(kind, include_extras=True)
    for one in fields(kind):
        if one.name not in COMMON:
            _, meaning = hints[one.name].__metadata__
            assert meaning


@pytest.mark.parametrize("name", COMMITTED)
def test_journals_of_earlier_releases_are_read_as_their_kinds(name: str) -> None:
    path = ROOT / "results" / name / "journal.jsonl"
    found, lines = read_journal(path), path.read_text().splitlines()
    assert len(found) == len(lines)
    assert not [event for event in found if isinstance(event, OtherEvent)]
    for event, line in zip(found, map(json.loads, lines), strict=True):
        assert event.line() | line == event.line(), "every key keeps its name and its value"


def test_a_line_has_the_keys_and_the_order_that_earlier_releases_wrote(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    which = {"deployment": "a", "replica": 2}
    journal.record(DeploymentDied(deployment="a", replica=2, generation=3, why="exit 1", log=["x"]))
    journal.record(LoadFinished(deployment="a", replica=2, exit=0, schedule_hash=None, requests=0))
    journal.record(LoadFinished(deployment="a", replica=2, exit=0, schedule_hash="h", requests=7, unwritten=1))
    journal.record(SealingFailed(files=2))
    journal.record(DeploymentStarted(deployment="a", replica=2, generation=1, pid=None))
    journal.close()
    rows = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [list(row)[:3] for row in rows] == [["wall", "mono", "event"]] * 5
    started: dict[str, object] = {"generation": 1, "pid": None, "command": [], "main": None, "processes": {}}
    assert [json.dumps({key: row[key] for key in list(row)[2:]}) for row in rows] == [
        json.dumps(row)
        for row in (
            {"event": "deployment_died"} | which | {"generation": 3, "why": "exit 1", "log": ["x"]},
            {"event": "load_finished"} | which | {"exit": 0, "schedule_hash": None, "requests": 0},
            {"event": "load_finished"} | which | {"exit": 0, "schedule_hash": "h", "requests": 7, "unwritten": 1},
            {"event": "sealing_failed", "files": 2, "exit": None, "log": []},
            {"event": "deployment_started"} | which | started,
        )
    ]


def test_what_is_not_known_is_kept() -> None:
    line = {"wall": 1.0, "mono": 2.0, "event": "moved", "deployment": "a", "replica": 2, "to": "b"}
    event = parsed(line)
    assert event == OtherEvent(other="moved", stamp=Stamp(1.0, 2.0), deployment="a", replica=2, extra={"to": "b"})
    assert (event.kind, event.line()) == ("moved", line)
    newer = event_of("orphans_ended", {"pids": [3], "signal": "SIGTERM"})
    assert isinstance(newer, OrphansEnded)
    assert newer.details == {"pids": [3], "signal": "SIGTERM"}


def test_a_line_without_a_required_key_is_no_event_of_its_kind() -> None:
    assert event_of("run_cut_short", {"deployment": "a", "replica": 1}) == OtherEvent(
        other="run_cut_short", deployment="a"
    )
    assert isinstance(event_of("run_cut_short", {"at": 1.0}), OtherEvent), "it has no deployment"


@pytest.mark.parametrize("line", [{}, {"wall": 1.0, "mono": 1.0}, {"wall": "x", "mono": 1.0, "event": "halting"}])
def test_a_line_that_is_no_event_is_none(line: dict[str, object]) -> None:
    assert parsed(line) is None
