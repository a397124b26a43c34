"""Origins of a deployment's processes, and servers that an earlier runner started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aging.core.endpoint import Endpoint
from aging.core.processes.child import MAIN, ServerProcess
from aging.core.processes.ownership import GENERATION_MARKER, Identity, command_line, environment, is_running, mark
from aging.core.processes.stopping import GROUP_SIGTERM, StopStep


@dataclass(frozen=True, slots=True)
class Launch:
    """The command line of a server, and environment variables added to those of the runner.

    ``components`` are the command lines of further processes of the same deployment, by name. ``stop`` is how it is
    asked to end.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    endpoint: Endpoint
    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stop: Sequence[StopStep] = GROUP_SIGTERM


class Origin(Protocol):
    """Starts or finds the generations of a server under test."""

    @property
    def endpoint(self) -> Endpoint | None:
        """Where load is sent; None if it has no address."""

    @property
    def metrics_url(self) -> str | None:
        """URL of the Prometheus metrics; None without."""

    @property
    def returns_within(self) -> float:
        """Seconds within which the next generation can appear without being started by the campaign; 0: never."""
        return 0.0

    async def begin(self, campaign: Path, log: Path) -> ServerProcess:
        """Start or find the next generation; its output is appended to ``log``. Raises DeploymentError."""

    async def readopt(self, prior: PriorServer) -> ServerProcess | None:
        """The generation that an earlier runner watched; None if it has ended."""

    def described(self) -> Mapping[str, Any]:
        """Its entry in the manifest: command lines, images, location."""


@dataclass(frozen=True, slots=True)
class PriorServer:
    """A server in the journal of an earlier runner.

    ``processes`` are those that the runner started, by component; ``main`` is the main one, also if attached.
    ``command`` is its command line in ``/proc`` when it was ready; ``log`` is the log whose path is its mark.
    """

    processes: Mapping[str, Identity]
    main: Identity | None
    command: tuple[str, ...]
    log: Path

    def proven(self) -> bool:
        """Whether every process that the runner started still runs.

        Pid and start time must match, and the generation mark in its environment; if the program has overwritten its
        environment (to set its process title), its command line.
        """
        return bool(self.processes) and all(
            is_running(one) and self._has_mark(one.pid, main=name == MAIN) for name, one in self.processes.items()
        )

    def _has_mark(self, pid: int, *, main: bool) -> bool:
        marks = environment(pid)
        if marks:
            return marks.get(GENERATION_MARKER) == mark(self.log)
        return main and bool(self.command) and command_line(pid) == self.command
