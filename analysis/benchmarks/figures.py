"""A figure of the table, and how its medians are taken."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

REPEATS = 7
Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what, its median and unit, and how many times ``to`` it is."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    to: str = ""

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}"
        return f"| {self.what:<61} | {self.value:>7.4g} | {self.unit:<14} | {ratio:>6} | {self.to:<46} |"


def medians(
    *calls: Call, repeats: int = REPEATS, number: int = 1, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Median seconds of one call of each, taken in turn, so that what else the machine does meets all alike."""
    for call in calls:
        call()
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, times in zip(calls, taken, strict=True):
            gc.collect()
            began = clock()
            for _ in range(number):
                call()
            times.append((clock() - began) / number)
    return [median(times) for times in taken]


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
