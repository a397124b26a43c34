"""When no load process drove a run: one rule, by which samples are left out and arrivals are counted as unsent."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aging.findings.load_gaps import LoadGap, load_gaps, unsent
from aging.store.events import LoadFinished
from aging.store.results import Results, open_results
from tests.builders import LOAD_START, flat, synthetic

TIMEOUT = 30.0


def journal_of(root: Path, *events: dict[str, Any]) -> Results:
    """A run of one request a second whose journal tells ``events`` between its start of load and its end."""
    synthetic(root, {"a": flat})
    manifest = root / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"load": {}', f'"load": {{"timeout": {TIMEOUT}}}'))
    journal = root / "journal.jsonl"
    *before, finished, completed = journal.read_text().splitlines()
    finished = json.dumps(json.loads(finished) | {"requests": 900})
    inserted = [json.dumps({"wall": 0.0} | event) for event in events]
    journal.write_text("\n".join([*before, *inserted, finished, completed, ""]))
    return open_results(root)


def died(at: float) -> dict[str, Any]:
    return {"event": "load_died", "mono": LOAD_START + at, "deployment": "a", "replica": 1, "exit": "killed"}


def ended(at: float) -> dict[str, Any]:
    """The end of the load after an interrupt, before that of the runner."""
    of = {"event": "load_finished", "mono": LOAD_START + at, "deployment": "a", "replica": 1}
    return of | {"exit": 0, "schedule_hash": "", "requests": 98}


def resumed(at: float, gone: float) -> dict[str, Any]:
    runner = {"pid": 1, "boot": "", "shift": 0.0, "gone_since": LOAD_START + gone}
    return {"event": "campaign_resumed", "mono": LOAD_START + at} | runner


def again(at: float, first: int | None, deployment: str = "a") -> dict[str, Any]:
    return {"event": "load_resumed", "mono": LOAD_START + at, "deployment": deployment, "replica": 1, "first": first}


def gap(gone: float, back: float, first: int | None) -> LoadGap:
    return LoadGap(LOAD_START + gone, LOAD_START + back, first)


@pytest.mark.parametrize(
    ("events", "gaps"),
    [
        ([], []),
        ([died(100), again(110, 110)], [gap(100, 110, 110)]),
        ([resumed(120, 100), again(130, 130)], [gap(100, 130, 130)]),
        ([ended(98), resumed(120, 100), again(130, 130)], [gap(98, 130, 130)]),
        ([died(100), resumed(150, 120), again(160, 160)], [gap(100, 160, 160)]),
        ([resumed(120, 100), resumed(150, 125), again(160, 160)], [gap(100, 160, 160)]),
        ([died(100), again(110, 110), resumed(150, 120), again(160, 160)], [gap(100, 110, 110), gap(120, 160, 160)]),
        ([died(100), again(110, 110), again(160, 160)], [gap(100, 110, 110)]),
        ([died(100), again(110, None)], [gap(100, math.inf, None)]),
        ([resumed(120, 100), again(130, 130, "b")], []),
    ],
)
def test_gap_bounds(tmp_path: Path, events: list[dict[str, Any]], gaps: list[LoadGap]) -> None:
    assert load_gaps(journal_of(tmp_path, *events), "a", 1) == gaps


def test_unsent_in_flight(tmp_path: Path) -> None:
    results = journal_of(tmp_path, died(100), resumed(150, 120), again(160, 160))
    (finished,) = (event for event in results.events if isinstance(event, LoadFinished))
    slow = {72, 75}  # sent less than the timeout before the load process died, and never answered
    index = np.array([k for k in range(900) if not (100 <= k < 160 or k in slow)])
    recorded = pd.DataFrame({"index": index, "scheduled": LOAD_START + index})
    assert unsent(results, finished, recorded) == 60 + len(slow)


def test_no_gap(tmp_path: Path) -> None:
    results = journal_of(tmp_path)
    (finished,) = (event for event in results.events if isinstance(event, LoadFinished))
    recorded = pd.DataFrame({"index": [0, 5], "scheduled": [LOAD_START, LOAD_START + 5]})
    assert unsent(results, finished, recorded) == 0


@pytest.mark.parametrize(("first", "missing"), [(None, 900), (160, 160)])
def test_killed_before_the_first_request(tmp_path: Path, first: int | None, missing: int) -> None:
    """What was due while no load process ran was not sent: it is not lost."""
    results = journal_of(tmp_path, resumed(150, -0.2), again(160, first))
    (finished,) = (event for event in results.events if isinstance(event, LoadFinished))
    index = np.arange(first or 0, 900 if first else 0)
    recorded = pd.DataFrame({"index": index, "scheduled": LOAD_START + index} if first else {})
    assert unsent(results, finished, recorded) == missing
