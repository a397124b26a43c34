"""A small campaign on disk, written with the store's own writers; its numbers are made up but seeded."""

from __future__ import annotations

import atexit
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.types import Control, Finding, Findings
from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from aging.store.segments import SegmentWriter
from tests.builders import event

MIB = 2.0**20
WALL = 1_790_000_000.0
MONO = 5_000.0
LOAD_START = MONO + 4.0


@dataclass(frozen=True)
class Server:
    """One deployment under test: its memory grows by ``per_hour`` bytes on a level of ``level`` bytes."""

    name: str
    level: float = 120 * MIB
    per_hour: float = 0.0
    ttft: float = 0.02
    known_ageing: Mapping[str, Any] | None = None
    dies_at: float | None = None
    dies_saying: Sequence[str] = ()
    restarts_at: Sequence[float] = ()
    replicas: int = 1
    loaded: bool = True


@dataclass(frozen=True)
class Made:
    """What the fixture builds: the servers and the campaign around them."""

    servers: Sequence[Server]
    name: str = "synthetic"
    description: str = "A made-up campaign"
    seconds: int = 180
    warmup: float = 30.0
    grid: float = 5.0
    interval: float = 1.0
    ends: str | None = "campaign_completed"
    campaign_file: str = 'name = "synthetic"\n'
    manifest: Mapping[str, Any] = field(default_factory=dict)


FOUR = (
    Server("llama-no-cache", 96 * MIB),
    Server("llama-default", 130 * MIB, 40 * MIB, 0.035),
    Server("reference-clean", 31 * MIB, known_ageing={"indicator": PRIMARY, "per_request": 0, "per_hour": 0}),
    Server(
        "reference-leak", 31 * MIB, 57.6 * MIB, known_ageing={"indicator": PRIMARY, "per_request": 4096, "per_hour": 0}
    ),
)


class _Clock:
    """Stands in for the wall and the monotonic clock of the journal's stamps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("aging.core.clock.time.time", lambda: WALL + self.now)
        monkeypatch.setattr("aging.core.clock.time.monotonic", lambda: MONO + self.now)


Build = Callable[[Made], Results]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Write a campaign below the test's own folder and open it."""
    return lambda made: write_campaign(tmp_path / made.name / "20260921T143320Z", made)


def write_campaign(root: Path, made: Made) -> Results:
    """Write every file that a campaign leaves, but for what is derived; many tests want the same one."""
    name = repr(made)
    if name not in _WRITTEN:
        folder = TemporaryDirectory()
        atexit.register(folder.cleanup)
        _WRITTEN[name] = Path(folder.name) / "campaign"
        _write_campaign(_WRITTEN[name], made)
    shutil.copytree(_WRITTEN[name], root)
    return open_results(root)


_WRITTEN: dict[str, Path] = {}


