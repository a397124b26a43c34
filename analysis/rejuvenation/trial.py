"""What the trials of zero loss share: how much load, on which servers, and what comes of it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aging.campaign.schema import LoadTable
from aging.load.job import load_table
from analysis.rejuvenation.accounting import Count

SEED = 17
TTFT_SECONDS, TOKEN_SECONDS = 0.01, 0.01
"""Of the servers: a median answer takes 0.1 s, so that there are always requests in flight."""

LOAD: Mapping[str, Any] = {
    "prompt_tokens": {"median": 24, "p95": 48, "min": 4, "max": 96},
    "output_tokens": {"median": 10, "p95": 30, "min": 2, "max": 60},
    "streaming_share": 0.5,
    "concurrency_cap": 5000,
    "timeout": "60s",
    "drain": "60s",
}

LEAK: Mapping[str, str | float] = {
    "leak_per_request": "16KiB",
    "retained": 0.5,
    "cache_per_request": "16KiB",
    "cache_limit": "32MiB",
}
"""Of the servers, as keys of a deployment, so that each action has something to free."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many requests a trial sends, at how many a second; its files go into ``folder``."""

    requests: int
    rate: float
    folder: Path

    @property
    def seconds(self) -> float:
        return self.requests / self.rate

    def load(self) -> LoadTable:
        return load_table({"arrivals": {"kind": "poisson", "rate": self.rate}, **LOAD})


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one: the requests, how many rejuvenations were done and how many failed, and seconds of load.

    ``kills`` of the runner came in the middle of an action; after the resume it was ``finished`` (the action was done),
    or else ``undone`` (a server from before or a new one answers). ``command`` is what was run.
    """

    count: Count
    done: int
    failed: int
    seconds: float
    kills: int = 0
    finished: int = 0
    undone: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)


def written(value: Any) -> str:
    """A value as a campaign file has it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {written(inner)}" for key, inner in value.items()) + " }"
    return f'"{value}"' if isinstance(value, str) else str(value)


def free_port() -> int:
    """A loopback port that no process uses just now."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


def aging(*arguments: str | Path) -> Sequence[str]:
    """A command line of the package."""
    return [sys.executable, "-m", "aging", *map(str, arguments)]


def completed(argv: Sequence[str], log: Path) -> int:
    """Run a command to its end, its output to ``log``; its exit status."""
    with log.open("ab") as output:
        return subprocess.run(argv, stdout=output, stderr=output, check=False).returncode
