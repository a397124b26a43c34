"""Samplers, one a file: the base contract.

A new sampler is a new file with one subclass of :class:`Sampler`; its ``kind`` is the
folder its rows go to and the key of ``[sampling]`` that sets its interval.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from aging.core.records import Reading

ENTRY_POINT_GROUP = "aging.sampling.samplers"


@dataclass(frozen=True, slots=True)
class EngineMetric:
    """Where an engine tells something that others tell, too.

    ``raw`` are its Prometheus names, newest release first; the first that a scrape
    has is taken. Label sets (engines, ranks) are summed for counts, averaged for
    ratios; ``scale`` turns percent into a ratio.
    """

    raw: tuple[str, ...]
    combine: Literal["sum", "mean"] = "sum"
    scale: float = 1.0


ENGINE_METRICS = (
    "engine_kv_cache_usage_ratio",
    "engine_requests_running",
    "engine_requests_waiting",
    "engine_process_memory_bytes",
    "engine_prefix_cache_queries_total",
    "engine_prefix_cache_hits_total",
    "engine_preemptions_total",
    "engine_prompt_tokens_total",
    "engine_generation_tokens_total",
)
"""The common names of what engines say about themselves; a deployment tells which of its own mean these."""


@dataclass(frozen=True, slots=True)
class Target:
    """Processes that are watched as one: whose they are, which life of them, and where they answer.

    ``pids`` are the roots of their trees. ``with_descendants`` is false where the
    roots are all there is: for the harness's own processes (the servers are its
    children, and are not its own) and for control groups. ``components`` names
    the roots of a deployment that has several parts. ``life`` marks the environment
    of everything that it has started.
    """

    owner: str
    entity: str
    generation: int
    pids: tuple[int, ...]
    with_descendants: bool = True
    components: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    life: str | None = None
    metrics_url: str | None = None
    engine_metrics: Mapping[str, EngineMetric] = field(default_factory=dict)

    def parts(self) -> Iterator[Target]:
        """Its components as targets of their own: ``tree/prefill``."""
        for name, pids in self.components.items():
            yield replace(self, entity=f"{self.entity}/{name}", pids=pids, components={}, life=None)


Targets = Callable[[], Sequence[Target]]
"""What is watched now; it changes when a deployment is restarted."""


class Sampler(ABC):
    """Reads indicators when told to. It may block or raise: the sampling loop guards it.

    ``results`` is the folder that the campaign's rows are written to.
    """

    kind: ClassVar[str]
    default_interval: ClassVar[float]

    interval: float | None = None
    """Seconds between two reads, once the sampling loop has begun: what may hang is given up within them."""

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        self.targets = targets
        self.results = results

    @classmethod
    def unavailable(cls) -> str | None:
        """Why there is nothing to sample on this machine; None when there is."""
        return None

    @classmethod
    def reduced(cls) -> str | None:
        """What cannot be sampled on this machine though the rest can; None when all can."""
        return None

    @abstractmethod
    def read(self) -> Iterable[Reading]:
        """One reading an entity, now. Values are in the unit that their name says."""
