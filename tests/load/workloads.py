"""Loads as a campaign file has them, for the tests."""

from __future__ import annotations

import itertools
import math
from typing import Any

from aging.load.job import load_table
from aging.load.schedule.classes import classes_of
from aging.load.schedule.planned_request import PlannedRequest
from aging.load.schedule.schedule import merged

BASE: dict[str, Any] = {
    "arrivals": {"kind": "poisson", "rate": 50.0},
    "prompt_tokens": {"median": 100, "p95": 300, "min": 10, "max": 1000},
    "output_tokens": {"median": 20, "p95": 20, "min": 1, "max": 100},
}


def planned(seed: int = 1, duration: float = 200.0, rate: float | None = None, **tables: Any) -> list[PlannedRequest]:
    """The open loops' requests of the base load with these tables instead."""
    return list(merged(classes_of(load_table(BASE | tables), rate), seed, duration))


def gaps(requests: list[PlannedRequest]) -> list[float]:
    return [later.at - earlier.at for earlier, later in itertools.pairwise(requests)]


def variation(values: list[float]) -> float:
    """Standard deviation over mean."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values)) / mean
