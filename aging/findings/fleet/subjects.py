"""Who the series belong to: labels without what changes at a restart, and the generations of one subject in a line.

A pod of a Deployment has another name, another container id and often another node after every restart: these labels
do not tell subjects apart. Series that then have equal labels and follow each other are generations of one subject;
series that have values at the same time are replicas, and each keeps its own name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from aging.findings.fleet.catalogue import Entry
from aging.tables.prometheus import RangeSeries, Window

T = TypeVar("T")
Floats = NDArray[np.float64]
Labels = Mapping[str, str]

_HASH = "[bcdfghjklmnpqrstvwxz2456789]"
_OWNED = re.compile(rf"(?P<owner>.+?)(-{_HASH}{{6,10}})?-{_HASH}{{5}}")
"""The names that Kubernetes makes: ``owner-<hash of the replica set>-<5 random>``, ``owner-<5 random>``; the alphabet
has no vowels and no 0, 1 and 3 (k8s.io/apimachinery/pkg/util/rand)."""

_OF_GENERATION = frozenset({"id", "name", "image", "image_id", "uid", "pod_uid", "pod_ip", "container_id", "pid"})
_OF_POD = frozenset({"instance", "node", "host", "kubernetes_node", "pod_template_hash", "controller_revision_hash"})
_POD = ("pod", "pod_name", "kubernetes_pod_name", "exported_pod")
_OVERLAP_SECONDS = 900.0
_CLOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """The series of one subject over all its generations.

    ``identity`` are its labels without those of a generation, ``labels`` those of its last one. ``values`` at the
    window's times. ``restarts`` are the epoch seconds at which a generation but the first was first seen, ``began``
    that at which the first one's process started, where the source says so.
    """

    entry: Entry
    identity: Labels
    labels: Labels
    values: Floats
    restarts: tuple[float, ...] = ()
    began: float | None = None


def owner(pod: str) -> str:
    """What a pod belongs to: ``vllm`` of ``vllm-7d9c5b8f6d-x2x4z``; the name itself where it has no such ending."""
    found = _OWNED.fullmatch(pod)
    return found["owner"] if found else pod


def identity(labels: Labels, kept: Sequence[str]) -> dict[str, str]:
    """The labels that stay over restarts; of ``kept`` only these, where there are any."""
    if kept:
        return {name: labels[name] for name in kept if labels.get(name)}
    pod = next((name for name in _POD if labels.get(name)), None)
    of_container = pod is not None or "container" in labels or "/docker" in labels.get("id", "")
    dropped = {"__name__", *(_OF_GENERATION if of_container else ())}
    if pod is not None:
        dropped |= _OF_POD
    elif "/docker" in labels.get("id", ""):
        dropped.discard("name")  # Docker's name of the container stays
    return {name: owner(value) if name == pod else value for name, value in labels.items() if name not in dropped}


def lines(entry: Entry, answer: Iterable[RangeSeries], window: Window, starts: Joined[Floats]) -> list[Line]:
    """The series of one metric as one line a subject; replicas of one owner are lines of their own.

    ``starts`` are the start times of the processes at the window's times.
    """
    of_subject: dict[tuple[tuple[str, str], ...], list[_Life]] = defaultdict(list)
    for one in answer:
        known = np.flatnonzero(np.isfinite(one.values))
        if known.size:
            began, restarts = _starts_shown(starts.of(one.labels), window)
            life = _Life(one, int(known[0]), int(known[-1]), began, restarts)
            of_subject[tuple(sorted(identity(one.labels, entry.subject).items()))].append(life)
    return [line for key, lives in of_subject.items() for line in _in_line(entry, dict(key), lives, window)]


@dataclass(frozen=True, slots=True)
class _Life:
    """One series of the server with its first and last place in the window, and what its start time shows."""

    series: RangeSeries
    first: int
    last: int
    began: float | None
    restarts: tuple[float, ...]


def _starts_shown(started: Floats | None, window: Window) -> tuple[float | None, tuple[float, ...]]:
    """When the first process started, and when every later one was first seen."""
    known = np.flatnonzero(np.isfinite(started)) if started is not None else np.array([], dtype=np.intp)
    if started is None or not known.size:
        return None, ()
    changed = known[1:][np.diff(started[known]) > _CLOCK_SECONDS]
    return float(started[known[0]]), tuple(float(window.times[at]) for at in changed)


def _in_line(entry: Entry, key: Labels, lives: Sequence[_Life], window: Window) -> list[Line]:
    most = max(_OVERLAP_SECONDS / window.step, 2.0)
    chains: list[list[_Life]] = []
    for life in sorted(lives, key=lambda one: (one.first, one.last)):
        free = [chain for chain in chains if _follows(life, chain[-1], most)]
        if free:
            max(free, key=lambda chain: chain[-1].last).append(life)
        else:
            chains.append([life])
    return [_line(entry, key, chain, window) for chain in chains]


def _follows(later: _Life, earlier: _Life, most: float) -> bool:
    """Whether they are generations of one subject: a rolling update starts a pod before it ends the old one."""
    shorter = min(later.last - later.first, earlier.last - earlier.first)
    return earlier.last - later.first <= min(most, shorter / 2)


def _line(entry: Entry, key: Labels, chain: Sequence[_Life], window: Window) -> Line:
    values = np.full(window.points, np.nan)
    for life in chain:
        values[life.first :] = life.series.values[life.first :] * entry.factor
    values[~np.isfinite(values)] = np.nan
    successions = [float(window.times[life.first]) for life in chain[1:]]
    shown = [at for life in chain for at in life.restarts]
    near = 2 * window.step
    extra = [at for at in shown if all(abs(at - other) > near for other in successions)]
    labels = {name: value for name, value in chain[-1].series.labels.items() if name != "__name__"}
    return Line(entry, key, labels, values, tuple(sorted([*successions, *extra])), chain[0].began)


class Joined(Generic[T]):
    """Values that are looked up by the labels of others: that whose labels are all among the others' labels.

    ``on``: only these labels count.
    """

    def __init__(self, found: Iterable[tuple[Labels, T]] = (), on: Sequence[str] = ()) -> None:
        by_names: dict[tuple[str, ...], dict[tuple[str, ...], T]] = defaultdict(dict)
        for labels, value in found:
            names = tuple(sorted(name for name in labels if name != "__name__" and (not on or name in on)))
            by_names[names][tuple(labels[name] for name in names)] = value
        self._by_names = sorted(by_names.items(), key=lambda one: -len(one[0]))

    def of(self, labels: Labels) -> T | None:
        """The value of most labels in common; None where there is none."""
        for names, values in self._by_names:
            found = values.get(tuple(labels.get(name, "") for name in names))
            if found is not None:
                return found
        return None
