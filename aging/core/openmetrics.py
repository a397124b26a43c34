"""Writes OpenMetrics text.

By hand: the client library would take 14 MB of a process that may have 60.
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aging.core.processes import procfs

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SUFFIXES = {"counter": "_total", "info": "_info"}

Labels = Mapping[str, str]
NO_LABELS: Labels = {}


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family; ``name`` ends in ``unit`` where there is one. A sample without a value is left out."""

    name: str
    kind: Literal["gauge", "counter", "stateset", "info", "summary"]
    text: str
    samples: Sequence[tuple[Labels, float | None]]
    unit: str = ""


def gauge(name: str, text: str, value: float | None, *, unit: str = "") -> Family:
    """A gauge of one sample, without labels."""
    return Family(name, "gauge", text, [(NO_LABELS, value)], unit)


def states(name: str, of: Labels, known: Iterable[str], now: str) -> Iterator[tuple[Labels, float]]:
    """The samples of a state set ``name``: 1 for the state that is ``now``, 0 for the others that are ``known``."""
    return (({**of, name: one}, float(one == now)) for one in known)


def exposition(families: Iterable[Family]) -> str:
    """OpenMetrics text, complete with its end."""
    return "\n".join([*(line for family in families for line in _lines(family)), "# EOF", ""])


def _lines(family: Family) -> Iterator[str]:
    yield f"# TYPE {family.name} {family.kind}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {family.text}"
    suffix = _SUFFIXES.get(family.kind, "")
    for labels, value in family.samples:
        if value is not None:
            inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{family.name}{suffix}{{{inner}}} {value!r}" if inner else f"{family.name}{suffix} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@dataclass(frozen=True, slots=True)
class Own:
    """What this process takes: CPU seconds with those of its ended children, resident bytes."""

    cpu_seconds: float
    resident_bytes: float

    @classmethod
    def now(cls) -> Own:
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        used = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
        return cls(used, float(procfs.read(os.getpid(), "statm").split()[1]) * _PAGE)
