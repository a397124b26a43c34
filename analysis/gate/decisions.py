"""What the rate test decides on simulated servers that were not used while it was tuned, and how soon.

Twenty-six servers of each family, budgets of 60 and 600 s, looks as ``aging check`` plans them. Clean servers and
others without a leak must not be above a limit, leaks of twice the limit not below it; at the limit neither.
``futile``: a look called the rest of the budget hopeless; ``futile in error``: and a later look decided after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aging.stats.rate_test import Design, RateDecision, decide, planned_looks
from analysis.gate.series import BEYOND, FAMILIES, LEAKS, Sampled, Setting, drawn, kind_of
from analysis.methods.study import conduct, on_all_cores, progress

SEEDS = (*range(9000, 9013), *range(9020, 9033))
"""Held out; the rules were chosen on seeds below 6000."""
_QUICK = 1

_MINUTES = Setting()
_COARSE = Setting(limit=256.0)
_MINUTE = Setting(seconds=60, limit=256.0)
_PLAIN = ("leak", "leak, rough", "leak, glibc")


@dataclass(frozen=True, slots=True)
class Cell:
    """Servers of one family; ``size`` is what a leak keeps of a request, in bytes."""

    family: str
    setting: Setting
    size: float | None = None


ALIKE = tuple(family for family in FAMILIES if family not in LEAKS and family not in BEYOND)
CELLS = (
    *(Cell(family, setting) for setting in (_MINUTES, _COARSE, _MINUTE) for family in ALIKE),
    *(Cell(family, _MINUTES, 64.0) for family in LEAKS),
    *(Cell(family, _COARSE, 512.0) for family in LEAKS),
    *(Cell(family, _MINUTE, 1024.0) for family in _PLAIN),
    *(Cell(family, _MINUTES, 32.0) for family in _PLAIN),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """The last look at a server: after ``seconds``, ``found``; ``futile`` says when the rest was called hopeless."""

    server: Sampled
    seconds: float
    found: RateDecision
    futile: float | None


def judged(server: Sampled, design: Design) -> Judged:
    """Look at a server until a look decides, on from one that calls the rest hopeless."""
    futile = None
    for look, seconds in enumerate(design.looks, start=1):
        seen = int(np.searchsorted(server.t, seconds, side="right"))
        found = decide(server.t[:seen], server.y[:seen], server.w[:seen], design, look)
        if found.outcome != "undecided":
            break
        futile = seconds if found.futile and futile is None else futile
    return Judged(server, seconds, found, futile)


def server_of(cell: Cell, seed: int) -> Sampled:
    """The server of a cell that has this seed."""
    rng = np.random.default_rng([seed, sum(map(ord, cell.family))])
    return drawn(cell.family, rng, cell.setting, cell.size)


def summary(cell: Cell, servers: Sequence[Judged]) -> dict[str, object]:
    """One row: how many were above, below and undecided, and the median time, in shares of the budget."""
    limit, budget = cell.setting.limit, cell.setting.seconds

    def share(outcome: str) -> float:
        times = [one.seconds / budget for one in servers if one.found.outcome == outcome]
        return float(np.median(times)) if times else np.nan

    def count(outcome: str) -> int:
        return sum(one.found.outcome == outcome for one in servers)

    above = [one for one in servers if one.found.outcome == "above"]
    below = [one for one in servers if one.found.outcome == "below"]
    return {
        "family": cell.family,
        "kind": kind_of(cell.family),
        "budget": budget,
        "limit": limit,
        "size": cell.size or 0.0,
        "servers": len(servers),
        "above": count("above"),
        "below": count("below"),
        "undecided": count("undecided"),
        "false red": sum(one.server.rate <= limit for one in above),
        "false green": sum(one.server.rate >= 2 * limit for one in below),
        "red after": share("above"),
        "green after": share("below"),
        "futile": sum(one.futile is not None for one in servers),
        "futile in error": sum(one.futile is not None and one.found.outcome != "undecided" for one in servers),
    }


def measure(full: bool) -> pd.DataFrame:
    """One row a cell."""
    return pd.DataFrame(on_all_cores(_row, [(cell, SEEDS if full else SEEDS[:_QUICK]) for cell in CELLS]))


def _row(work: tuple[Cell, Sequence[int]]) -> dict[str, object]:
    cell, seeds = work
    design = Design(cell.setting.limit, looks=planned_looks(cell.setting.seconds))
    row = summary(cell, [judged(server_of(cell, seed), design) for seed in seeds])
    progress(f"{cell.family}, {cell.setting.seconds} s, {cell.setting.limit:g} B")
    return row


if __name__ == "__main__":
    conduct("gate_decisions", __doc__, measure)
