"""The state of a study whose cells are jobs of a batch system (``--cell``): a killed job cannot record its end."""

from __future__ import annotations

from dataclasses import replace

from aging.store.lock import owner_of
from aging.study.fleet import AttemptState
from aging.study.layout import StudyLayout
from aging.study.state import StudyState


def with_jobs(layout: StudyLayout, state: StudyState) -> StudyState:
    """With the attempts of jobs that run, or that were killed and could not record it; their folders are shared."""
    if not state.of_jobs:
        return state
    cells = dict(state.cells)
    for name, cell in state.cells.items():
        last = cell.attempts[-1] if cell.attempts else None
        if last is not None and last.state in ("absent", "running"):
            now: AttemptState = "abandoned" if owner_of(layout.cells / name) is None else "running"
            cells[name] = replace(cell, attempts=(*cell.attempts[:-1], replace(last, state=now)))
    return replace(state, cells=cells)
