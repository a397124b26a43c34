"""A figure as compact JSON for the script of the page: numpy alone.

Numbers are base64 of little-endian arrays: ``u`` of 16 bits between the least and the greatest value, 65535 for NaN,
where that keeps three digits of every value; else ``f`` of 32 bits. Every spike is kept: nothing is left out.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

from aging.report.charts.chart import Chart, Figure, Floats, Forest
from aging.report.charts.quantity import unit_of_quantity

_STEPS = 65534
_NAN = 65535
_DIGITS = 5e-4
"""Half of the last of three digits."""

_ESCAPED = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}


def encoded(figure: Figure) -> str:
    """The figure as JSON; no text in it can end the script element that it is written into."""
    return json.dumps(encodable(figure), ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPED)


def encodable(figure: Figure) -> Mapping[str, Any]:
    """The same as an object of JSON."""
    if isinstance(figure, Chart):
        return _chart(figure)
    common = {"key": figure.key, "title": figure.title, "label": figure.label}
    if isinstance(figure, Forest):
        rows = [
            [row.label, *map(_number, (row.value, row.low, row.high, row.weight)), row.pooled, row.note]
            for row in figure.rows
        ]
        return {"kind": "forest", **common, "unit": _unit(figure.quantity), "per": figure.per, "rows": rows}
    cells = [[[cell.tone, cell.text, cell.strength, cell.title] for cell in row] for row in figure.cells]
    return {"kind": "heat-map", **common, "rows": [*figure.rows], "columns": [*figure.columns], "cells": cells}


def _chart(chart: Chart) -> Mapping[str, Any]:
    return {
        "kind": "chart",
        "key": chart.key,
        "title": chart.title,
        "label": chart.label,
        "unit": _unit(chart.quantity),
        "origin": chart.origin,
        "last": _number(chart.last),
        "bottom": _number(chart.bottom),
        "top": _number(chart.top),
        "log": chart.logarithmic,
        "clock": chart.clock,
        "lines": [[line.label, line.role, _times(line.t), _values(line.y)] for line in chart.lines],
        "bands": [
            [band.label, band.role, _times(band.t), _values(band.low), _values(band.high)] for band in chart.bands
        ],
        "spans": [[span.kind, _number(span.begin), _number(span.end), span.label] for span in chart.spans],
        "marks": [[mark.kind, _number(mark.at), mark.label] for mark in chart.marks],
        "levels": [[level.label, _number(level.value)] for level in chart.levels],
        "notes": [*chart.notes],
    }


def _unit(quantity: str) -> Mapping[str, Any]:
    unit = unit_of_quantity(quantity)
    return {"scales": [[factor, name] for factor, name in unit.scales], "suffix": unit.suffix, "own": unit.own}


def _number(value: float | None) -> float | None:
    """Seven digits: more than a screen shows."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.7g}")


def _times(t: Floats) -> Mapping[str, Any]:
    """Times; of equal steps the first, the step and how many."""
    if t.size > 2:
        step = (t[-1] - t[0]) / (t.size - 1)
        if np.all(np.abs(t - (t[0] + step * np.arange(t.size))) <= 1e-3 * step):
            return {"k": "e", "from": float(t[0]), "step": float(step), "n": int(t.size)}
    return _floats(t)


def _values(y: Floats) -> Mapping[str, Any]:
    known = y[np.isfinite(y)]
    if not known.size:
        return {"k": "n", "n": int(y.size)}
    least, greatest = float(known.min()), float(known.max())
    step = (greatest - least) / _STEPS
    nonzero = np.abs(known[known != 0])
    if step and (not nonzero.size or step / 2 > _DIGITS * float(nonzero.min())):
        return _floats(y)
    scaled = np.round((y - least) / (step or 1.0))
    whole = np.where(np.isfinite(y), scaled, _NAN).astype("<u2")
    return {"k": "u", "from": least, "step": step, "d": b64encode(whole.tobytes()).decode()}


def _floats(y: Floats) -> Mapping[str, Any]:
    with np.errstate(over="ignore"):
        return {"k": "f", "d": b64encode(y.astype("<f4").tobytes()).decode()}
