"""Early looks: a running campaign is judged at planned times and ended once it has failed.

The looks share one error probability: each, the last one at the end included, uses its
level of O'Brien–Fleming spending. A campaign never ends early with a pass, since a leak
may still appear.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aging.campaign.schema import Campaign
from aging.check.conditions import Condition, Judgement, Outcome, judge
from aging.core.format import readable_duration
from aging.core.worker import WorkerError, call
from aging.findings.build import analyze
from aging.runner.catalogue import Catalogue
from aging.stats import look_levels
from aging.store.events import Event, Journalize, LookFailed
from aging.store.journal import JournalFollower
from aging.store.layout import Layout
from aging.store.results import Results, open_results

_POLL_SECONDS = 1.0
_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of a campaign: conditions on deployments, at ``looks`` equally spaced times of its window."""

    conditions: Sequence[Condition]
    deployments: Sequence[str]
    looks: int

    @property
    def levels(self) -> list[float]:
        """The p that a failure must meet at each look, the last at the end."""
        return [self.level(number) for number in range(1, self.looks + 1)]

    def level(self, look: int, failed: Collection[int] = ()) -> float:
        """The same at one look, counted from 1. Looks that ``failed`` spend none of the error probability."""
        numbers = [number for number in range(1, self.looks + 1) if number not in failed]
        return float(look_levels(np.array(numbers, dtype=np.float64), _ALPHA)[numbers.index(look)])

    def times(self, warmup: float, duration: float) -> list[float]:
        """Seconds from the start of load of the looks before the end."""
        return [warmup + (duration - warmup) * k / self.looks for k in range(1, self.looks)]


def failed(results: Results, gate: Gate, level: float) -> list[Judgement]:
    """The conditions that the results so far have failed at this ``level``."""
    findings = analyze(results, Catalogue.discovered().tests)
    judgements = judge(findings, gate.conditions, gate.deployments, level)
    return [judgement for judgement in judgements if judgement.outcome is Outcome.FAILED]


async def watch(
    gate: Gate, campaign: Campaign, layout: Layout, decided: Callable[[str], None], record: Journalize
) -> None:
    """Look at each planned time; call ``decided`` with the reason, and return, at the first failure.

    ``record`` writes to the journal; a look that crashes is recorded there as ``look_failed`` and finds nothing.
    """
    start = await _start_of_load(layout)
    crashed: set[int] = set()
    for number, at in enumerate(gate.times(campaign.warmup or 0.0, campaign.duration), start=1):
        await asyncio.sleep(max(start + at - time.monotonic(), 0.0))
        level = gate.level(number, crashed)
        if level == 0:
            continue
        try:
            messages = await call(look, _job(gate, layout, level))
        except WorkerError as error:
            crashed.add(number)
            record(LookFailed(look=number, looks=gate.looks, exit=error.status, log=list(error.lines)))
            continue
        if messages:
            saved = readable_duration(max(start + campaign.duration - time.monotonic(), 0.0))
            decided(f"look {number} of {gate.looks}, {saved} before the end: {'; '.join(messages)}")
            return


def failed_looks(events: Iterable[Event]) -> frozenset[int]:
    """The looks that crashed, counted from 1."""
    return frozenset(event.look for event in events if isinstance(event, LookFailed))


async def _start_of_load(layout: Layout) -> float:
    with JournalFollower(layout.journal) as journal:
        while True:
            starts = [run.load_start for run in journal.state().runs.values() if run.load_start]
            if starts:
                return min(starts)
            await asyncio.sleep(_POLL_SECONDS)


def _job(gate: Gate, layout: Layout, level: float) -> dict[str, Any]:
    return {
        "root": str(layout.root),
        "conditions": [asdict(condition) for condition in gate.conditions],
        "deployments": list(gate.deployments),
        "level": level,
    }


def look(job: Mapping[str, Any]) -> list[str]:
    """The messages of failed conditions. It runs in a worker process: an analysis would grow the runner's memory."""
    gate = Gate([Condition(**condition) for condition in job["conditions"]], job["deployments"], looks=1)
    return [judgement.message for judgement in failed(open_results(job["root"], checked=True), gate, job["level"])]
