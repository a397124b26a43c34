"""Which attempt of every cell counts, and what the others left: each cell of the plan and each attempt is listed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from aging.findings.study.types import AttemptOutcome, CellOutcome
from aging.study.cells import Cell
from aging.study.layout import StudyLayout
from aging.study.state import Attempt, CellState, StudyState


def cell_outcomes(
    cells: Sequence[Cell], state: StudyState, layout: StudyLayout, readable: Collection[str]
) -> list[CellOutcome]:
    """Every planned cell, in the order of the plan. ``readable`` are the cells whose findings could be read."""
    return [_outcome(cell, state.cells.get(cell.name, CellState(cell.name)), layout, readable) for cell in cells]


def not_counted(cells: Sequence[Cell], state: StudyState, layout: StudyLayout) -> list[AttemptOutcome]:
    """Every attempt that has ended, or was given up, and is not the result of its cell."""
    return [
        AttemptOutcome(
            cell=cell.name,
            number=attempt.number,
            host=attempt.host,
            state=attempt.state,
            why=attempt.lost or attempt.why,
            lost=attempt.lost is not None,
            evidence=_relative(layout, cell.name, attempt) if attempt.files else None,
            files=attempt.files,
            size=attempt.size,
        )
        for cell in cells
        for attempt in _others(state.cells.get(cell.name, CellState(cell.name)))
    ]


def _others(cell: CellState) -> Iterator[Attempt]:
    counted = cell.result
    for attempt in cell.attempts:
        replaced = attempt is not cell.attempts[-1]
        ended = attempt.lost is not None or attempt.state not in ("absent", "running")
        if (counted is None or attempt.number != counted.number) and (replaced or ended):
            yield attempt


def _outcome(cell: Cell, state: CellState, layout: StudyLayout, readable: Collection[str]) -> CellOutcome:
    counted = state.result
    last = counted or (state.attempts[-1] if state.attempts else None)
    status, why = _status(cell, state, layout, readable)
    return CellOutcome(
        cell=cell.name,
        variant=cell.variant,
        replicate=cell.replicate,
        levels=dict(cell.levels),
        status=status,
        host=None if last is None else last.host,
        attempt=None if last is None else last.number,
        attempts=len(state.attempts),
        directory=_relative(layout, cell.name, last) if last is not None and last.files else None,
        why=why,
    )


def _status(cell: Cell, state: CellState, layout: StudyLayout, readable: Collection[str]) -> tuple[str, str | None]:
    counted = state.result
    if counted is not None:
        if cell.name in readable:
            return "counted", None
        folder = _relative(layout, cell.name, counted)
        return "no_findings", f"{folder} has no findings.json that can be read. Run: aging analyze {folder}"
    if state.given_up is not None:
        return "given_up", state.given_up
    if not state.attempts:
        return "waiting", "No attempt was placed on a host yet."
    last = state.attempts[-1]
    if last.lost is None and last.state in ("absent", "running"):
        return "running", f"Attempt {last.number} runs on {last.host}."
    return "unfinished", f"Attempt {last.number} on {last.host}: {last.lost or last.why or last.state}"


def _relative(layout: StudyLayout, cell: str, attempt: Attempt) -> str:
    return layout.attempt(cell, attempt.number).relative_to(layout.root).as_posix()
