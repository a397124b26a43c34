"""Restarts that a table shows."""

from __future__ import annotations

import numpy as np
import pytest

from aging.tables.labels import WHOLE
from aging.tables.restarts import restarts_of
from aging.tables.series import Floats

T = np.arange(20.0)
RISING = T * 5
RESET = np.where(T < 12, T * 5, (T - 12) * 5)


@pytest.mark.parametrize(
    ("columns", "counters", "expected"),
    [
        ({"pid": np.where(T < 8, 4, 9)}, {}, (8.0,)),
        ({"pid": np.full(20, 4)}, {}, ()),
        ({"pod": np.array(["a"] * 5 + ["b"] * 5 + ["c"] * 10, dtype=object)}, {}, (5.0, 10.0)),
        ({"uptime_seconds": np.where(T < 8, T, T - 8)}, {}, (8.0,)),
        ({"rss": RESET}, {}, None),
        ({}, {"requests_total": RESET}, (12.0,)),
        ({}, {"requests_total": RISING}, None),
        ({"pid": T}, {}, None),
    ],
)
def test_restarts(
    columns: dict[str, np.ndarray], counters: dict[str, Floats], expected: tuple[float, ...] | None
) -> None:
    assert restarts_of(columns, counters, WHOLE, T, ()) == expected


def test_label_is_no_restart() -> None:
    assert restarts_of({"pid": np.where(T < 8, 4, 9)}, {}, WHOLE, T, ("pid",)) is None
