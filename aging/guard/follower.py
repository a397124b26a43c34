"""The server that is guarded: found, followed over its restarts, never signaled."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from aging.core.errors import AttachError, SeveralError
from aging.core.processes import procfs
from aging.core.processes.child import MAIN
from aging.core.processes.ownership import Identity
from aging.core.records import TREE
from aging.core.targets import EngineMetric, Target
from aging.deployments.origins.attached import Attached, Attachment, Whereabouts


class Follower:
    """Says which process serves now; ``why`` is the reason where none does."""

    def __init__(self, where: Whereabouts, metrics: str | None) -> None:
        self._where, self._metrics = where, metrics
        self._origin = Attachment(where, None, metrics, "process")
        self._attached: Attached | None = None
        self._main: Identity | None = None
        self._pids: tuple[int, ...] = ()
        self.why = ""
        self.several = False
        """Whether several processes match, so that none of them is followed."""
        self.engine_metrics: Mapping[str, EngineMetric] = {}
        """Where the server's metrics have the common ones, once that is known."""
        self.hook_runs = False
        """Whether a hook of this guard runs now: `systemctl restart vllm` matches `--name vllm`."""

    async def look(self) -> Identity | None:
        """The main process of the present generation; None while there is none."""
        if self._attached is not None and self._running(self._attached):
            return self._main
        self._attached = self._main = None
        self.several = False
        try:
            found: Attached = await self._origin.begin(Path(), Path())
        except AttachError as error:
            self.why, self.several = str(error), isinstance(error, SeveralError)
            return None
        if found.main is None or not self._running(found):
            self.why = "it has just ended"
            return None
        if self.hook_runs and _descends_from(os.getpid(), found.main.pid):
            self.why = "only the action itself matches"
            return None
        self._attached, self._main = found, found.main
        return self._main

    async def ports(self) -> Sequence[int]:
        """Where it listens, as far as this user may see."""
        try:
            return (await asyncio.to_thread(self._where.observed)).ports
        except AttachError:
            return ()

    def targets(self, owner: str, generation: int) -> Sequence[Target]:
        """What the samplers read now."""
        if self._attached is None or not self._pids:
            return ()
        return [
            Target(
                *(owner, TREE, generation, self._pids, self._attached.with_descendants),
                metrics_url=self._metrics,
                engine_metrics=self.engine_metrics,
            )
        ]

    def _running(self, attached: Attached) -> bool:
        self._pids = attached.trees.get(MAIN, ())
        return bool(self._pids)


def _descends_from(ancestor: int, pid: int) -> bool:
    try:
        while pid > 1 and pid != ancestor:
            pid = procfs.parent(pid)
    except OSError:  # it has ended
        return True
    return pid == ancestor
