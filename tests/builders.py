"""What several test modules build: result directories whose truth is known, campaign texts, launches."""

from __future__ import annotations

import atexit
import json
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from aging.campaign.load import parse_campaign
from aging.core.errors import CampaignError, Mistake
from aging.core.metrics import PRIMARY
from aging.core.records import RequestRecord, request_row
from aging.deployments.lifecycle import Launch
from aging.findings.types import Finding, Findings
from aging.runner.catalogue import Catalogue
from aging.store.events import Event, event_of
from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from aging.store.sealing import seal_tree
from aging.store.segments import LIVE, SegmentWriter, live_twin

MIB = 2**20
LOAD_START = 1000.0
SECONDS = 900
RATE = 4.0
Course = Callable[[np.ndarray], np.ndarray]

KINDS = Catalogue.discovered().kinds()
GOOD = """
schema = 1
name = "good"
seed = 1
duration = "3m"
warmup = "30s"
[model]
preset = "tiny"
[load]
arrivals = { kind = "poisson", rate = 8.0 }
prompt_tokens = { median = 48, p95 = 96, min = 8, max = 192 }
output_tokens = { median = 12, p95 = 24, min = 4, max = 48 }
[[deployment]]
name = "a"
kind = "reference"
port = 18083
leak_per_request = "16KiB"
[[deployment]]
name = "b"
kind = "llama-cpp"
port = 18084
"""


def synthetic(
    root: Path,
    memory: Mapping[str, Course],
    *,
    known: Mapping[str, float] | None = None,
    generations: int = 1,
    replicas: int = 1,
    host: Mapping[str, float] | None = None,
    warmup: float | None = 60.0,
) -> Results:
    """A result directory of deployments whose memory follows ``memory[name](seconds of load)``."""
    layout = Layout(root)
    root.mkdir(parents=True, exist_ok=True)
    analysis = {"grid_seconds": 5.0, "q": 0.1, "test": "series_har"}
    campaign = {"name": "synthetic", "warmup_seconds": warmup, "analysis": analysis, "load": {}}
    deployments = [
        {
            "name": name,
            "known_ageing": None
            if known is None or name not in known
            else {"indicator": PRIMARY, "per_request": known[name], "per_hour": 0.0},
        }
        for name in memory
    ]
    manifest = {"schema": 1, "seed": 1, "host": host or {}, "schedule_hashes": {}}
    manifest |= {"campaign": campaign, "deployments": deployments}
    layout.manifest.write_text(json.dumps(manifest))
    journal = Journal(layout.journal)
    journal.record(event("campaign_started"))
    for name, course in memory.items():
        for replica in range(1, replicas + 1):
            journal.record(event("deployment_started", name, replica=replica, generation=1, pid=1, command=[]))
            details = {"load_start": LOAD_START, "planned_seconds": float(SECONDS), "pid": 2}
            journal.record(event("load_started", name, replica=replica, **details))
            journal.record(event("load_finished", name, replica=replica, exit=0, schedule_hash=None))
            write_run(layout, name, replica, course, generations)
    journal.record(event("campaign_completed"))
    journal.close()
    _backdate_end(layout.journal)
    return open_results(root)


def ended(root: Path) -> Path:
    """Make ``root`` the sealed and analyzed result of a server that leaks and a clean one, with findings and no page.

    It has few series, so that analyzing it again takes a tenth of what any committed result takes.
    """
    return shutil.copytree(_ended(), root)


@cache
def _ended() -> Path:
    from aging.app.analyze import derive

    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    root = Path(folder.name) / "campaign"
    synthetic(root, {"clean": flat, "leaking": leak(4096)})
    (root / "campaign.toml").write_text('name = "synthetic"\n')
    seal_tree(root)
    derive(root)
    (root / "report.html").unlink()
    return root


def event(kind: str, deployment: str | None = None, **details: Any) -> Event:
    """An event by its kind and keys, as a journal's line has them."""
    return event_of(kind, details if deployment is None else {"deployment": deployment} | details)


