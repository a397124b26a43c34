"""Result directories that can be compared: alike in all but what a test changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.builders import MIB, RATE, SECONDS, Course, synthetic


def noisy(per_request: float, seed: int) -> Course:
    """A leak of separate losses."""
    losses = np.random.default_rng(seed).exponential(per_request, int(RATE * SECONDS))
    total = np.append(0.0, np.cumsum(losses))
    return lambda t: 100 * MIB + np.floor(total[(t * RATE).astype(int)] / 4096) * 4096


def made(root: Path, memory: Mapping[str, Course], replicas: int = 1, **changes: Any) -> Path:
    """A result directory whose manifest has these ``changes`` (``campaign.load.timeout=…`` with dots as ``__``)."""
    synthetic(root, memory, replicas=replicas)
    edit(root, lambda content: content["campaign"].update(name=root.name, duration_seconds=float(SECONDS)))
    for key, value in changes.items():
        *path, last = key.split("__")

        def change(content: Any, path: Sequence[str] = path, last: str = last, value: Any = value) -> None:
            for part in path:
                content = content[int(part)] if isinstance(content, list) else content.setdefault(part, {})
            content[last] = value

        edit(root, change)
    if "schedule_hashes" in changes:
        driven(root, changes["schedule_hashes"]["server/r01"])
    return root


def driven(root: Path, schedule: str) -> None:
    """The load drove this schedule."""
    journal = root / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        if line["event"] == "load_finished":
            line["schedule_hash"] = schedule
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))


def edit(root: Path, change: Callable[[Any], object]) -> None:
    path = root / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
