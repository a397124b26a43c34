"""How a server is spoken to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a serving deployment is spoken to.

    ``base_url`` + ``path`` takes an OpenAI-style completion, or a request of
    Triton's generate extension where the path ends in ``/generate_stream``;
    ``body`` is merged into every request (what this runtime needs to honour
    lengths exactly); ``reuse_connections`` is false for runtimes that close after
    a stream; ``metrics_port`` is told where the metrics have one of their own.
    ``unsupported`` are the options of a load (``n``, ``logprobs``, …, and ``priority``)
    that this runtime refuses: its requests do not ask for them.
    """

    base_url: str
    model: str
    path: str = "/v1/completions"
    metrics_path: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    reuse_connections: bool = True
    metrics_port: int | None = None
    unsupported: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "unsupported", tuple(self.unsupported))  # JSON knows lists alone

    @property
    def metrics_url(self) -> str | None:
        """Where its Prometheus metrics are, if anywhere."""
        if self.metrics_path is None:
            return None
        base = self.base_url if self.metrics_port is None else f"http://127.0.0.1:{self.metrics_port}"
        return base + self.metrics_path
