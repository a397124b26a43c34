"""Looking early: a running campaign is judged at planned times, and ended once it has failed.

The looks share one error: each is held to the level that O'Brien–Fleming spending
leaves it, the last one, at the end, included. A campaign is never ended early to
pass, for a leak that has not shown may still come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aging.campaign.schema import Campaign
from aging.check.conditions import Condition
from aging.core.format import readable_duration
from aging.core.worker import WorkerError, call
from aging.store.events import Event, Journalize, LookFailed
from aging.store.journal import JournalFollower
from aging.store.layout import Layout

_POLL_SECONDS = 1.0
_ALPHA = 0.05
_LOOK = "aging.check.look:look"
"""By name: what it imports is never the runner's."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a campaign is judged by: conditions on deployments, at ``looks`` equally spaced times of its window."""

    conditions: Sequence[Condition]
    deployments: Sequence[str]
    looks: int

    @property
    def levels(self) -> list[float]:
        """The p that a failure must meet at each look, the last at the end."""
        return [self.level(number) for number in range(1, self.looks + 1)]

    def level(self, look: int, failed: Collection[int] = ()) -> float:
        """The same at one look, counted from 1. The looks that ``failed`` have spent nothing of the error."""
        from aging.stats.multiple.group_sequential import look_levels  # noqa: PLC0415 - scipy, not for the runner

        numbers = [number for number in range(1, self.looks + 1) if number not in failed]
        return float(look_levels(numbers, _ALPHA)[numbers.index(look)])

    def times(self, warmup: float, duration: float) -> list[float]:
        """Seconds from the start of load of the looks before the end."""
        return [warmup + (duration - warmup) * k / self.looks for k in range(1, self.looks)]


async def watch(
    gate: Gate, campaign: Campaign, layout: Layout, decided: Callable[[str], None], tell: Journalize
) -> None:
    """Look at each planned time; call ``decided`` with the reason, and return, at the first failure.

    ``tell`` writes the journal: a look that crashes has found nothing, and is recorded.
    """
    start = await _start_of_load(layout)
    crashed: set[int] = set()
    for number, at in enumerate(gate.times(campaign.warmup or 0.0, campaign.duration), start=1):
        await asyncio.sleep(max(start + at - time.monotonic(), 0.0))
        try:
            messages = await call(_LOOK, _job(gate, layout, number, crashed))
        except WorkerError as error:
            crashed.add(number)
            tell(LookFailed(look=number, looks=gate.looks, exit=error.status, log=list(error.lines)))
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


def _job(gate: Gate, layout: Layout, look: int, crashed: Collection[int]) -> dict[str, Any]:
    return {"root": str(layout.root), "gate": asdict(gate), "look": look, "crashed": list(crashed)}
