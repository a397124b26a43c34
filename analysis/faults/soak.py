"""A campaign whose runner is killed in the middle and taken up by another, again and again: what was lost?

Nothing is simulated: ``aging run`` in a process of its own, SIGKILL at drawn instants, some time with no runner,
``aging resume``. Afterwards the directory alone is asked what it knows, the instants of the kills beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from aging.core.quantities import parse_duration
from aging.store.events import LoadFinished, LoadStarted
from aging.store.results import Results, open_results

_AGING = (sys.executable, "-m", "aging")
_AWAY_SECONDS = (20.0, 60.0)
_MARGIN = 0.15
"""Of the load, at its beginning and its end, that no kill is drawn from."""

Absence = tuple[float, float]
"""From a kill to the first line of the runner that took over, in monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the directory kept of one deployment. Times in seconds."""

    deployment: str
    generations: int
    samples: int
    duplicate_samples: int
    lost_before_kills: float
    """The longest that any kill came after the last sample before it."""
    longest_gap: float
    """Between samples, where there was a runner."""
    requests: int
    duplicate_requests: int
    unsent: int
    """Arrivals that were due while there was no runner."""
    unaccounted: int | None
    """Arrivals of the schedule that are neither recorded nor told as unsent; None where no load came to its end."""


def main() -> None:
    """Run it and print what was kept, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("--duration", default="2h")
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args()
    rng = Random(options.seed)
    length = parse_duration(options.duration)
    share = (1 - 2 * _MARGIN) / options.kills
    instants = [length * (_MARGIN + share * (number + rng.random())) for number in range(options.kills)]
    kills, root = soaked(options.campaign, options.duration, instants, options.results, rng)
    results = open_results(root)
    away = absences(results, kills)
    print(f"{root}")
    for kill, (gone, back) in zip(kills, away, strict=True):
        print(f"killed {kill - load_start(results):.0f} s into the load; away for {back - gone:.1f} s")
    print(json.dumps([asdict(kept(results, name, kills, away)) for name in results.deployments], indent=1))


def soaked(
    campaign: Path, duration: str, instants: Sequence[float], folder: Path, rng: Random
) -> tuple[list[float], Path]:
    """Run a campaign, killed so many seconds into its load; the kills in monotonic seconds, and its directory."""
    before = set(folder.glob("*/*/journal.jsonl"))
    runner = subprocess.Popen([*_AGING, "run", "--duration", duration, "--results", str(folder), str(campaign)])
    while not (found := set(folder.glob("*/*/journal.jsonl")) - before):
        _still(runner)
    root = found.pop().parent
    while (start := _load_start(root)) is None:
        _still(runner)
    kills = []
    for instant in instants:
        while time.monotonic() < start + instant:
            _still(runner)
        kills.append(time.monotonic())
        runner.kill()
        runner.wait()
        time.sleep(rng.uniform(*_AWAY_SECONDS))
        runner = subprocess.Popen([*_AGING, "resume", str(root)])
    runner.wait()
    return kills, root


def _still(runner: subprocess.Popen[bytes]) -> None:
    if runner.poll() is not None:
        sys.exit(f"the campaign ended by itself, with exit status {runner.returncode}")
    time.sleep(1.0)


def _load_start(root: Path) -> float | None:
    try:
        return load_start(open_results(root))
    except (StopIteration, OSError):
        return None


def load_start(results: Results) -> float:
    """When the load began, in monotonic seconds; raises StopIteration where it has not."""
    return next(event.load_start for event in results.events if isinstance(event, LoadStarted))


def absences(results: Results, kills: Sequence[float]) -> list[Absence]:
    """When there was no runner."""
    back = [event.stamp.mono for event in results.events if event.kind == "campaign_resumed"]
    return list(zip(kills, back, strict=True))


def kept(results: Results, deployment: str, kills: Sequence[float], away: Sequence[Absence]) -> Kept:
    """What is there of a deployment."""
    samples = results.samples(deployment, "process")
    requests = results.requests(deployment)
    times = np.unique(samples["mono"].to_numpy())
    events = results.events_of(deployment, 1)
    due = max((event.requests or 0 for event in events if isinstance(event, LoadFinished)), default=None)
    unsent = unsent_of(results, deployment)
    return Kept(
        deployment,
        generations=int(samples["generation"].nunique()),
        samples=len(samples),
        duplicate_samples=int(samples.duplicated(["mono", "entity"]).sum()),
        lost_before_kills=round(max((kill - times[times < kill].max() for kill in kills), default=0.0), 2),
        longest_gap=round(_longest_gap(times, away), 2),
        requests=len(requests),
        duplicate_requests=int(requests["index"].duplicated().sum()),
        unsent=unsent,
        unaccounted=None if due is None else due - unsent - len(requests),
    )


def unsent_of(results: Results, deployment: str) -> int:
    """What the findings say was due and not sent."""
    told = json.loads(results.layout.findings.read_text(encoding="utf-8"))["problems"]
    mine = pd.Series([one["message"] for one in told if (one["kind"], one["deployment"]) == ("unsent", deployment)])
    return int(mine.str.split().str[0].astype(int).sum()) if mine.size else 0


def _longest_gap(times: np.ndarray, away: Sequence[Absence]) -> float:
    gaps = [
        later - earlier
        for earlier, later in pairwise(times)
        if not any(earlier < back and later > gone for gone, back in away)
    ]
    return max(gaps, default=0.0)


if __name__ == "__main__":
    main()
