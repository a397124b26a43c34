"""The judge of the faults study notices what it is there for: a judge that cannot condemn is worth nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from aging.core.metrics import PRIMARY
from aging.store.sealing import seal_tree
from analysis.faults.judge import Judgement, judge, rows_of

KNOWN = 1000.0
BEGIN, SECONDS = 5000.0, 40.0
RATE = 5

Findings = dict[str, Any]


def event(at: float, kind: str, deployment: str | None = None, **details: Any) -> dict[str, Any]:
    who = {} if deployment is None else {"deployment": deployment, "replica": 1}
    return {"wall": at, "mono": BEGIN + at, "event": kind} | who | details


def findings() -> Findings:
    found = {"clean": ("stable", [0.0, 0.0]), "leak": ("aging", [950.0, 1050.0])}
    return {
        "findings": [
            {
                "deployment": name,
                "indicator": PRIMARY,
                "verdict": verdict,
                "slope_per_request": sum(interval) / 2,
                "ci_per_request": interval,
            }
            for name, (verdict, interval) in found.items()
        ],
        "runs": [{"deployment": name, "validity": "complete"} for name in found],
        "problems": [{"kind": "resumed"}],
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two deployments, sampled twice a second and asked five times a second for forty seconds."""
    manifest = {
        "schema": 1,
        "seed": 1,
        "schedule_hashes": {},
        "campaign": {"name": "faulted", "load": {}, "sampling_seconds": {"process": 0.5}},
        "deployments": [{"name": name, "known_ageing": None} for name in ("clean", "leak")],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    events = [event(-1.0, "campaign_started", pid=1, boot="b")]
    for name in ("clean", "leak"):
        events.append(event(-0.5, "deployment_ready", name, generation=1))
        events.append(event(0.0, "load_started", name, load_start=BEGIN, planned_seconds=SECONDS))
        events.append(event(SECONDS, "load_finished", name, exit=0, requests=int(SECONDS * RATE)))
        times = [BEGIN + 0.5 * k for k in range(int(2 * SECONDS) + 1)]
        _write(tmp_path / name / "r01" / "process", [{"mono": t, "entity": "tree", "missed": 0, "x": t} for t in times])
        scheduled = [{"index": k, "scheduled": BEGIN + k / RATE, "status": "ok"} for k in range(int(SECONDS * RATE))]
        _write(tmp_path / name / "r01" / "requests", scheduled)
    _journal(tmp_path, [*events, event(SECONDS + 0.5, "campaign_completed")])
    (tmp_path / "findings.json").write_text(json.dumps(findings()))
    return tmp_path


def _write(folder: Path, rows: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True)
    (folder / "20261121T00.live.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _journal(root: Path, events: list[dict[str, Any]]) -> None:
    ordered = sorted(events, key=lambda one: float(one["mono"]))
    (root / "journal.jsonl").write_text("".join(json.dumps(one) + "\n" for one in ordered))


def tell(root: Path, *events: dict[str, Any]) -> None:
    """Add to the journal."""
    before = [json.loads(line) for line in (root / "journal.jsonl").read_text().splitlines()]
    _journal(root, [*before, *events])


def drop(root: Path, source: str, goes: Callable[[Mapping[str, Any]], bool]) -> None:
    """Take rows of a file away."""
    (path,) = (root / source).glob("*.live.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows if not goes(row)))


def between(begin: float, end: float) -> Callable[[Mapping[str, Any]], bool]:
    return lambda row: begin <= row.get("mono", row.get("scheduled")) - BEGIN < end


def judged(root: Path, *kills: float) -> Judgement:
    return judge(root, rows_of(root), [BEGIN + kill for kill in kills], KNOWN)


def test_sound_results(root: Path) -> None:
    before = rows_of(root)
    assert len(before) == 2 * (81 + 200)
    for _ in range(2):
        verdict = judge(root, before, [BEGIN + 20.0], KNOWN)
        assert verdict.faults == ()
        assert (verdict.rows, verdict.conclusive, verdict.lost_seconds) == (len(before), True, 0.0)
        seal_tree(root)
        assert not list(root.rglob("*.live.jsonl"))


def test_lost_and_changed_rows(root: Path) -> None:
    before = rows_of(root)
    drop(root, "leak/r01/process", between(12.0, 12.4))
    (path,) = (root / "clean/r01/requests").glob("*.live.jsonl")
    path.write_text(path.read_text().replace('"index": 7, "scheduled": 5001.4, "status": "ok"', '"index": 7'))
    seal_tree(root)
    verdict = judge(root, before, [], KNOWN)
    assert verdict.lost == ["leak/r01/process at 5012.000 tree"]
    assert verdict.changed == ["clean/r01/requests at 7.000"]
    assert len(verdict.faults) >= 2


def test_repeated_row(root: Path) -> None:
    (path,) = (root / "leak/r01/requests").glob("*.live.jsonl")
    first = path.read_text().splitlines()[0]
    path.with_name("20261121T00.002.live.jsonl").write_text(first + "\n")
    assert judged(root).duplicates == ["leak/r01/requests at 0.000"]


def test_sample_gap(root: Path) -> None:
    drop(root, "leak/r01/process", between(10.0, 20.0))
    assert judged(root).gaps == ["leak: nothing sampled for 10.50 s at 9.50 s"]
    back = event(19.8, "deployment_readopted", "leak", generation=1)
    tell(root, event(19.7, "campaign_resumed", pid=2, boot="b", shift=0.0, gone_since=BEGIN + 15.0), back)
    assert len(judged(root).gaps) == 1, "five seconds of it are not reported"
    text = (root / "journal.jsonl").read_text().replace(f'"gone_since": {BEGIN + 15.0}', f'"gone_since": {BEGIN + 9.6}')
    (root / "journal.jsonl").write_text(text)
    assert judged(root).gaps == []


@pytest.mark.parametrize(("begin", "end"), [(0.0, 6.0), (33.0, 41.0), (0.0, 41.0)])
def test_samples_missing_at_end(root: Path, begin: float, end: float) -> None:
    drop(root, "clean/r01/process", between(begin, end))
    assert len(judged(root).gaps) == 1


def test_no_end(root: Path) -> None:
    drop(root, "leak/r01/process", between(30.0, 41.0))
    lines = (root / "journal.jsonl").read_text().splitlines(keepends=True)
    (root / "journal.jsonl").write_text("".join(line for line in lines if "load_finished" not in line)[:-60])
    assert len(judged(root).gaps) == 1, "it is not reported"
    content = findings() | {"problems": [{"kind": "unfinished"}]}
    (root / "findings.json").write_text(json.dumps(content))
    assert judged(root).gaps == []


def test_unrecorded_arrivals(root: Path) -> None:
    drop(root, "leak/r01/requests", between(20.0, 24.0))
    assert judged(root).gaps == ["leak: 20 arrivals from index 100 on left no record"]
    tell(root, event(20.0, "load_died", "leak", exit=-9), event(23.9, "load_resumed", "leak", first=120))
    verdict = judged(root)
    assert verdict.gaps == []
    assert verdict.unsent == 20
    drop(root, "leak/r01/requests", between(30.0, 30.3))
    assert judged(root).gaps == ["leak: 2 arrivals from index 150 on left no record"]


def test_samples_before_kill(root: Path) -> None:
    drop(root, "leak/r01/process", between(17.3, 20.0))
    assert judged(root, 20.0).lost_seconds == pytest.approx(0.0)
    assert judged(root, 19.9).lost_seconds == pytest.approx(2.9)


@pytest.mark.parametrize(
    ("place", "change", "wrong"),
    [
        (0, {"verdict": "aging"}, "clean is called aging"),
        (1, {"verdict": "stable"}, "leak is called stable"),
        (1, {"verdict": "bounded"}, "leak is called bounded"),
        (1, {"ci_per_request": [1200.0, 1300.0]}, "leak: 1200 … 1300 bytes per request do not hold 1000"),
        (1, {"ci_per_request": [500.0, 880.0]}, "leak: 500 … 880 bytes per request do not hold 1000"),
        (1, {"verdict": "inconclusive"}, None),
        (1, {"ci_per_request": [1010.0, 1100.0]}, None),
    ],
)
def test_wrong_verdict(root: Path, place: int, change: Mapping[str, Any], wrong: str | None) -> None:
    content = findings()
    content["findings"][place] |= change
    (root / "findings.json").write_text(json.dumps(content))
    assert judged(root).wrong == ([] if wrong is None else [wrong])
    content["runs"][place]["validity"] = "short"
    (root / "findings.json").write_text(json.dumps(content))
    verdict = judged(root)
    assert (verdict.wrong, verdict.marked) == ([], [] if wrong is None else [wrong])


def test_undecided(root: Path) -> None:
    content = findings()
    content["findings"][0]["verdict"] = "inconclusive"
    (root / "findings.json").write_text(json.dumps(content))
    assert not judged(root).conclusive
