"""Looking early: a running campaign is judged at planned times, and ended once it has failed.

The looks share one error: each is held to the level that O'Brien–Fleming spending
leaves it, the last one, at the end, included. A campaign is never ended early to
pass, for a leak that has not shown may still come.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from aging.campaign.schema import Campaign
from aging.catalogue import Catalogue
from aging.check import Condition, Judgement, Outcome, judge
from aging.clock import readable_duration
from aging.findings import analyse
from aging.journal import JournalFollower
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from aging.trends import look_levels

_POLL_SECONDS = 1.0
_ALPHA = 0.05

Tell = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a campaign is judged by: conditions on deployments, at ``looks`` equally spaced times of its window."""

    conditions: Sequence[Condition]
    deployments: Sequence[str]
    looks: int

    @property
    def levels(self) -> list[float]:
        """The p that a failure must meet at each look, the last at the end."""
        return [float(level) for level in look_levels(np.arange(1.0, self.looks + 1), _ALPHA)]

    def times(self, warmup: float, duration: float) -> list[float]:
        """Seconds from the start of load of the looks before the end."""
        return [warmup + (duration - warmup) * k / self.looks for k in range(1, self.looks)]


def failed(results: Results, gate: Gate, level: float) -> list[Judgement]:
    """The conditions that the results so far have failed at this ``level``."""
    findings = analyse(results, Catalogue.discovered().tests)
    judgements = judge(findings, gate.conditions, gate.deployments, level)
    return [judgement for judgement in judgements if judgement.outcome is Outcome.FAILED]


async def watch(gate: Gate, campaign: Campaign, layout: Layout, decided: Callable[[str], None]) -> None:
    """Look at each planned time; call ``decided`` with the reason, and return, at the first failure."""
    start = await _start_of_load(layout)
    times = gate.times(campaign.warmup or 0.0, campaign.duration)
    for number, (at, level) in enumerate(zip(times, gate.levels, strict=False), start=1):
        await asyncio.sleep(max(start + at - time.monotonic(), 0.0))
        if level > 0 and (messages := await _look(gate, layout, level)):
            saved = readable_duration(max(start + campaign.duration - time.monotonic(), 0.0))
            decided(f"look {number} of {gate.looks}, {saved} before the end: {'; '.join(messages)}")
            return


async def _start_of_load(layout: Layout) -> float:
    with JournalFollower(layout.journal) as journal:
        while True:
            starts = [run.load_start for run in journal.state().runs.values() if run.load_start]
            if starts:
                return min(starts)
            await asyncio.sleep(_POLL_SECONDS)


async def _look(gate: Gate, layout: Layout, level: float) -> list[str]:
    """The messages of what has failed, found by a process of its own: an analysis must not show in the runner."""
    job = {
        "root": str(layout.root),
        "conditions": [asdict(condition) for condition in gate.conditions],
        "deployments": list(gate.deployments),
        "level": level,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aging.early"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await process.communicate(json.dumps(job).encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    messages: list[str] = json.loads(said) if process.returncode == 0 else []
    return messages


def main() -> None:
    """One look: the job comes as JSON, the failed conditions' messages go back as JSON."""
    job = json.load(sys.stdin)
    gate = Gate([Condition(**condition) for condition in job["conditions"]], job["deployments"], looks=1)
    told = failed(open_results(job["root"], checked=True), gate, job["level"])
    sys.stdout.write(json.dumps([judgement.message for judgement in told]))


if __name__ == "__main__":
    main()
