"""A saved answer of Prometheus' ``/api/v1/query_range``: every label set is a series."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from aging.tables.base import Format
from aging.tables.table import Table
from aging.tables.text import opened

_UNNAMED = "value"


class PrometheusJson(Format):
    """An answer to a range query."""

    kind: ClassVar[str] = "prometheus"
    title: ClassVar[str] = "Prometheus: a saved answer to a range query"
    made_by: ClassVar[str] = "`curl 'URL/api/v1/query_range?query=…&start=…&end=…&step=60'`"
    rank: ClassVar[int] = 2

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        start = "".join(head[:30])[:4000].replace(" ", "")
        return start.startswith("{") and '"resultType"' in start

    @classmethod
    def read(cls, path: Path) -> Table:
        with opened(path) as file:
            try:
                answer = json.load(file)
            except (ValueError, RecursionError):
                raise ValueError(
                    "begins like an answer of Prometheus, but is no complete JSON; save it again"
                ) from None
        data = answer.get("data", answer) if isinstance(answer, dict) else {}
        if not isinstance(data, dict):
            data = {}
        kind = data.get("resultType")
        if kind != "matrix":
            raise ValueError(f"is an answer of Prometheus of type {kind!r}, one moment; ask /api/v1/query_range")
        found = [one for one in data.get("result") or () if isinstance(one, dict) and _values(one)]
        if not found:
            raise ValueError("is an answer of Prometheus without data; ask for another range or query")
        return _table(found)


def _values(one: Mapping[str, Any]) -> list[Any]:
    values = one.get("values")
    if not isinstance(values, list) or not isinstance(one.get("metric", {}), dict):
        return []
    return [pair for pair in values if isinstance(pair, list) and len(pair) == 2]


def _table(found: Sequence[Mapping[str, Any]]) -> Table:
    """A row for every time of every label set, a column for every metric; labels that differ tell series apart."""
    labelled: dict[tuple[tuple[str, str], ...], dict[str, dict[float, float]]] = {}
    metrics: dict[str, None] = {}
    for one in found:
        labels = {str(key): str(value) for key, value in one.get("metric", {}).items()}
        metric = labels.pop("__name__", _UNNAMED)
        metrics[metric] = None
        points = {_float(at): _float(value) for at, value in _values(one)}
        labelled.setdefault(tuple(sorted(labels.items())), {})[metric] = points
    names = sorted({key for labels in labelled for key, _ in labels})
    varying = [name for name in names if len({dict(labels).get(name, "") for labels in labelled}) > 1]
    times: list[float] = []
    told: dict[str, list[str | None]] = {name: [] for name in varying}
    values: dict[str, list[float]] = {metric: [] for metric in metrics}
    for key, series in labelled.items():
        told_apart = dict(key)
        moments = sorted({at for points in series.values() for at in points})
        times += moments
        for name in varying:
            told[name] += [told_apart.get(name, "")] * len(moments)
        for metric in metrics:
            points = series.get(metric, {})
            values[metric] += [points.get(at, np.nan) for at in moments]
    columns: dict[str, Any] = {"time": np.array(times)}
    columns |= {name if name not in metrics else f"{name} ": np.array(cells, object) for name, cells in told.items()}
    columns |= {metric: np.array(cells) for metric, cells in values.items()}
    return Table(columns, time="time", labels=tuple(name for name in varying if name in columns))


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan
