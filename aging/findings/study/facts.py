"""Facts in which the measured hosts differ: whatever differs may be why their rates do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from aging.findings.study.types import DifferingFact, FactValue
from aging.study.fleet import Gpu, HostFacts

_GIB = 2**30


def differing(hosts: Sequence[HostFacts]) -> list[DifferingFact]:
    """The facts of which the hosts have two values or more."""
    facts = {one.host: facts_of(one) for one in sorted(hosts, key=lambda one: one.host)}
    names = list(dict.fromkeys(name for own in facts.values() for name in own))
    packages = sorted(name for name in names if name.startswith("package "))
    order = [*(name for name in names if not name.startswith("package ")), *packages]
    found = []
    for name in order:
        values: dict[str | None, list[str]] = {}
        for host, own in facts.items():
            values.setdefault(own.get(name), []).append(host)
        if len(values) > 1:
            by_size = sorted(values.items(), key=lambda one: (-len(one[1]), one[0] or ""))
            found.append(DifferingFact(name, [FactValue(value, tuple(having)) for value, having in by_size]))
    return found


def facts_of(host: HostFacts) -> Mapping[str, str | None]:
    """Each fact as text. Memory is rounded to GiB: equal machines differ by what their firmware keeps."""
    return {
        "driver": host.driver,
        "cuda": host.cuda,
        "gpu": _each(host.gpus, lambda gpu: gpu.model),
        "gpu memory": _each(host.gpus, lambda gpu: f"{gpu.memory / _GIB:.0f} GiB"),
        "gpu clock": _each(host.gpus, lambda gpu: _megahertz(gpu.clock_mhz)),
        "gpu memory clock": _each(host.gpus, lambda gpu: _megahertz(gpu.memory_clock_mhz)),
        "cpu": host.cpu,
        "cores": str(host.cores),
        "memory": f"{host.memory / _GIB:.0f} GiB",
        "kernel": host.kernel,
        "libc": host.libc,
        "python": host.python,
        "aging": host.aging,
    } | {f"package {name}": release for name, release in host.packages.items()}


def _megahertz(clock: int | None) -> str:
    return "unknown" if clock is None else f"{clock} MHz"


def _each(gpus: Sequence[Gpu], of: Callable[[Gpu], str]) -> str | None:
    """A fact of every GPU, equal ones counted; None without a GPU."""
    counts = Counter(of(gpu) for gpu in gpus)
    return ", ".join(f"{count} × {value}" for value, count in sorted(counts.items())) or None
