"""The address and the dialect of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Answers = Literal["unknown", "reference"]
"""What is known of a server's answers beforehand."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how requests are sent to a deployment.

    ``base_url`` + ``path`` accepts OpenAI-style completions, or requests of Triton's generate extension if the path
    ends in ``/generate_stream``. ``body`` is merged into every request, with what the runtime requires to produce
    exact lengths. ``reuse_connections`` is false for runtimes that close the connection after a stream.
    ``metrics_port`` is set if the metrics have a different port. ``unsupported`` are load options (``n``,
    ``logprobs``, …, and ``priority``) that the runtime refuses; they are left out of its requests. ``answers`` is
    ``reference`` if every answer is known beforehand, as that of the reference server: the client verifies it token by
    token, and gives every request an ``X-Request-Id``.
    """

    base_url: str
    model: str
    path: str = "/v1/completions"
    metrics_path: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    reuse_connections: bool = True
    metrics_port: int | None = None
    unsupported: Sequence[str] = ()
    answers: Answers = "unknown"

    def __post_init__(self) -> None:
        object.__setattr__(self, "unsupported", tuple(self.unsupported))  # JSON has only lists

    @property
    def metrics_url(self) -> str | None:
        """URL of the Prometheus metrics; None without."""
        if self.metrics_path is None:
            return None
        base = self.base_url if self.metrics_port is None else f"http://127.0.0.1:{self.metrics_port}"
        return base + self.metrics_path
