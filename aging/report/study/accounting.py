"""Every cell of a study accounted for: which attempt on which host, in what state, what of it is here, and why.

From the plan's cells and the state of the ledger alone: nothing is asked of a host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aging.core.format import byte_size, readable_duration, utc
from aging.core.plain_text import one_line
from aging.report.study.waiting import Waiting
from aging.study.cells import Cell
from aging.study.fleet import AttemptState
from aging.study.schema import HostsTable
from aging.study.shared_machines import machine_notes
from aging.study.state import Attempt, CellState, HostState, StudyState

Status = Literal[
    "counted",
    "no_findings",
    "running",
    "starting",
    "collecting",
    "host_lost",
    "abandoned",
    "lost",
    "ended",
    "waiting",
    "given_up",
]
"""``counted``: it has a result. ``no_findings``: it has one that cannot be analyzed. ``collecting``: complete on its
host, and not all of it is here. ``host_lost``: its host is gone and may return. ``abandoned``: its runner is gone and
can be continued. ``lost``: its last attempt was given up, another may follow. ``ended``: its last attempt ended without
a result."""

_WHOLE: frozenset[AttemptState] = frozenset(("completed", "decided"))
_ENDED: frozenset[AttemptState] = frozenset(("interrupted", "halted", "died", "failed", "refused"))
_QUIET: frozenset[Status] = frozenset(("running", "starting", "collecting", "waiting"))
"""Nothing is wrong with a cell of these."""

_UNPLACED: frozenset[Status] = frozenset(("waiting", "lost"))
"""It needs a host for its next attempt."""

_LIVE: Mapping[AttemptState, Status] = {"running": "running", "abandoned": "abandoned"}
_WORDS: Mapping[Status, str] = {
    "no_findings": "not analyzed",
    "running": "running",
    "starting": "starting",
    "collecting": "being collected",
    "host_lost": "host lost",
    "abandoned": "runner gone",
    "lost": "attempt lost",
    "waiting": "waiting for a host",
    "given_up": "given up",
}
_NAMED = 3


@dataclass(frozen=True, slots=True)
class CellRow:
    """A cell with its latest attempt, or the one that counts. Times in seconds, ``size`` in bytes of collected files.

    ``words`` is its state as a reader is shown it and ``why`` the reason in a sentence, empty where there is none.
    ``remaining`` is until the end planned as it was placed; None where it is not running, or later than planned.
    ``host`` and ``attempt`` are None before its first attempt; ``attempts`` is how many there were.
    """

    cell: str
    variant: str
    replicate: int
    status: Status
    words: str
    host: str | None
    attempt: int | None
    attempts: int
    since: float | None
    remaining: float | None
    files: int
    size: int
    why: str


@dataclass(frozen=True, slots=True)
class Accounting:
    """All cells of the plan, in its order, and the whole in one sentence. ``runner`` runs the study now.

    ``notes`` are what a reader of any of its results must know, a sentence each, without a full stop.

    ``outcome`` is None while it is not ended, and ``stopping`` whether it is ended before its cells are. ``started`` in
    epoch seconds, ``elapsed`` in seconds from then to its end, or until now.
    """

    study: str
    rows: Sequence[CellRow]
    hosts: Sequence[HostState]
    outcome: str | None
    runner: int | None
    started: float | None
    elapsed: float | None
    sentence: str
    stopping: bool = False
    notes: Sequence[str] = ()

    @property
    def state(self) -> str:
        """Its outcome; ``running``; else, where no process runs it, ``abandoned`` while a cell has no result.

        One whose cells are jobs (``--cell``) has no process and no outcome of its own: it runs while one of them does.
        """
        if self.outcome is not None or self.runner is not None:
            return self.outcome or "running"
        if self.started is None and any(row.status in ("running", "starting") for row in self.rows):
            return "running"
        return "abandoned" if self.missing else "completed"

    @property
    def missing(self) -> Sequence[CellRow]:
        """The cells without a result."""
        return [row for row in self.rows if row.status != "counted"]


def accounting(  # noqa: PLR0913 - what a study is, when and by whom it is looked at
    study: str,
    cells: Sequence[Cell],
    state: StudyState,
    now: float,
    runner: int | None = None,
    *,
    dated: bool = False,
    unread: Mapping[str, str] | None = None,
    hosts: HostsTable | None = None,
) -> Accounting:
    """``now`` in epoch seconds; ``runner`` is the pid of the process that runs the study, None where there is none.

    ``dated``: since when a host is lost is written as a date, for a page that is read later. ``unread``: by cell, why
    its result cannot be analyzed. ``hosts``: which hosts the study takes, for why a cell waits.
    """

    def away(host: HostState) -> str:
        return _away(host.name, host.lost or now, now, dated=dated)

    waiting = Waiting(cells, state, hosts or HostsTable(), away)
    rows = [_row(cell, state, now, waiting, dated=dated) for cell in cells]
    for place, row in enumerate(rows):
        if row.status == "counted" and unread and row.cell in unread:
            why = one_line(unread[row.cell])
            rows[place] = replace(row, status="no_findings", words=_WORDS["no_findings"], why=why)
    until = now if state.ended is None else state.ended
    return Accounting(
        study,
        rows,
        [state.hosts[name] for name in sorted(state.hosts)],
        state.outcome,
        runner,
        state.started,
        None if state.started is None else max(until - state.started, 0.0),
        _sentence(rows, state, runner, waiting.short),
        state.stopping and state.outcome is None and runner is not None,
        tuple(machine_notes(state)),
    )


def span(seconds: float) -> str:
    """``41 min``: a length of time in one unit, rounded."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def collected(files: int, size: int) -> str:
    """``12 files, 3.40 MiB``; empty where nothing was collected."""
    return f"{files:,} {'file' if files == 1 else 'files'}, {byte_size(size)}" if files else ""


