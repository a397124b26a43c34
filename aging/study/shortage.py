"""Whether a study has too few different hosts for the replicates of a combination, however long it waits."""

from __future__ import annotations

from collections.abc import Sequence

from aging.study.cells import Cell
from aging.study.schema import HostsTable
from aging.study.state import CellState, HostState, StudyState

_NAMED = 3


def is_asked(host: HostState) -> bool:
    """Whether a host of the cluster has not said yet what it is."""
    heard = (host.facts, host.lost, host.refused, host.busy, host.reserved_by, host.silent)
    return all(one is None for one in heard)


def shortage(cells: Sequence[Cell], state: StudyState, table: HostsTable) -> str | None:
    """How many different hosts the study needs and has, in a sentence; None where they are enough.

    None, too, as long as a host is asked, and where none fits. A host that is gone, busy or silent may still serve.
    """
    if not table.apart or any(map(is_asked, state.hosts.values())):
        return None
    fitting = {one.name for one in state.hosts.values() if one.refused is None}
    replicates: dict[str, list[CellState]] = {}
    for cell in cells:
        known = state.cells.get(cell.name, CellState(cell.name))
        if known.given_up is None:
            replicates.setdefault(cell.variant, []).append(known)
    needed = 0
    for own in replicates.values():
        taken = [{one.host for one in cell.attempts if one.live or one.number == cell.counts} for cell in own]
        waiting = sum(not hosts for hosts in taken)
        if waiting > len(fitting.difference(*taken)):
            needed = max(needed, len(own))
    if not needed or not fitting:
        return None
    names = sorted(fitting)
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    fit = "1 host of the cluster fits" if len(names) == 1 else f"{len(names)} hosts of the cluster fit"
    return (
        f"{needed} replicates need {needed} different hosts (`hosts.apart`), and {fit}: {listed}; add hosts, or begin "
        "a study with fewer `replicates` or `hosts.apart = false`"
    )
