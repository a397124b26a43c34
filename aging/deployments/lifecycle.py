"""Where a deployment's processes come from, and what is known of processes that an earlier runner started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aging.core.endpoint import Endpoint
from aging.core.processes.child import MAIN, ServerProcess
from aging.core.processes.ownership import GENERATION_MARKER, Identity, command_line, environment, is_running, mark


@dataclass(frozen=True, slots=True)
class Launch:
    """The command line of a serving process and the environment variables added to the harness's own.

    ``components`` are the command lines of further processes of the same deployment, by name.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    endpoint: Endpoint
    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Origin(Protocol):
    """Where the lives of what is under test come from, and how they are spoken to."""

    @property
    def endpoint(self) -> Endpoint | None:
        """Where load is sent; None where there is nowhere to."""

    @property
    def metrics_url(self) -> str | None:
        """Where its Prometheus metrics are, if anywhere."""

    @property
    def returns(self) -> bool:
        """Whether, after its end, another life may begin without our doing."""

    async def begin(self, campaign: Path, log: Path) -> ServerProcess:
        """The next life; its output is appended to ``log``. Raises DeploymentError when there is none."""

    async def readopt(self, past: PriorServer) -> ServerProcess | None:
        """The life that an earlier runner followed, if it still goes on; None when it does not."""

    def described(self) -> Mapping[str, Any]:
        """What the manifest tells of it: command lines, images, whereabouts."""


@dataclass(frozen=True, slots=True)
class PriorServer:
    """What the journal tells of a life that a runner which has gone had begun or found.

    ``processes`` are those that it started, by component; ``main`` is the main one, whoever started it.
    ``command`` is its command line as the kernel showed it when it was ready; ``log`` the log that marks it.
    """

    processes: Mapping[str, Identity]
    main: Identity | None
    command: tuple[str, ...]
    log: Path

    def proven(self) -> bool:
        """Whether every process that was started still lives, and is no other.

        Pid and start time must agree, and then the mark of this life in its environment; where a program that
        sets its title has wiped that, its command line.
        """
        return bool(self.processes) and all(
            is_running(one) and self._told(one.pid, main=name == MAIN) for name, one in self.processes.items()
        )

    def _told(self, pid: int, *, main: bool) -> bool:
        marks = environment(pid)
        if marks:
            return marks.get(GENERATION_MARKER) == mark(self.log)
        return main and bool(self.command) and command_line(pid) == self.command