def _row(cell: Cell, state: StudyState, now: float, waiting: Waiting, *, dated: bool) -> CellRow:
    known = state.cells.get(cell.name, CellState(cell.name))
    attempt = known.result or (known.attempts[-1] if known.attempts else None)
    host = None if attempt is None else state.hosts.get(attempt.host)
    status = _status(known, attempt, host)
    away = "" if host is None or host.lost is None else _away(host.name, host.lost, now, dated=dated)
    since = None if attempt is None else max(now - attempt.placed, 0.0)
    left = cell.seconds - (since or 0.0)
    return CellRow(
        cell=cell.name,
        variant=cell.variant,
        replicate=cell.replicate,
        status=status,
        words=_words(status, attempt),
        host=None if attempt is None else one_line(attempt.host),
        attempt=None if attempt is None else attempt.number,
        attempts=len(known.attempts),
        since=since,
        remaining=left if status == "running" and left > 0 else None,
        files=0 if attempt is None else attempt.files,
        size=0 if attempt is None else attempt.size,
        why=one_line(_joined(_why(status, known, attempt, away), waiting.why(cell) if status in _UNPLACED else "")),
    )


def _status(known: CellState, attempt: Attempt | None, host: HostState | None) -> Status:  # noqa: PLR0911 - a table
    if known.result is not None:
        return "counted"
    if known.given_up is not None:
        return "given_up"
    if attempt is None:
        return "waiting"
    if attempt.lost is not None:
        return "lost"
    if attempt.state in _ENDED:
        return "ended"
    if host is not None and host.lost is not None:
        return "host_lost"
    if attempt.state in _WHOLE:
        return "collecting"
    return _LIVE.get(attempt.state, "starting")


def _words(status: Status, attempt: Attempt | None) -> str:
    """An ended attempt in the word of its own state."""
    return attempt.state if attempt is not None and status in ("counted", "ended") else _WORDS[status]


