"""Targets of the samplers: the processes of one owner and their metrics address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class EngineMetric:
    """The source of a common engine metric in one engine.

    ``raw`` are Prometheus names, newest release first; the first one in a scrape is used. Label sets (engines, ranks)
    are summed for counts and averaged for ratios; ``scale`` converts percent to a ratio.
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
"""Common names of engine metrics; every deployment maps the metrics of its engine to them."""


@dataclass(frozen=True, slots=True)
class Target:
    """Processes that are sampled as one: their owner, their generation, and their metrics address.

    ``pids`` are the roots of their trees. ``with_descendants`` is false if descendants do not count: for the
    harness, whose children are the servers, and for control groups. ``components`` are the roots by component.
    ``mark`` is the generation mark in the environment of all processes of the target.
    """

    owner: str
    entity: str
    generation: int
    pids: tuple[int, ...]
    with_descendants: bool = True
    components: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    mark: str | None = None
    metrics_url: str | None = None
    engine_metrics: Mapping[str, EngineMetric] = field(default_factory=dict)

    def parts(self) -> Iterator[Target]:
        """Its components as separate targets: ``tree/prefill``."""
        for name, pids in self.components.items():
            yield replace(self, entity=f"{self.entity}/{name}", pids=pids, components={}, mark=None)


Targets = Callable[[], Sequence[Target]]
"""Returns the present targets; they change when a deployment is restarted."""
