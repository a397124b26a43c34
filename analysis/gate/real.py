"""The real part: windows of recorded servers, each judged as if a run had begun and ended with it.

Two sources: the reference server with known aging at 100 requests a second (``results/gate``, by
:mod:`analysis.gate.record`), and 161 recordings of other real servers (``results/recordings``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.stats.rate_test.design import RED_AFTER
from analysis.gate.record import PER_SECOND, SERIES, WAVES, Server
from analysis.gate.series import Kind, Sampled
from analysis.gate.verdict import judged
from analysis.recordings.dataset import Recording, load

Row = dict[str, object]
Floats = NDArray[np.float64]

REFERENCE_LIMITS = {60: (128.0, 512.0), 180: (32.0, 128.0), 600: (32.0, 128.0)}
"""Bytes per request by the seconds of a window."""

RECORDED_BUDGETS = (65, 600)
HEALTHY_LIMIT = 512.0
"""Bytes per request for servers without a leak; a leak is judged at half of what it leaks."""

_HEALTHY_STARTS = (0.0, 1800.0)
_LEAK_STARTS = (0.0,)
_LAST = 2.0
"""Seconds by which the last sample may lie before the end of the load."""

_GAP = 0.9
"""A window with fewer samples than this share of its seconds is left out."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a recording, its times and requests counted from its start, and the limit to judge it at.

    ``grew`` is how fast its memory grew in its second half, in bytes per request, whatever the cause.
    """

    source: str
    name: str
    half: str
    start: float
    budget: int
    limit: float
    server: Sampled
    grew: float


def reference_windows(full: bool) -> Iterator[Window]:
    """Windows of the reference servers, from the start of load on and, where the truth allows it, later ones."""
    table = pd.read_csv(SERIES)
    servers = [(wave, server) for wave, (_, servers) in WAVES.items() for server in servers]
    for wave, server in servers if full else servers[::8]:
        group = table[(table["wave"] == wave) & (table["server"] == server.name)]
        if group.empty:
            continue
        t, y, w = (group[column].to_numpy(dtype=np.float64) for column in ("t", server.indicator, "requests"))
        for budget in REFERENCE_LIMITS if full else (60,):
            for start in np.arange(0.0, t[-1] - budget + _LAST, budget).tolist():
                kind = _kind(server, budget, float(w[min(int(np.searchsorted(t, start)), w.size - 1)]))
                part = _cut(t, y, w, start, budget, kind, server.per_request, server.name)
                limits = REFERENCE_LIMITS[budget] if server.indicator == "memory" else (server.per_request / 2,)
                for limit in limits if full else limits[-1:]:
                    if part is not None:
                        found = _late_rate(part)
                        yield Window("reference server", server.name, "held-out", start, budget, limit, part, found)


def _kind(server: Server, budget: int, done: float) -> Kind:
    """What a reference server is within a window that begins after so many requests.

    What grows steadily for longer than :data:`RED_AFTER` of the budget is ``beyond``: no rule can tell it from a leak
    in that time.
    """
    until = server.until - (0.0 if server.teeth else done)
    return "beyond" if server.truth == "look-alike" and until > RED_AFTER * budget * PER_SECOND else server.truth


def recorded_windows(full: bool) -> Iterator[Window]:
    """Windows of the recordings: two an hour of healthy servers, one of leaking ones, once they leak."""
    recordings = load()
    for recording in recordings if full else recordings[::80]:
        leak = recording.leak
        for start in _HEALTHY_STARTS if leak is None else [leak.start + after for after in _LEAK_STARTS]:
            for budget in RECORDED_BUDGETS if full else RECORDED_BUDGETS[:1]:
                yield from _recorded(recording, max(start, float(recording.t[0])), budget)


def _recorded(recording: Recording, start: float, budget: int) -> Iterator[Window]:
    t, w = recording.t, recording.requests.astype(np.float64)
    rate = 0.0
    if recording.leak is not None:
        inside = (t >= start) & (t <= start + budget)
        done = np.ptp(w[inside]) if inside.any() else 0.0
        if done < 1:
            return
        rate = float(np.ptp(recording.leaked[inside])) / float(done)
    kind: Kind = "clean" if recording.truth == "healthy" else "leak" if recording.truth == "leak" else "beyond"
    part = _cut(t, recording.memory, w, start, budget, kind, rate, recording.program)
    if part is None or part.w[-1] < 1:
        return
    limit = HEALTHY_LIMIT if recording.leak is None else rate / 2
    if limit > 0:
        yield Window("recorded servers", recording.name, recording.half, start, budget, limit, part, _late_rate(part))


def _cut(  # noqa: PLR0913, PLR0917 - a recording and a place in it
    t: Floats, y: Floats, w: Floats, start: float, budget: int, kind: Kind, rate: float, family: str
) -> Sampled | None:
    inside = (t >= start) & (t <= start + budget)
    if inside.sum() < _GAP * budget or t[inside][-1] - start < _GAP * budget:
        return None
    first = int(np.flatnonzero(inside)[0])
    return Sampled(t[inside] - start, y[inside], w[inside] - w[max(first - 1, 0)], rate, family, kind)


def _late_rate(part: Sampled) -> float:
    middle, edge = part.t.size // 2, max(part.t.size // 20, 1)
    done = float(part.w[-1] - part.w[middle])
    rise = float(np.median(part.y[-edge:]) - np.median(part.y[middle : middle + edge]))
    return rise / done if done > 0 else 0.0


def windows(full: bool) -> Iterator[Window]:
    """All windows of both sources, or a few of them."""
    yield from reference_windows(full)
    yield from recorded_windows(full)


def row(window: Window) -> Row:
    """Judge a window."""
    return {
        "part": window.source,
        "family": window.server.family,
        "name": window.name,
        "half": window.half,
        "kind": window.server.kind,
        "start": window.start,
        "budget": window.budget,
        "limit": window.limit,
        "size": window.server.rate,
        "grew": window.grew,
        **judged(window.server, window.limit, window.budget).row(),
    }
