"""The sealed hours of a run, read once in a process of its own: Parquet would take 80 MB of the one that serves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aging.core.metrics import PRIMARY
from aging.core.records import TREE
from aging.report.charts.chart import Floats
from aging.serve.cells import Counts
from aging.serve.run_series import MOST_SECONDS, RunSeries, failure_kind
from aging.store.segments import SEALED

READ = "aging.serve.history:read"
"""For :func:`aging.core.worker.call`: its imports are never the caller's."""

REQUESTS = "requests"
_OF_REQUESTS = ("status", "streaming", "sent", "first_token", "finished", "failure")
_COURSE_STEP = 10
"""A tenth of the samples is enough for the 40 points of a course."""


def sources(run: Path) -> list[str]:
    """The folders of a run with rows that are shown, not those of single processes; what begins first at the front."""
    try:
        found = [one.name for one in os.scandir(run) if one.is_dir()]
    except OSError:  # not begun, or deleted
        return []
    kept = [name for name in found if name != "logs" and not name.endswith("-each")]
    return sorted(kept, key=lambda name: (name != "process", name))


def sealed_hours(folder: Path) -> list[str]:
    """The names of the sealed hours of a folder, oldest first."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name.removesuffix(SEALED) for name in names if name.endswith(SEALED) and name[:1].isdigit())


def read(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """The series of the run in ``job["run"]`` up to the hours in ``job["until"]`` by source, as JSON."""
    run, load_start = Path(job["run"]), job["load_start"]
    series = RunSeries()
    hours = [
        (name, place, source)
        for place, (source, until) in enumerate(job["until"].items())
        for name in sealed_hours(run / source)
        if name <= until
    ]
    for name, _, source in sorted(hours):
        table = _table(run / source / f"{name}{SEALED}", _OF_REQUESTS if source == REQUESTS else None)
        if table is None or not table.num_rows:
            continue
        if source == REQUESTS:
            _add_requests(series, table)
        else:
            _add_samples(series, table, load_start)
    return series.packed()


def _table(path: Path, columns: Sequence[str] | None) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - see above

    from aging.store.parquet import parquet  # noqa: PLC0415

    try:
        with parquet(path) as hour:
            return hour.read(None if columns is None else [one for one in columns if one in hour.schema_arrow.names])
    except (pa.ArrowInvalid, OSError):  # gone or damaged: the analysis reports it
        return None


def _add_samples(series: RunSeries, table: Any, load_start: float | None) -> None:
    names = set(table.column_names)
    if "mono" not in names:
        return
    t = _numbers(table, "mono")
    entities = np.asarray(table["entity"].to_pylist() if "entity" in names else [TREE] * t.size, dtype=object)
    generations = _numbers(table, "generation") if "generation" in names else np.ones(t.size)
    metrics = {name: _numbers(table, name) for name in table.column_names if _is_metric(table, name)}
    for entity in dict.fromkeys(entities.tolist()):
        mine = (entities == entity) & (np.abs(t) < MOST_SECONDS)
        if not mine.any() or not isinstance(entity, str):
            continue
        of = {name: values[mine] for name, values in metrics.items()}
        series.add_columns(t[mine], entity, generations[mine], of)
        if entity == TREE and PRIMARY in of:
            _add_course(series, t[mine], generations[mine], of[PRIMARY], load_start)


def _add_course(series: RunSeries, t: Floats, generations: Floats, memory: Floats, load_start: float | None) -> None:
    """Of the last generation, for it is the one that grows now."""
    kept = np.isfinite(memory) & (generations == generations[-1])
    series.course.begin(int(generations[-1]))
    for one, value in zip(t[kept][::_COURSE_STEP].tolist(), memory[kept][::_COURSE_STEP].tolist(), strict=True):
        series.course.add(value, one, load_start)


def _add_requests(series: RunSeries, table: Any) -> None:
    finished = _numbers(table, "finished")
    status = np.asarray(table["status"].to_pylist(), dtype=object)
    for one in Counts.KINDS:
        mine = (status == one) & (np.abs(finished) < MOST_SECONDS)
        if mine.any():
            failures = dict(_failures(table, mine)) if one == "error" else {}
            series.add_outcomes(finished[mine], one, failures)
    if {"streaming", "first_token", "sent"} <= set(table.column_names):
        ttft = _numbers(table, "first_token") - _numbers(table, "sent")
        streamed = np.asarray(table["streaming"].to_pylist(), dtype=object) == True  # noqa: E712 - null is not false
        kept = (status == "ok") & streamed & np.isfinite(ttft) & np.isfinite(finished)
        series.add_latencies(finished[kept], ttft[kept])


def _failures(table: Any, mine: np.ndarray[Any, Any]) -> Iterator[tuple[str, int]]:
    kinds = table["failure"].to_pylist() if "failure" in table.column_names else [None] * len(mine)
    found = np.asarray([failure_kind(kind) for kind in kinds], dtype=object)[mine]
    for kind in set(found.tolist()):
        yield kind, int((found == kind).sum())


def _is_metric(table: Any, name: str) -> bool:
    from pyarrow import types  # noqa: PLC0415 - see above

    kind = table.schema.field(name).type
    number = types.is_floating(kind) or types.is_integer(kind)
    return bool(number) and name not in ("wall", "mono", "generation", "late", "missed", "parent")


def _numbers(table: Any, name: str) -> Floats:
    numbers: Floats = table[name].cast("float64").to_numpy(zero_copy_only=False)
    return numbers
