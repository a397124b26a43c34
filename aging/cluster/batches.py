"""How many series one task of a cluster takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aging.findings.series import Series

TASK_SAMPLES = 1_000_000
"""Samples of a task: 2 to 3 s of statistics, against milliseconds to hand it over (``analysis.study.scaling``)."""

_TASKS_A_CPU = 6
"""Tasks per CPU where there are not enough samples for tasks of that length: at the end no CPU waits for long."""

LEAST_SAMPLES = 25_000
"""A shorter task costs more to hand over than it saves."""


def batches(series: Sequence[Series], cpus: int) -> Iterator[slice]:
    """Cut ``series`` into consecutive stretches, each a task."""
    total = sum(one.t.size for one in series)
    wanted = max(LEAST_SAMPLES, min(TASK_SAMPLES, total // max(1, _TASKS_A_CPU * cpus)))
    begin, samples = 0, 0
    for place, one in enumerate(series):
        samples += one.t.size
        if samples >= wanted:
            yield slice(begin, place + 1)
            begin, samples = place + 1, 0
    if begin < len(series):
        yield slice(begin, len(series))
