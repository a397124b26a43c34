"""Where memory grew, over time: each process of a tree, and each kind of mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from aging.core.metrics import PRIMARY, resolution
from aging.core.records import OTHERS, stored_under
from aging.findings.growth_places import KINDS
from aging.findings.process_places import lives, places
from aging.findings.series import Measured, Window
from aging.report.charts import cells
from aging.report.charts.chart import Chart, Floats, Line
from aging.report.charts.key import run_key
from aging.report.charts.run import marks, origin, planned_seconds

_MOST = 8
"""Processes with lines of their own: more colors cannot be told apart."""

_ROOM = 0.05
_Parts = Sequence[tuple[Floats, Floats]]


def process_places_chart(measured: Measured, deployment: str, replica: int) -> Chart | None:
    """The leak indicator of every process of a run, by its place (``worker 3 of 4``), of many those that grew the most.

    None where single processes were not read, or where there was one alone.
    """
    window = measured.windows.get((deployment, replica))
    rows = measured.results.samples(deployment, stored_under("process", OTHERS), replica)
    if window is None or rows.empty or PRIMARY not in rows:
        return None
    inside = rows[rows["mono"].between(window.load_start, window.load_end)]
    taken: dict[str, list[tuple[Floats, Floats]]] = {}
    for _, generation in inside.groupby("generation"):
        for place in places(lives(generation)):
            for life in place.lives:
                t = life.rows["mono"].to_numpy(dtype=np.float64) - window.load_start
                taken.setdefault(place.label, []).append((t, life.rows[PRIMARY].to_numpy(dtype=np.float64)))
    if len(taken) < 2:
        return None
    most = sorted(taken, key=lambda label: -_growth(taken[label]))[:_MOST]
    left_out = [f"{len(taken) - len(most)} processes that grew less are left out."] if len(taken) > len(most) else []
    kept = {label: parts for label, parts in taken.items() if label in most}
    return _chart(measured, deployment, replica, window, "processes", kept, "Memory by process", left_out)


def mapping_kinds_chart(measured: Measured, deployment: str, replica: int) -> Chart | None:
    """The memory of a run by kind of mapping: heap, anonymous mappings, stacks and modified files.

    None where mappings were not read.
    """
    found = measured.readings(deployment, replica, "footprint")
    window = measured.windows.get((deployment, replica))
    columns = {kind: found.column(name) for name, kind in KINDS.items()}
    known = {kind: y for kind, y in columns.items() if y is not None and np.isfinite(y).any()}
    if window is None or not known:
        return None
    edges = np.flatnonzero(np.diff(found.generation, prepend=-1, append=-1)).tolist()
    parts = {
        str(kind): [_finite(found.t[begin:end], y[begin:end]) for begin, end in pairwise(edges)]
        for kind, y in known.items()
    }
    return _chart(measured, deployment, replica, window, "mappings", parts, "Memory by kind of mapping", [])


def _chart(  # noqa: PLR0913, PLR0917 - a run, its lines and what they are called
    measured: Measured,
    deployment: str,
    replica: int,
    window: Window,
    kind: str,
    lines: Mapping[str, _Parts],
    what: str,
    notes: Sequence[str],
) -> Chart | None:
    results = measured.results
    last = max(planned_seconds(results, deployment, replica), window.load_end - window.load_start)
    drawn = [Line(label, "series", *whole) for label, parts in lines.items() if (whole := _whole(parts, last))]
    values = np.concatenate([*(line.y[np.isfinite(line.y)] for line in drawn), np.empty(0)])
    if not values.size:
        return None
    name = f"{deployment}, replica {replica}" if len(results.replicas(deployment)) > 1 else deployment
    greatest = max(float(values.max()), 4 * resolution(PRIMARY))
    return Chart(
        key=run_key(kind, deployment, replica),
        title=name,
        label=f"{what} of {name} over time",
        quantity=PRIMARY,
        origin=origin(results, [(deployment, replica)]),
        last=last,
        bottom=0.0,
        top=greatest * (1 + _ROOM),
        lines=drawn,
        marks=marks(results, deployment, replica, window),
        notes=notes,
    )


def _whole(parts: _Parts, last: float) -> tuple[Floats, ...]:
    thinned = (cells.extremes(t, y, last / cells.CELLS) for t, y in parts if t.size)
    return cells.joined([(t, *lines) for t, lines in (cells.broken(t, [y]) for t, y in thinned)])


def _finite(t: Floats, y: Floats) -> tuple[Floats, Floats]:
    known = np.isfinite(y)
    return t[known], y[known]


def _growth(parts: Iterable[tuple[Floats, Floats]]) -> float:
    return max((float(y[-1] - y[0]) for _, y in parts if y.size), default=0.0)