def _backdate_end(journal: Path) -> None:
    """The events were stamped now, by both clocks; the synthetic load ended at its planned end."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        if line["event"] == "load_finished":
            line["wall"] += LOAD_START + SECONDS - line["mono"]
            line["mono"] = LOAD_START + SECONDS
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_run(layout: Layout, name: str, replica: int, course: Course, generations: int) -> None:
    t = np.arange(0.5, SECONDS, 1.0)
    length = SECONDS / generations
    process = SegmentWriter(layout.source(name, "process", replica))
    rows = [
        {
            "mono": LOAD_START + at,
            "entity": "tree",
            "generation": 1 + int(at // length),
            "missed": 0,
            PRIMARY: float(value),
            "process_cpu_seconds_total": 0.01 * (at % length),
        }
        for at, value in zip(t, course(t % length), strict=True)
    ]
    process.append(0.0, rows)
    process.close()
    folder = layout.source(name, "requests", replica)
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in _requests(generations).items():
        (folder / file).write_bytes(content)


@cache
def _requests(generations: int) -> Mapping[str, bytes]:
    """The files of the requests of a run, which are those of every other run with as many generations."""
    length = SECONDS / generations
    with TemporaryDirectory() as folder:
        writer = SegmentWriter(Path(folder))
        writer.append(0.0, [_request(at, 1 + int(at // length)) for at in np.arange(0.1, SECONDS, 1 / RATE)])
        writer.close()
        seal_tree(Path(folder))  # an analysis reads them several times, and sealed ones in a tenth of the time
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def unsealed(folder: Path) -> Path:
    """The one file of a folder of rows as lines, for a test that changes some."""
    (file,) = folder.iterdir()
    if file.name.endswith(LIVE):
        return file
    live = live_twin(file)
    live.write_text("".join(json.dumps(row) + "\n" for row in pq.read_table(file).to_pylist()))
    file.unlink()
    return live


def _request(at: float, generation: int) -> dict[str, Any]:
    sent = LOAD_START + at
    return {
        "generation": generation,
        "scheduled": sent,
        "sent": sent,
        "first_token": sent + 0.01,
        "last_token": sent + 0.05,
        "finished": sent + 0.05,
        "streaming": True,
        "prompt_tokens": 15,
        "output_tokens_asked": 5,
        "output_tokens": 5,
        "status": "ok",
        "error": None,
        "held": False,
    }


def leak(per_request: float) -> Course:
    return lambda t: 100 * MIB + np.floor(per_request * RATE * t / 4096) * 4096


def flat(t: np.ndarray) -> np.ndarray:
    return np.full(t.size, 100.0 * MIB)


def memory_finding(findings: Findings, deployment: str) -> Finding:
    (found,) = (f for f in findings.findings if (f.deployment, f.indicator) == (deployment, PRIMARY))
    return found


def with_requests(root: Path, changed: dict[int, dict[str, Any]]) -> Results:
    """A quiet run whose requests number k are as ``changed[k]`` says."""
    synthetic(root, {"server": flat})
    folder = Layout(root).source("server", "requests", 1)
    (old,) = folder.iterdir()
    old.unlink()
    writer = SegmentWriter(folder)
    for k, at in enumerate(np.arange(0.1, SECONDS, 1 / RATE)):
        sent = LOAD_START + float(at)
        defaults: dict[str, Any] = {
            "index": k,
            "generation": 1,
            "scheduled": sent,
            "sent": sent,
            "first_token": sent + 0.01,
            "last_token": sent + 0.05,
            "finished": sent + 0.05,
            "streaming": True,
            "prompt_tokens": 15,
            "output_tokens_asked": 5,
            "output_tokens": 5,
            "http_status": 200,
            "status": "ok",
            "error": None,
            "held": False,
        }
        writer.append(0.0, [request_row(RequestRecord(**(defaults | changed.get(k, {}))))])
    writer.close()
    return open_results(root)


def mistakes(text: str) -> dict[str, Mistake]:
    """The mistakes of a campaign file, by key."""
    with pytest.raises(CampaignError) as caught:
        parse_campaign(text, KINDS)
    return {mistake.where: mistake for mistake in caught.value.mistakes}


def launch(plugin: type, model: str | None = None, **options: object) -> Launch:
    table = {"name": "a", "kind": plugin.kind, "port": 18080, **options}  # type: ignore[attr-defined]
    launched: Launch = plugin(plugin.options_table.model_validate(table), model).launch()  # type: ignore[attr-defined]
    return launched
