"""What happened before an observation: the earliest start of growth, and verdicts that hang on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aging.findings.build import analyze
from aging.findings.series import Measured
from aging.findings.types import Finding
from aging.stats.growth.load_start_sensitivity import earliest_start, sustained_until
from aging.stats.trend_tests import series_har
from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from aging.store.segments import SegmentWriter
from tests.builders import LOAD_START, MIB, _backdate_end, event, memory_finding

TESTS = {"series_har": series_har.SERIES_HAR}
SECONDS = 3600
DAY = 86_400.0
PAGE = 4096


def observed(
    root: Path,
    course: Callable[[np.ndarray], np.ndarray],
    age: float,
    load_start: str = "process",
    noise: float = 8 * PAGE,
) -> Results:
    """An observation of an hour; the process ran ``age`` seconds before, its memory follows the seconds of it."""
    layout = Layout(root)
    root.mkdir(parents=True)
    analysis = {"grid_seconds": 15.0, "q": 0.1, "test": "series_har"}
    campaign = {"name": "observed", "warmup_seconds": None, "analysis": analysis, "load": None}
    options = {"load_start": load_start}
    manifest = {"schema": 1, "seed": 1, "host": {}, "schedule_hashes": {}, "campaign": campaign}
    manifest["deployments"] = [{"name": "server", "kind": "attach", "options": options}]
    layout.manifest.write_text(json.dumps(manifest))
    journal = Journal(layout.journal)
    journal.record(event("campaign_started"))
    journal.record(event("deployment_started", "server", replica=1, generation=1, pid=1, command=[]))
    earlier = {"process": age, "now": 0.0}.get(load_start, 600.0)
    details = {"load_start": LOAD_START, "planned_seconds": float(SECONDS), "earlier": earlier}
    journal.record(event("watch_started", "server", replica=1, **details))
    journal.record(event("watch_finished", "server", replica=1))
    journal.record(event("campaign_completed"))
    journal.close()
    _backdate_end(layout.journal)
    lines = [json.loads(line) for line in layout.journal.read_text().splitlines()]
    for line in lines:
        if line["event"] == "watch_finished":
            line["mono"] = LOAD_START + SECONDS
    layout.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    at = np.arange(0.5, SECONDS, 1.0)
    spread = np.random.default_rng(1).normal(0, noise, at.size)
    memory = np.floor((course(at + age) + spread) / PAGE) * PAGE
    writer = SegmentWriter(layout.source("server", "process"))
    row = {"entity": "tree", "generation": 1, "missed": 0}
    writer.append(
        0.0,
        [
            row | {"mono": LOAD_START + t, "process_anon_swap_bytes": y, "process_uptime_seconds": t + age}
            for t, y in zip(at.tolist(), memory.tolist(), strict=True)
        ],
    )
    writer.close()
    return open_results(root)


def memory_of(results: Results) -> Finding:
    return memory_finding(analyze(results, TESTS), "server")


def test_a_young_leak_in_an_old_process(tmp_path: Path) -> None:
    """Idle for ten days, then loaded: 200 MiB cannot have grown at 600 MiB an hour for longer than 20 minutes."""
    results = observed(tmp_path / "r", lambda age: 200 * MIB + 600 * MIB * (age - 10 * DAY) / 3600, 10 * DAY)
    (series,) = Measured(results).of("server", 1)
    assert series.before is not None
    assert series.before.age == pytest.approx(10 * DAY, abs=2)
    assert series.before.assumed == pytest.approx(1200, rel=0.05)
    found = memory_of(results)
    assert found.verdict == "aging"
    assert found.slope_per_hour == pytest.approx(600 * MIB, rel=0.01)


def long_grown(age: np.ndarray) -> np.ndarray:
    return 20 * 2**30 + 600 * MIB * (age - 10 * DAY) / 3600


def test_a_steady_leak_in_an_old_process(tmp_path: Path) -> None:
    """Whenever its load began: it is aging, with a note on what an hour of ten days does not show."""
    found = memory_of(observed(tmp_path / "r", long_grown, 10 * DAY))
    assert found.verdict == "aging"
    assert "old_process" in found.note_codes


def test_an_old_process_whose_growth_may_slow_down_is_not_accused(tmp_path: Path) -> None:
    found = memory_of(observed(tmp_path / "r", long_grown, 10 * DAY, noise=40 * MIB))
    assert found.verdict == "inconclusive"
    assert "load_start_open" in found.note_codes


@pytest.mark.parametrize(("given", "assumed"), [("now", 0.0), ("10m", 600.0)])
def test_a_start_that_was_given_is_kept_and_its_reach_is_said(tmp_path: Path, given: str, assumed: float) -> None:
    results = observed(tmp_path / "r", long_grown, 10 * DAY, given, noise=40 * MIB)
    (series,) = Measured(results).of("server", 1)
    assert series.before is not None
    assert series.before.assumed == assumed
    found = memory_of(results)
    assert found.verdict == "aging"
    assert "load_start_given" in found.note_codes


def test_a_process_that_is_watched_from_its_start(tmp_path: Path) -> None:
    found = memory_of(observed(tmp_path / "r", lambda age: 100 * MIB + 600 * MIB * age / 3600, 2.0))
    assert found.verdict == "aging"
    assert not {"load_start_open", "load_start_given"} & set(found.note_codes)


T = np.arange(0.0, 3600.0, 10.0)


def test_the_earliest_start_of_growth() -> None:
    assert earliest_start(T, 100 + T) == pytest.approx(100, rel=0.05)
    assert earliest_start(T, 100 - 0.01 * T) == np.inf
    for before in (600.0, 6000.0):
        for power in (0.2, 0.5, 1.0):
            assert earliest_start(T, 50 + (T + before) ** power) >= before, "it is never later than the true start"


def test_until_when_growth_is_sustained() -> None:
    noise = np.random.default_rng(0).normal(0, 400, T.size)
    assert sustained_until(T, 5000 + T + noise, 0.0) == 0.0
    until = sustained_until(T, 5000 + 5 * T**0.85 + noise / 10, 1e6)
    assert until is not None
    assert 100 < until < 1e6
    assert sustained_until(T, 1000 + 200 * np.log1p(T / 10) + noise, 1e6) is None
