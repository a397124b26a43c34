"""Memory of glibc's allocators in servers that carry the probe: in use, and freed but kept.

A query walks the free chunks of every heap while their locks are held, so it is done once a minute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from aging.core import malloc_probe
from aging.core.processes.tree import Membership
from aging.core.records import HARNESS, Reading
from aging.core.targets import Target, Targets
from aging.sampling.base import Sampler


class AllocatorSampler(Sampler):
    """Sums over those processes of each deployment's tree that carry the probe; no reading where no process does."""

    kind = "allocator"
    default_interval = 60.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._membership = Membership()

    def read(self) -> Iterable[Reading]:
        targets = [target for target in self.targets() if target.owner != HARNESS]
        return list(_readings(zip(targets, self._membership.of(targets), strict=True)))


def _readings(members: Iterable[tuple[Target, Sequence[int]]]) -> Iterator[Reading]:
    for target, pids in members:
        heaps, reasons = {}, []
        for pid in pids:
            try:
                heaps[pid] = malloc_probe.ask(pid)
            except ConnectionRefusedError:  # it has no probe, or has ended
                continue
            except OSError as error:
                reasons.append(f"pid {pid}: its allocator probe does not answer: {error.strerror or error}")
        if reasons:  # a sum over the others would be a wrong number
            yield Reading(target.owner, target.entity, target.generation, {}, {"allocator": "; ".join(reasons)})
        elif heaps:
            yield Reading(target.owner, target.entity, target.generation, _sums(heaps.values()), {}, tuple(heaps))


def _sums(heaps: Collection[malloc_probe.Heap]) -> dict[str, float]:
    return {
        "allocator_in_use_bytes": sum(heap.in_use for heap in heaps),
        "allocator_retained_bytes": sum(heap.retained for heap in heaps),
        "allocator_trimmable_bytes": sum(heap.trimmable for heap in heaps),
    }