def _write_campaign(root: Path, made: Made) -> None:
    root.mkdir(parents=True)
    layout = Layout(root)
    layout.campaign.write_text(made.campaign_file, encoding="utf-8")
    layout.manifest.write_text(json.dumps(_manifest(made)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as monkeypatch:
        _write_journal(layout, made, _Clock(monkeypatch))
    for number, server in enumerate(made.servers):
        for replica in range(1, server.replicas + 1 if server.loaded else 1):
            _write_run(layout, made, server, replica, np.random.default_rng([number, replica]))
    clients = [f"client-{server.name}" for server in made.servers if server.loaded]
    rows = [
        _sample(t, 1, name, 40 * MIB + place * MIB)
        for t in np.arange(0, made.seconds, made.interval)
        for place, name in enumerate(["runner", *clients])
    ]
    _write(layout.source(HARNESS, "process"), rows if clients else [])


def _manifest(made: Made) -> dict[str, Any]:
    return {
        "schema": 1,
        "aging_version": "0.1.0",
        "command_line": ["aging", "run", "campaigns/synthetic.toml"],
        "python": "3.11.7",
        "campaign": {
            "name": made.name,
            "description": made.description,
            "seed": 7,
            "replicas": max((server.replicas for server in made.servers), default=1),
            "duration_seconds": float(made.seconds),
            "warmup_seconds": made.warmup,
            "load": {"concurrency_cap": 64, "arrivals": {"kind": "poisson", "rate": 4.0}},
            "analysis": {"grid_seconds": made.grid, "q": 0.1, "test": "hamed_rao"},
            "rejuvenation": None,
        },
        "seed": 7,
        "schedule_hashes": {"reference-leak/r01": "ab12"},
        "model": None,
        "deployments": [
            {
                "name": server.name,
                "kind": "reference" if server.known_ageing else "llama_cpp",
                "command": ["python", "-m", "server", "--port", "9000"],
                "known_ageing": server.known_ageing,
                "packages": {},
            }
            for server in made.servers
        ],
        "host": {"name": "bench-01", "kernel": "6.1.0", "cores": 2, "memory_bytes": 8 * 2**30},
        "packages": {"numpy": "2.2.0", "httpx": "0.28.1"},
    } | dict(made.manifest)


def _write_journal(layout: Layout, made: Made, clock: _Clock) -> None:
    journal = Journal(layout.journal)
    journal.record(event("campaign_started", name=made.name, pid=100))
    journal.record(event("sampler_unavailable", sampler="device", reason="no NVIDIA driver"))
    loaded = [(s, r) for s in made.servers for r in range(1, s.replicas + 1)]
    for server, replica in loaded:
        command = ["python", "-m", "server"]
        journal.record(
            event("deployment_started", server.name, replica=replica, generation=1, pid=200, command=command)
        )
    clock.now = 3.0
    for server, replica in loaded:
        if server.loaded:
            journal.record(event("deployment_ready", server.name, replica=replica, generation=1, seconds=2.5))
            planned = {"load_start": LOAD_START, "planned_seconds": float(made.seconds), "pid": 300}
            journal.record(event("load_started", server.name, replica=replica, **planned))
    later = sorted(_later(made), key=lambda one: one[0])
    for at, kind, server, details in later:
        clock.now = at + LOAD_START - MONO
        journal.record(event(kind, server.name, **details))
    clock.now = made.seconds + 6.0
    if made.ends:
        journal.record(event(made.ends))
    journal.close()


def _later(made: Made) -> Iterator[tuple[float, str, Server, dict[str, Any]]]:
    for server in made.servers:
        for replica in range(1, server.replicas + 1):
            for number, at in enumerate(server.restarts_at, 2):
                how = {"action": "restart", "reason": "60s old"}
                yield at, "rejuvenation_started", server, {"replica": replica, "generation": number - 1} | how
                started = {"replica": replica, "generation": number, "pid": 200 + number, "command": ["server"]}
                yield at + 0.5, "deployment_started", server, started
            if server.dies_at is not None:
                lines = list(server.dies_saying)
                died = {"replica": replica, "generation": 1, "why": "killed by SIGKILL", "log": lines}
                yield server.dies_at, "deployment_died", server, died
                yield server.dies_at + 1, "load_finished", server, {"replica": replica, "schedule_hash": "ab12"}
            elif made.ends and server.loaded:
                yield made.seconds + 1.0, "load_finished", server, {"replica": replica, "schedule_hash": "ab12"}


def _write_run(layout: Layout, made: Made, server: Server, replica: int, rng: np.random.Generator) -> None:
    end = made.seconds if server.dies_at is None else server.dies_at
    times = np.arange(-2.0, end, made.interval)
    since = [0.0, *server.restarts_at]
    rows = []
    for t in times:
        generation = int(np.searchsorted(server.restarts_at, t, side="right")) + 1
        age = t - since[generation - 1]
        settling = 6 * MIB * (1 - math.exp(-max(age, 0) / 8))
        noise = 4096 * float(rng.integers(-12, 13))
        rows.append(_sample(t, generation, "tree", server.level + settling + server.per_hour * age / 3600 + noise))
    _write(layout.source(server.name, "process", replica), rows)
    arrivals = np.cumsum(rng.exponential(0.25 * made.interval, int(end * 5 / made.interval)))
    _write(
        layout.source(server.name, "requests", replica),
        [_request(number, float(at), server, rng) for number, at in enumerate(arrivals[arrivals < end])],
    )


def _sample(t: float, generation: int, entity: str, memory: float) -> dict[str, Any]:
    return {
        "wall": WALL + 4 + t,
        "mono": LOAD_START + t,
        "generation": generation,
        "entity": entity,
        "late": 0.001,
        "missed": 0,
        "missing": None,
        PRIMARY: memory,
        "process_rss_bytes": memory + 9 * MIB,
        "process_fds": 14,
        "process_threads": 3,
        "process_cpu_seconds_total": 0.2 * (t + 10),
    }


def _request(number: int, at: float, server: Server, rng: np.random.Generator) -> dict[str, Any]:
    sent = LOAD_START + at
    ttft = server.ttft * float(rng.lognormal(0, 0.4))
    failed = number % 97 == 96
    return {
        "index": number,
        "generation": int(np.searchsorted(server.restarts_at, at, side="right")) + 1,
        "scheduled": sent,
        "sent": sent,
        "first_token": None if failed else sent + ttft,
        "last_token": None if failed else sent + 4 * ttft,
        "finished": sent + 4 * ttft,
        "streaming": number % 10 < 7,
        "prompt_tokens": 20,
        "output_tokens_asked": 8,
        "output_tokens": None if failed else 8,
        "http_status": None if failed else 200,
        "status": "error" if failed else "ok",
        "error": "connection reset" if failed else None,
        "held": False,
    }


def _write(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    writer = SegmentWriter(folder)
    if rows:
        writer.append(WALL, rows)
    writer.close()


def finding(deployment: str, verdict: str = "stable", **changes: Any) -> Finding:
    """A finding about the primary indicator that knows everything; ``changes`` make it know less."""
    known = Finding(
        deployment=deployment,
        indicator=PRIMARY,
        replicas=1,
        n=30,
        verdict=verdict,  # type: ignore[arg-type]
        shape=None,
        slope_per_hour=1.25 * MIB,
        ci_per_hour=(0.5 * MIB, 2 * MIB),
        slope_per_request=91.0,
        ci_per_request=(36.4, 145.6),
        p=0.2,
        q=0.3,
        minimum_detectable_per_hour=1.07 * MIB,
        tests={"hamed_rao": 0.2, "mann_kendall": 0.0004},
    )
    return replace(known, **changes)


def leaking(deployment: str) -> Finding:
    """A finding of 57.6 MiB an hour, 4096 B a request."""
    return finding(
        deployment,
        "aging",
        slope_per_hour=57.6 * MIB,
        ci_per_hour=(56.9 * MIB, 58.1 * MIB),
        slope_per_request=4096.0,
        ci_per_request=(4046.0, 4131.0),
        p=1e-9,
        q=4e-9,
    )


def control(deployment: str, *, ages: bool, passed: bool = True) -> Control:
    """The outcome of a control."""
    return Control(
        deployment=deployment,
        indicator=PRIMARY,
        expected="aging" if ages else "not aging",
        expected_per_hour=57.6 * MIB if ages else 0.0,
        verdict="aging" if ages == passed else "stable",
        slope_per_hour=57.4 * MIB,
        ci_per_hour=(56.9 * MIB, 58.1 * MIB),
        passed=passed,
    )


def findings_of(findings: Sequence[Finding] = (), **changes: Any) -> Findings:
    """Findings of the synthetic campaign."""
    return replace(Findings(1, "synthetic", "2026-09-21T14:33:20+00:00", findings, (), ()), **changes)
