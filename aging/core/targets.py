"""What samplers watch: the processes of one owner and where they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal


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
