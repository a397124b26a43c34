"""What Ray carries out on a host: the functions of :mod:`aging.study.host`, each in a worker that ends soon after.

Classes and functions are sent by name, so a host without this package refuses them before anything is done.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import ray

from aging.core.errors import AgingError
from aging.core.package_code import code_digest
from aging.study import host
from aging.study.fleet import SHARED_ROOMS, AttemptKey, Chunk, File, HostFacts, Look, Order, OtherCodeError

_REAPING = ("RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper",)
"""Settings of a raylet that end every process that a worker leaves behind, in whatever session.

By default a raylet does not: a worker ends its direct children alone, and a runner is none (the process that starts it
exits first); ``RAY_process_group_cleanup_enabled`` ends the worker's process group, and a runner has its own.
"""

_OBJECT_BYTES, _OBJECT_CHUNKS = 4 * 2**20, 1000
"""An object has less than twice these bytes, so a stream holds at most 16 MiB of an object store."""


class Visit:
    """An actor for a call, and for those that follow it within two seconds; then it is killed.

    Not a Ray task: for one task a raylet starts two workers (2.60, measured), and keeps the second one idle for days.
    """

    def call(self, code: str, asked: bytes) -> Any:
        function, arguments = _opened(code, asked)
        return function(*arguments)

    def stream(self, code: str, asked: bytes) -> Iterator[Any]:
        function, arguments = _opened(code, asked)
        yield from function(*arguments)


def asked(function: Callable[..., Any], *arguments: Any) -> bytes:
    """A function and its arguments for :class:`Visit`, which looks at them only where the code is the same."""
    return pickle.dumps((function, arguments))


def _opened(code: str, asked: bytes) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """What was asked by a process with this code. Raises OtherCodeError where this host has other code."""
    here = code_digest(*SHARED_ROOMS)
    if here != code:
        raise OtherCodeError(f"its aging {version('llm-aging')} has other code ({here[:8]})")
    opened: tuple[Callable[..., Any], tuple[Any, ...]] = pickle.loads(asked)
    return opened


def facts(name: str, scratch: str) -> tuple[HostFacts, float]:
    """The facts of this host, and its wall clock as they were sent off, epoch seconds."""
    told = host.facts(name, scratch, time.time())
    return told, time.time()


def start(name: str, order: Order, assigned: bool) -> Look:
    """Start a cell. ``assigned``: its GPUs are those that Ray assigned to this call."""
    _check_outlives()
    if assigned:
        order = replace(order, devices=_assigned())
    return host.start(name, order)


def resume(name: str, key: AttemptKey, scratch: str, assigned: bool) -> Look:
    """Continue a cell. ``assigned``: as in :func:`start`; since it was stopped they may be others of the host."""
    _check_outlives()
    return host.resume(name, key, scratch, _assigned() if assigned else None)


def _assigned() -> tuple[str, ...]:
    return tuple(map(str, ray.get_runtime_context().get_accelerator_ids().get("GPU", [])))


def stop(name: str, key: AttemptKey, scratch: str) -> Look:
    return host.stop(name, key, scratch)


def look(name: str, keys: Sequence[AttemptKey], scratch: str) -> Sequence[Look]:
    return host.look(name, keys, scratch)


def discard(name: str, key: AttemptKey, scratch: str) -> None:
    host.discard(name, key, scratch)


def read(name: str, key: AttemptKey, scratch: str, files: Sequence[File]) -> Iterator[Sequence[Chunk]]:
    """The content of files, small ones together: an object of Ray costs milliseconds, and a campaign has many files."""
    together: list[Chunk] = []
    size = 0
    for chunk in host.read(name, key, scratch, files):
        together.append(chunk)
        size += len(chunk.content)
        if size >= _OBJECT_BYTES or len(together) >= _OBJECT_CHUNKS:
            yield together
            together, size = [], 0
    if together:
        yield together


def _check_outlives() -> None:
    """Raises AgingError where Ray would end the runner together with the worker that started it."""
    for setting in _REAPING:
        if os.environ.get(setting, "").lower() in ("1", "true"):
            raise AgingError(
                f"The Ray node of this host was started with {setting}=1, so Ray would end the campaign that it "
                "starts. Start the Ray node without it."
            )