def _why(status: Status, known: CellState, attempt: Attempt | None, away: str) -> str:
    """The reason why it has no result yet; of a cell that was begun again why its attempt before was given up.

    ``away`` says since when its host is lost.
    """
    reason = ""
    if status in ("given_up", "lost", "ended", "host_lost", "abandoned"):
        said = "" if attempt is None else attempt.lost or attempt.why or ""
        given_up = known.given_up or ""
        reason = _joined(away, "" if said in given_up else said, given_up)
    elif attempt is not None and attempt.why and status != "counted":
        reason = attempt.why
    if not reason and len(known.attempts) > 1:
        last = [one for one in known.attempts if one is not attempt][-1]
        reason = f"attempt {last.number} on {last.host}: {last.lost or last.why or last.state}"
    return reason


def _away(host: str, lost: float, now: float, *, dated: bool) -> str:
    """``host c was lost 41 min ago``."""
    when = f"on {utc(lost):%Y-%m-%d at %H:%M} UTC" if dated else f"{span(max(now - lost, 0.0))} ago"
    return f"host {host} was lost {when}"


def _joined(*parts: str) -> str:
    return "; ".join(dict.fromkeys(part.rstrip(".") for part in parts if part))


def _sentence(rows: Sequence[CellRow], state: StudyState, runner: int | None, short: str) -> str:
    """What a reader wants first: how many cells have a result, and which are missing and why.

    ``short`` says that there are too few hosts, or nothing.
    """
    total, missing = len(rows), [row for row in rows if row.status != "counted"]
    noun = "cell has" if total == 1 else "cells have"
    if not missing:
        return f"All {total} {noun} a result." if total != 1 else "The cell has a result."
    whole = f"{total - len(missing)} of {total} {noun} a result"
    if state.outcome is None and (runner is not None or state.of_jobs):
        return f"{'; '.join(filter(None, [whole, *_under_way(missing), short]))}."
    rest = len(missing) - _NAMED
    more = [f"{rest} more {'has' if rest == 1 else 'have'} none"] if rest > 0 else []
    return f"{'; '.join(filter(None, [whole, *map(_named, missing[:_NAMED]), *more, short]))}."


def _named(row: CellRow) -> str:
    """A cell without a result, of which none need come any more, or which is under way."""
    if row.status in _QUIET:
        return f"{row.cell} has no result yet ({row.words}{f': {row.why}' if row.why else ''})"
    return f"{row.cell} is missing{f': {row.why}' if row.why else f' ({row.words})'}"


def _under_way(missing: Sequence[CellRow]) -> Iterator[str]:
    counts = Counter(row.words for row in missing if row.status in _QUIET)
    for words, count in counts.items():
        whys = {row.why for row in missing if row.words == words and row.status == "waiting"}
        shared = next(iter(whys)) if len(whys) == 1 else ""
        yield f"{count} {words}{f' ({shared})' if shared else ''}"
    troubled = [row for row in missing if row.status not in _QUIET]
    for row in troubled[:_NAMED]:
        yield f"{row.cell}: {row.why or row.words}"
    if len(troubled) > _NAMED:
        yield f"{len(troubled) - _NAMED} more have trouble"


def headline(account: Accounting) -> str:
    """``versions · running · 1h 05m elapsed``."""
    phase = account.state
    if phase == "abandoned":
        phase = "no process runs it; aging resume continues it"
        if account.started is None:  # no process has ever run the whole
            phase = "cells are jobs (--cell)" if any(row.attempts for row in account.rows) else "not begun"
    elif phase == "running" and account.started is None:
        phase = "running: cells are jobs (--cell)"
    elif account.stopping:
        phase = "stopping: every cell drains, is sealed and collected"
    elapsed = "" if account.elapsed is None else f" · {readable_duration(account.elapsed)} elapsed"
    return f"{one_line(account.study)} · {phase}{elapsed}"
