"""Why a cell waits for a host: what every host that the study knows does instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set

from aging.study.cells import Cell
from aging.study.schema import HostsTable
from aging.study.shortage import is_asked, shortage
from aging.study.state import HostState, StudyState

_NAMED = 3


class Waiting:
    """The reasons of the cells of one study; ``away`` says since when a host is gone, in a sentence.

    ``short`` says that there are too few different hosts, however long the study waits; else it is empty.
    """

    def __init__(
        self, cells: Sequence[Cell], state: StudyState, table: HostsTable, away: Callable[[HostState], str]
    ) -> None:
        self._table = table
        self._over = state.started is None or state.outcome is not None
        hosts = [state.hosts[name] for name in sorted(state.hosts)]
        gone = [one for one in hosts if one.lost is not None and one.refused is None]
        self._gone = [*_some(map(away, gone), len(gone), "gone")]
        self._there = [one for one in hosts if one.lost is None]
        self._fitting = [one for one in self._there if one.refused is None]
        asked = [one.name for one in self._there if is_asked(one)]
        more = f" and {len(asked) - _NAMED} more" if len(asked) > _NAMED else ""
        self._asking = [f"asking {', '.join(asked[:_NAMED])}{more}"] if asked else []
        self.short = "" if self._over else shortage(cells, state, table) or ""
        self._used: dict[str, list[str]] = {}
        self._taken: dict[str, set[tuple[str, str]]] = {}
        variants = {cell.name: cell.variant for cell in cells}
        for name, cell in state.cells.items():
            last = cell.attempts[-1] if cell.attempts else None
            if last is not None and last.live and cell.result is None and cell.given_up is None:
                self._used.setdefault(last.host, []).append(name)
            mine = self._taken.setdefault(variants.get(name, ""), set())
            mine |= {(name, one.host) for one in cell.attempts if one.live or one.number == cell.counts}

    def why(self, cell: Cell) -> str:
        """In a sentence; empty where a host is free: then it is being placed, or the study has ended."""
        if self._over:
            return ""
        if not self._fitting:
            return "; ".join([*self._unfit(), *self._gone])
        apart = {host for name, host in self._taken.get(cell.variant, ()) if name != cell.name and self._table.apart}
        whys = [(one, self._not_now(cell, one, apart)) for one in self._fitting if not is_asked(one)]
        if any(why is None for _, why in whys):
            return next(iter(self._asking), self._enough())
        if self.short and apart.issuperset(one.name for one in self._fitting):
            return f"every host that fits has another replicate of {cell.variant} (`hosts.apart`)"
        said = (f"{one.name} {why}" for one, why in whys)
        return "; ".join([*_some(said, len(whys), "busy"), *self._asking, *self._gone])

    def _enough(self) -> str:
        """Why the study takes no further host; empty where it takes one."""
        if self._table.count is None or len(self._used) < self._table.count:
            return ""
        return f"the study has {len(self._used)} hosts, and takes at most {self._table.count} (`hosts.count`)"

    def _not_now(self, cell: Cell, host: HostState, apart: Set[str]) -> str | None:
        """What keeps a host that fits from this cell."""
        if host.silent is not None:
            return f"does not answer ({host.silent})"
        if host.busy is not None:
            return f"runs {host.busy}"
        if host.reserved_by is not None:
            return f"is reserved for {host.reserved_by}"
        if host.name in apart:
            return f"has another replicate of {cell.variant} (`hosts.apart`)"
        own = [name for name in self._used.get(host.name, ()) if name != cell.name]
        if own and self._table.exclusive:
            return f"has {', '.join(own)}"
        return None

    def _unfit(self) -> Iterator[str]:
        """No host fits: the one that lacks least is named, with what it lacks."""
        if not self._there:
            if not self._gone:
                yield "no host is known yet: those of the cluster are being asked"
            return
        nearest = min(self._there, key=lambda one: (one.refused or "").count("; "))
        rest = len(self._there) - 1
        more = f" ({rest} more {'does' if rest == 1 else 'do'} not)" if rest else ""
        yield f"no host fits `[hosts]`{more}: {nearest.name}: {nearest.refused}"


def _some(said: Iterator[str], count: int, what: str) -> Iterator[str]:
    for _, one in zip(range(_NAMED), said, strict=False):
        yield one
    if (rest := count - _NAMED) > 0:
        yield f"{rest} more {'host is' if rest == 1 else 'hosts are'} {what}"
