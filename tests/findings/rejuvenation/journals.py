"""Runs on disk whose requests and rejuvenations are known one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aging.findings.rejuvenation.effects import effects_of
from aging.findings.series import Measured
from aging.findings.types import RejuvenationEffect
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from tests.builders import LOAD_START, RATE, with_requests

Line = tuple[float, str, Mapping[str, Any]]
"""Seconds of load, the kind of an event, and its keys."""


def due(index: int) -> float:
    """When the request of this number is due, in monotonic seconds: the first at 0.1 s, then four a second."""
    return LOAD_START + 0.1 + index / RATE


def started(at: float, generation: int = 1, **keys: Any) -> Line:
    return at, "rejuvenation_started", {"generation": generation, "action": "restart", "policy": "threshold"} | keys


def completed(at: float, generation: int = 2, **keys: Any) -> Line:
    return at, "rejuvenation_completed", {"generation": generation, "seconds": 10.0} | keys


def held(index: int, sent: float) -> dict[str, Any]:
    """A request that waited until ``sent`` seconds of load."""
    at = LOAD_START + sent
    return {"held": True, "sent": at, "first_token": at + 0.01, "last_token": at + 0.05, "finished": at + 0.05} | {
        "index": index
    }


def failed(failure: str | None = "reset", **keys: Any) -> dict[str, Any]:
    return {"status": "error", "failure": failure, "error": "why", "first_token": None, "last_token": None} | keys


def run_of(
    root: Path, lines: Sequence[Line], changed: Mapping[int, dict[str, Any]] | None = None, **manifest: Any
) -> Results:
    """A run of 3,600 requests with these events, some requests ``changed``; ``manifest`` are keys of its campaign."""
    with_requests(root, dict(changed or {}))
    layout = Layout(root)
    journal = layout.journal.read_text().splitlines()
    keys = {"deployment": "server", "replica": 1, "wall": 1_790_000_000.0}
    inserted = [
        json.dumps(keys | {"wall": keys["wall"] + at, "mono": LOAD_START + at, "event": kind} | more)  # type: ignore[operator]
        for at, kind, more in lines
    ]
    end = next(place for place, line in enumerate(journal) if '"load_finished"' in line)
    layout.journal.write_text("\n".join([*journal[:end], *inserted, *journal[end:]]) + "\n")
    if manifest:
        content = json.loads(layout.manifest.read_text())
        content["campaign"] |= manifest
        layout.manifest.write_text(json.dumps(content))
    return open_results(root)


def effects(results: Results) -> list[RejuvenationEffect]:
    return effects_of(Measured(results), [])
