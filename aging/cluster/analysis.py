"""Analyses on Ray: the series of a directory in parallel, and whole directories where hosts can read them.

Findings are equal to those of one machine to the last bit: every series is computed by one task, by the same function,
on a host with the same :func:`aging.cluster.arithmetic.mark`; what another host was given is computed by the asker. A
task whose worker or host is lost is run again by Ray, and by the asker where Ray gives up.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

import ray
from ray.exceptions import RayError, RayTaskError

from aging.cluster.arithmetic import mark
from aging.cluster.batches import batches
from aging.cluster.errors import ClusterError
from aging.core.blas_threads import ONE_THREAD, one_thread
from aging.findings.indicator_analysis import Mapper, alone, by_name
from aging.findings.series import Series
from aging.findings.series_analysis import SeriesAnalysis
from aging.stats.trend_tests.base import TrendTest
from aging.store.layout import Layout

T = TypeVar("T")

_WORTH_A_TASK = 100_000
"""Samples in all from which tasks save more than they cost, as for a pool of processes."""

_RETRIES = 3
_AHEAD = 2
"""Tasks handed over per CPU: one runs, one waits. It bounds what lies in the object store."""

_CLIENT = "ray://"


@dataclass(frozen=True, slots=True)
class RayMapper:
    """The mapper that computes series in tasks of the cluster to which this process is connected.

    ``own`` is the mark of the asker.
    """

    own: str

    def __call__(self, series: Sequence[Series], tests: Mapping[str, TrendTest]) -> Sequence[SeriesAnalysis]:
        if sum(one.t.size for one in series) < _WORTH_A_TASK:
            return alone(series, tests)
        cpus = _cpus()
        stretches = list(batches(series, cpus))
        asked = (_Task(_analyze, (self.own, ray.put(list(series[one])), tuple(tests))) for one in stretches)
        found: list[SeriesAnalysis] = []
        for stretch, result in zip(stretches, _in_order(asked, _AHEAD * cpus), strict=True):
            found += alone(series[stretch], tests) if result is None else result
        return found


@dataclass(frozen=True, slots=True)
class RayAnalysis:
    """Analyses on the cluster to which this process is connected."""

    mapper: RayMapper

    def each(self, directories: Sequence[Path], analyze: Callable[[Path, Mapper], T]) -> Iterator[T]:
        """The results of ``analyze`` of every directory, in their order. It must write ``findings.json`` there.

        A directory is analyzed on a host that finds the same files at the same path; else by the asker, and its series
        in tasks. ``analyze`` is pickled by its name.
        """
        asked = (_Task(_analyze_directory, (self.mapper, one.resolve(), _hash(one), analyze)) for one in directories)
        for directory, result in zip(directories, _in_order(asked, _cpus()), strict=True):
            if result is None or result[1] != _hash_of(Layout(directory).findings):
                yield analyze(directory, self.mapper)
            else:
                yield result[0]


@contextmanager
def connected(address: str) -> Iterator[RayAnalysis]:
    """Connect this process to a cluster, ``auto`` for the one of this machine. Raises ClusterError."""
    if address.startswith(_CLIENT):
        what = f"{address} is an address of Ray's client"
        raise ClusterError(f"--cluster: {what}; give HOST:PORT of the head, or run this on a host of it with auto")
    try:
        ray.init(
            address=address,
            namespace="aging",
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": ONE_THREAD},
        )
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        why = str(error).strip().partition("\n")[0].partition(". ")[0]
        start = "start one with: ray start --head"
        raise ClusterError(f"--cluster {address}: no cluster of Ray can be used there ({why}); {start}") from None
    try:
        with redirect_stdout(cast(TextIO, _OwnOutput(sys.stdout))):
            yield RayAnalysis(RayMapper(mark()))
    finally:
        ray.shutdown()


class _OwnOutput:
    """The output of the thread that makes it; what other threads print goes to stderr.

    Ray's print there that a worker was lost (2.60, ``log_to_driver`` or not), in the midst of JSON.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._thread = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream if threading.get_ident() == self._thread else sys.stderr, name)


@dataclass(frozen=True, slots=True)
class _Task:
    """A function and its arguments, not yet handed over."""

    call: Callable[..., Any]
    arguments: tuple[Any, ...]

    def submit(self) -> Any:
        return ray.remote(num_cpus=1, max_retries=_RETRIES)(self.call).remote(*self.arguments)


def _in_order(tasks: Iterator[_Task], most: int) -> Iterator[Any]:
    """The results of tasks in their order, at most ``most`` of them not ended at a time; None for one that was lost."""
    running: dict[Any, int] = {}
    ended: dict[int, Any] = {}
    handed, given = 0, 0
    more = True
    while more or running:
        while more and len(running) < most:
            task = next(tasks, None)
            more = task is not None
            if task is not None:
                running[task.submit()] = handed
                handed += 1
        if running:
            (reference,), _ = ray.wait(list(running), num_returns=1)
            ended[running.pop(reference)] = _result(reference)
        while given in ended:
            yield ended.pop(given)
            given += 1


def _result(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayTaskError as error:  # the function raised: a defect, or a mistake in what was asked
        raise error.cause if isinstance(error.cause, Exception) else error  # noqa: B904 - the cause has its traceback
    except RayError:  # worker or host lost, again and again; mostly for lack of memory
        return None


def _analyze(own: str, series: Sequence[Series], kinds: Sequence[str]) -> Sequence[SeriesAnalysis] | None:
    """In a worker: the statistics of a stretch of series; None where this host computes other last bits."""
    one_thread()
    return by_name(series, kinds) if mark() == own else None


def _analyze_directory(
    mapper: RayMapper, directory: Path, seen: str | None, analyze: Callable[[Path, Mapper], T]
) -> tuple[T, str | None] | None:
    """In a worker: the result of a directory and the hash of its ``findings.json``; None where it is not seen here."""
    one_thread()
    if seen is None or mark() != mapper.own or _hash(directory) != seen:
        return None
    return analyze(directory, mapper), _hash_of(Layout(directory).findings)


def _hash(directory: Path) -> str | None:
    """The hash of what tells a directory from any other, and from an earlier state of itself."""
    layout = Layout(directory)
    parts = [_hash_of(layout.manifest), _hash_of(layout.journal)]
    return None if None in parts else "".join(map(str, parts))


def _hash_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _cpus() -> int:
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1)))
