"""Children that ended and were replaced, from rows of single processes."""

from __future__ import annotations

import pandas as pd

from aging.core.metrics import PRIMARY
from aging.core.records import process_entity
from aging.findings.replaced_children import replaced

MIB = 2.0**20


def rows(*processes: tuple[int, float, float, float, str]) -> pd.DataFrame:
    """Of processes by pid, first and last second, MiB and command; 1 is the parent of all."""
    return pd.DataFrame(
        [
            {
                "mono": at,
                "generation": 1,
                "entity": process_entity(pid),
                "pids": str(pid),
                "parent": 0 if pid == 1 else 1,
                "command": command,
                "process_uptime_seconds": at - first + 0.5,
                PRIMARY: size * MIB,
            }
            for pid, first, last, size, command in processes
            for at in (first + second for second in range(int(last - first)))
        ]
    )


def test_children_in_turn() -> None:
    found = replaced(
        rows((1, 0, 60, 1, "sh"), (2, 0, 20, 50, "serve"), (3, 21, 40, 50, "serve"), (4, 42, 60, 5, "serve"))
    )
    assert [life.pid for life in found] == [2, 3]


def test_small_ones_do_not_count() -> None:
    assert replaced(rows((1, 0, 60, 50, "sh"), (2, 0, 20, 1, "sleep 1"), (3, 21, 40, 1, "sleep 1"))) == []


def test_workers_side_by_side_are_not_replaced() -> None:
    assert replaced(rows((1, 0, 60, 9, "sh"), (2, 0, 60, 50, "serve"), (3, 1, 60, 50, "serve"))) == []
    assert replaced(pd.DataFrame()) == []
