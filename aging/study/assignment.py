"""Which host may run cells of a study, and which of them takes which cell: random, balanced, and the same for one seed.

Cells are placed in randomized blocks: all variants of one replicate, in random order, before the next replicate, and
each variant equally often on every host. So neither a host nor the hour is confounded with a variant (Montgomery,
*Design and Analysis of Experiments*, chapter 4).
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from random import Random

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from aging.core.format import byte_size
from aging.core.package_code import code_at_start
from aging.study.cells import Cell
from aging.study.fleet import HostFacts, Node
from aging.study.schema import HostsTable

MOST_CLOCK_OFFSET = 2.0
"""Seconds by which the wall clock of a host may differ from that of the process that runs the study."""


@dataclass(frozen=True, slots=True)
class Placement:
    """An attempt at a cell that was given to a host. ``lost``: it was given up."""

    cell: str
    variant: str
    host: str
    lost: bool = False


def in_order(cells: Sequence[Cell], seed: int) -> tuple[Cell, ...]:
    """The order in which cells are placed: replicate after replicate, the variants of each in an order of its own."""
    blocks: dict[int, list[Cell]] = {}
    for cell in cells:
        blocks.setdefault(cell.replicate, []).append(cell)
    ordered: list[Cell] = []
    for replicate in sorted(blocks):
        block = sorted(blocks[replicate], key=lambda cell: cell.name)
        Random(f"{seed}/order/{replicate}").shuffle(block)
        ordered += block
    return tuple(ordered)


def choose(  # noqa: PLR0913 - pure: all that the choice depends on
    cell: Cell,
    hosts: Collection[str],
    past: Sequence[Placement],
    seed: int,
    *,
    apart: bool = True,
    free: Collection[str] | None = None,
) -> str | None:
    """The host that takes a cell now; None if it has to wait.

    ``hosts`` are those that take cells of this study, ``free`` those of them that can take one now (default: all).
    ``past`` are all attempts so far. A host is refused where another replicate of the variant is or was (``apart``),
    and where the variant was already more often than on another host, which becomes free later. A host where this cell
    was attempted before is taken only where there is no other. Then those with the fewest cells come first, and chance
    decides between them.
    """
    others = [one for one in past if not one.lost and one.cell != cell.name]
    of_variant = Counter(one.host for one in others if one.variant == cell.variant)
    of_all = Counter(one.host for one in others)
    before = Counter(one.host for one in past if one.cell == cell.name)
    allowed = [host for host in sorted(hosts) if not (apart and of_variant[host])]
    allowed = [host for host in allowed if not before[host]] or allowed
    if not allowed:
        return None
    fewest = min(of_variant[host] for host in allowed)
    now = [host for host in allowed if of_variant[host] == fewest and (free is None or host in free)]
    if not now:
        return None
    least = min((before[host], of_all[host]) for host in now)
    drawn = Random(f"{seed}/host/{cell.name}/{sum(before.values())}")
    return drawn.choice([host for host in now if (before[host], of_all[host]) == least])


def fits(node: Node, facts: HostFacts | None, hosts: HostsTable, reference: HostFacts | None = None) -> str | None:
    """Why a host may not run cells, in a sentence; None if it may.

    ``facts`` are None before they were asked for: then only what the cluster knows is compared. ``reference`` is the
    host whose facts of ``hosts.alike`` are asked of all.
    """
    whys = [*_of_node(node, facts, hosts)]
    if facts is not None:
        whys += [*_of_facts(facts, hosts), *_unlike(facts, hosts, reference)]
    return "; ".join(whys) or None


def _of_node(node: Node, facts: HostFacts | None, hosts: HostsTable) -> Iterator[str]:
    for label, value in hosts.labels.items():
        if (found := node.labels.get(label)) != value:
            yield f"its label {label} is {found!r}, and {value!r} is asked for"
    if hosts.accelerator is not None and not _has_accelerator(hosts.accelerator, node, facts):
        models = sorted({gpu.model for gpu in facts.gpus}) if facts is not None else []
        found = node.accelerator or ", ".join(models) or "none"
        yield f"its type of GPU is {found}, and {hosts.accelerator} is asked for"
    gpus = max(hosts.gpus or 0, 0 if hosts.exclusive else hosts.devices)
    if node.gpus < gpus:
        yield f"it has {node.gpus:g} GPUs in the cluster, and {gpus} are asked for"
    elif facts is not None and len(facts.gpus) < gpus:
        yield f"it has {len(facts.gpus)} GPUs as NVML reads them, and {gpus} are asked for"
    if hosts.exclusive and not node.cpus and not node.gpus:
        yield "it has no CPUs in the cluster, so that it cannot be reserved"
    if not hosts.exclusive and node.cpus < hosts.cpus:
        yield f"it has {node.cpus:g} CPUs in the cluster, and a cell takes {hosts.cpus:g}"


def _has_accelerator(wanted: str, node: Node, facts: HostFacts | None) -> bool:
    """By the cluster's name of the type, or else as a word of the model that NVML reads."""
    if node.accelerator is not None:
        return node.accelerator.lower() == wanted.lower()
    if facts is None:
        return node.gpus > 0  # known once the facts are there
    words = [gpu.model.lower().replace("-", " ").split() for gpu in facts.gpus]
    return bool(words) and all(set(wanted.lower().replace("-", " ").split()) <= set(one) for one in words)


