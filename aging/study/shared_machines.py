"""Hosts of a study that run on one machine: containers, network namespaces, several nodes of a cluster on one computer.

They share its boot id, which is otherwise of one machine alone. A study may run on them; a difference between machines
is not seen there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from aging.core.plain_text import one_line
from aging.study.fleet import HostFacts
from aging.study.state import HostState, StudyState

_MOST_NAMED = 8


def shared_machines(hosts: Iterable[HostFacts]) -> Sequence[Sequence[str]]:
    """The names of hosts with one boot id, of each machine with two or more; hosts without an id are left out."""
    found: dict[str, list[str]] = {}
    for one in hosts:
        if one.boot:
            found.setdefault(one.boot, []).append(one.host)
    return [sorted(names) for names in found.values() if len(names) > 1]


def machine_notes(state: StudyState) -> Iterator[str]:
    """A sentence for every machine with several hosts that run, or have run, cells of the study."""
    placed = {one.host for cell in state.cells.values() for one in cell.attempts}
    for names in shared_machines(one.facts for one in state.hosts.values() if one.facts and _takes(one, placed)):
        yield machine_note(names)


def machine_note(names: Sequence[str]) -> str:
    """What is said of hosts of one machine, without a full stop."""
    named = [one_line(name) for name in names[:_MOST_NAMED]]
    rest = len(names) - len(named)
    last = f"{rest} more" if rest else named.pop()
    return (
        f"hosts {', '.join(named)} and {last} run on one machine (same boot): "
        "the study sees no difference between machines in them"
    )


def _takes(host: HostState, placed: set[str]) -> bool:
    return host.refused is None or host.name in placed
