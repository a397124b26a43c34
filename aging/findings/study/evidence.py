"""Which attempt of every cell counts, and what the others left: each cell of the plan and each attempt is listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aging.core.errors import ResultsError
from aging.findings.findings_file import read_findings
from aging.findings.study.types import AttemptOutcome, CellOutcome
from aging.findings.types import Findings
from aging.store.results import open_results
from aging.study.cells import Cell
from aging.study.layout import StudyLayout
from aging.study.state import Attempt, CellState, StudyState


def cell_findings(layout: StudyLayout, cell: str, number: int) -> Findings | str:
    """The findings of an attempt, or in a sentence why they cannot be used.

    Its journal and its manifest must be readable, too: of another campaign than the one that is there nothing is known.
    """
    root = layout.attempt(cell, number)
    folder = root.relative_to(layout.root).as_posix()
    try:
        open_results(root)
    except ResultsError as error:
        return str(error).replace(str(root), folder)
    found = read_findings(root / layout.findings.name)
    if found is None:
        return f"{folder} has no findings.json that can be read. Run: aging analyze {folder}"
    return found if found.findings else f"{folder} has no readable samples of a load: no series could be analyzed."


def cell_outcomes(
    cells: Sequence[Cell], state: StudyState, layout: StudyLayout, unread: Mapping[str, str]
) -> list[CellOutcome]:
    """Every planned cell, in the order of the plan. ``unread``: why the findings of a cell cannot be used."""
    return [_outcome(cell, state.cells.get(cell.name, CellState(cell.name)), layout, unread) for cell in cells]


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


def _outcome(cell: Cell, state: CellState, layout: StudyLayout, unread: Mapping[str, str]) -> CellOutcome:
    counted = state.result
    last = counted or (state.attempts[-1] if state.attempts else None)
    status, why = _status(state, unread.get(cell.name))
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


def _status(state: CellState, unread: str | None) -> tuple[str, str | None]:
    if state.result is not None:
        return ("counted", None) if unread is None else ("no_findings", unread)
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