def _of_facts(facts: HostFacts, hosts: HostsTable) -> Iterator[str]:
    if hosts.memory is not None and facts.memory < hosts.memory:
        yield f"it has {byte_size(facts.memory)} of memory, and {byte_size(hosts.memory)} are asked for"
    if hosts.driver is not None and not _is_version(facts.driver, hosts.driver):
        yield f"its NVIDIA driver is {facts.driver or 'not there'}, and {hosts.driver} is asked for"
    if facts.aging != (own_release := _release()):
        yield f"it has aging {facts.aging}, and this process is {own_release}; install the same"
    elif facts.code and facts.code != code_at_start():
        yield (
            f"its aging {facts.aging} has other code ({facts.code[:8]}) than this process ({code_at_start()[:8]}); "
            "install the same, or resume the study with the code of its hosts"
        )
    if _minor(facts.python) != _minor(own := platform.python_version()):
        yield f"it has Python {facts.python}, and this process {own}; install the same"
    if abs(facts.clock_offset) > MOST_CLOCK_OFFSET:
        yield (
            f"its clock is {facts.clock_offset:+.1f} s off that of this process, over {MOST_CLOCK_OFFSET:g} s; "
            "synchronize both with NTP"
        )


@cache
def _release() -> str:
    """The release of this package; looking it up takes 2 ms, and it is compared for every host at every decision."""
    return version("llm-aging")


def _is_version(driver: str | None, wanted: str) -> bool:
    try:
        return driver is not None and SpecifierSet(wanted).contains(Version(driver), prereleases=True)
    except InvalidVersion:
        return False


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _unlike(facts: HostFacts, hosts: HostsTable, reference: HostFacts | None) -> Iterator[str]:
    if reference is None:
        return
    for name in hosts.alike:
        if name == "packages":
            mine, other = facts.packages, reference.packages
            unequal = [key for key in sorted({*mine, *other}) if mine.get(key) != other.get(key)]
            if unequal:
                listed = ", ".join(f"{key} {mine.get(key)} instead of {other.get(key)}" for key in unequal[:5])
                more = f" and {len(unequal) - 5} more" if len(unequal) > 5 else ""
                yield f"its packages differ from those of {reference.host}: {listed}{more}"
        elif (here := alike_value(facts, name)) != (there := alike_value(reference, name)):
            yield f"its {name} is {here}, and that of {reference.host} is {there} (`alike`)"


def alike_value(facts: HostFacts, name: str) -> str:
    """A fact of a host in which hosts can be asked to agree, as text."""
    match name:
        case "driver":
            return facts.driver or "none"
        case "gpu":
            counts = Counter(gpu.model for gpu in facts.gpus)
            return ", ".join(f"{count} × {model}" for model, count in sorted(counts.items())) or "none"
        case "cpu":
            return f"{facts.cpu}, {facts.cores} cores"
        case "kernel":
            return facts.kernel
        case _:
            return facts.python
