"""The places of processes in a tree: ``worker 3 of 4``, the same for a worker and for the one that replaces it.

Workers of a pre-forking server have one command line and no names. Siblings (one parent, one command line but for its
numbers) are numbered in the order that they started; a process that starts after one of them has ended takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.core.metrics import PRIMARY
from aging.core.records import component_of, is_process_entity

Floats = NDArray[np.float64]

_UPTIME = "process_uptime_seconds"
_NUMBER = re.compile(r"\d+")

COLUMNS = ("mono", "entity", "pids", "parent", "command", _UPTIME, PRIMARY)
"""Columns of the process sampler's rows that are needed here."""


@dataclass(frozen=True, slots=True)
class Life:
    """One process of a tree: when it began (monotonic seconds), and its rows in time order."""

    pid: int
    component: str
    parent: int
    command: str
    born: float
    rows: pd.DataFrame

    @property
    def last(self) -> float:
        """When it was last read."""
        return float(self.rows["mono"].iloc[-1])


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the tree, and the processes that took it in turn."""

    label: str
    lives: Sequence[Life]


def lives(rows: pd.DataFrame) -> list[Life]:
    """The processes of a tree in the order that they began; ``rows`` are those of one generation of a server."""
    if rows.empty or not set(COLUMNS) <= set(rows.columns):
        return []
    single = rows[rows["entity"].map(is_process_entity) & rows[PRIMARY].notna()].sort_values("mono")
    found = [
        _life(str(entity), part)
        for entity, of_pid in single.groupby("entity", sort=False)
        for _, part in of_pid.groupby((of_pid[_UPTIME].diff() < 0).cumsum())  # a pid may be given again
    ]
    return sorted(found, key=lambda life: (life.born, life.pid))


def places(found: Sequence[Life]) -> list[Place]:
    """The places of these processes, in the order that they were first taken."""
    pids = {life.pid for life in found}
    groups: dict[tuple[str, int, str], list[Life]] = {}
    for life in found:
        groups.setdefault((life.component, life.parent, _NUMBER.sub("#", life.command)), []).append(life)
    roots = sum(len(_in_turn(group)) for (_, parent, _), group in groups.items() if parent not in pids)
    labeled = [
        Place(label, taken)
        for (component, parent, _), group in groups.items()
        for label, taken in _labeled(_in_turn(group), component, is_root=parent not in pids, alone=roots == 1)
    ]
    return sorted(labeled, key=lambda place: (place.lives[0].born, place.lives[0].pid))


def _life(entity: str, rows: pd.DataFrame) -> Life:
    first, commands = rows.iloc[0], rows["command"].dropna()
    return Life(
        pid=int(first["pids"]),
        component=component_of(entity),
        parent=int(first["parent"]),
        command=str(commands.iloc[-1]) if len(commands) else "",
        born=float(first["mono"] - first[_UPTIME]),
        rows=rows,
    )


def _in_turn(group: Iterable[Life]) -> list[list[Life]]:
    """Siblings by place: each takes the first place whose process has ended, else a new one."""
    taken: list[list[Life]] = []
    for life in group:
        free = next((lives for lives in taken if lives[-1].last < life.born), None)
        if free is None:
            taken.append([life])
        else:
            free.append(life)
    return taken


def _labeled(
    taken: Sequence[Sequence[Life]], component: str, *, is_root: bool, alone: bool
) -> Iterable[tuple[str, Sequence[Life]]]:
    if component and is_root:
        name = component
    elif is_root:
        name = "main process" if alone else "process"
    else:
        name = "worker" if len(taken) > 1 else "child process"
    for number, lives_of_place in enumerate(taken, 1):
        yield f"{name} {number} of {len(taken)}" if len(taken) > 1 else name, lives_of_place
