"""The sampling loop: each sampler on its own drift-free ticks, in its own thread, with a deadline.

A sampler that raises or hangs costs its own ticks, with the reason in the row; the
others never wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.core.clock import Clocks, Stamp, Tick, ticks
from aging.core.records import Reading, stored_under
from aging.sampling.base import Sampler
from aging.sampling.clock_jumps import ClockJumpDetector
from aging.sampling.reader import SamplerThread, nothing, within
from aging.store.events import Journalize, SamplerFailing, SamplerRecovered
from aging.store.segments import Sealer, SegmentWriter


@dataclass(frozen=True, slots=True)
class Plan:
    """A sampler with the seconds between two reads, and the most seconds that one may take."""

    sampler: Sampler
    interval: float
    deadline: float = 5.0


class Sampling:
    """Runs samplers until cancelled.

    ``folder(owner, source)`` is where an owner's rows go now; ``seen`` is handed
    every good reading (the rejuvenation's live view). ``clocks`` are read at every tick;
    ``shift`` is how far they are ahead of this boot's monotonic clock, which stamps of readings are on.
    """

    def __init__(
        self,
        folder: Callable[[str, str], Path],
        report: Journalize,
        seen: Callable[[Reading], None],
        clocks: Callable[[], Clocks] = Clocks.now,
        shift: float = 0.0,
    ) -> None:
        self._folder = folder
        self._report = report
        self._seen = seen
        self._clocks = clocks
        self._shift = shift
        self._jumps = ClockJumpDetector(report)
        self._writers: dict[Path, SegmentWriter] = {}
        self._sealer = Sealer(report)

    async def run(self, plan: Plan, start: float) -> None:
        """Tick ``plan``'s sampler from monotonic time ``start`` on."""
        kind = plan.sampler.kind
        plan.sampler.interval = plan.interval
        reader = SamplerThread(plan.sampler)
        pending: Future[list[Reading]] | None = None
        failing = False
        try:
            async for tick in ticks(plan.interval, start):
                now = self._clocks()
                self._jumps.look(now)  # at every sampler's ticks: no single sampler is required
                stamp = now.stamp
                if pending is not None and not pending.done():
                    self._write(kind, stamp, tick, nothing(f"the {kind} sampler is still reading"))
                    continue
                pending = reader.read()
                readings, reason = await within(pending, plan.deadline, kind)
                if reason and not failing:
                    self._report(SamplerFailing(sampler=kind, reason=reason))
                if failing and not reason:
                    self._report(SamplerRecovered(sampler=kind))
                failing = reason is not None
                self._write(kind, stamp, tick, readings)
        finally:
            reader.stop()

    def seal(self, leftovers: Iterable[Path]) -> None:
        """Seal the files that an earlier runner left open."""
        for live in leftovers:
            self._sealer.add(live)
        self._sealer.start_next()

    def finish(self, run: Path) -> None:
        """Close the segments of a run that has ended, below its folder: many runs would keep many files open."""
        for folder in [folder for folder in self._writers if run in folder.parents]:
            self._writers.pop(folder).close()

    def close(self) -> None:
        """Close every segment."""
        for writer in self._writers.values():
            writer.close()
        self._sealer.wait()

    def _write(self, kind: str, stamp: Stamp, tick: Tick, readings: Iterable[Reading]) -> None:
        rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for reading in readings:
            if reading.values:
                self._seen(reading)
            own = reading.stamp
            at = stamp if own is None else Stamp(own.wall, own.mono + self._shift)
            place = reading.owner, stored_under(kind, reading.entity)
            rows.setdefault(place, []).append(_row(at, tick, reading))
        for place, new in rows.items():
            folder = self._folder(*place)
            if folder not in self._writers:
                self._writers[folder] = SegmentWriter(folder, self._sealer)
            self._writers[folder].append(stamp.wall, new)


def _row(stamp: Stamp, tick: Tick, reading: Reading) -> dict[str, Any]:
    row: dict[str, Any] = {
        "wall": round(stamp.wall, 6),
        "mono": round(stamp.mono, 6),
        "generation": reading.generation,
        "entity": reading.entity,
        "late": round(tick.late, 6),
        "missed": tick.missed,
        "missing": json.dumps(dict(reading.missing)) if reading.missing else None,
    }
    if reading.pids:
        row["pids"] = " ".join(map(str, reading.pids))
    if reading.lineage is not None:
        row["parent"] = reading.lineage.parent
        if reading.lineage.command is not None:
            row["command"] = reading.lineage.command
    if reading.described is not None:
        row["described"] = reading.described
    return row | dict(reading.values)
