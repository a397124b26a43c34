"""What the fold of a ledger says of attempts that may still run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aging.study.events import (
    AttemptCollected,
    AttemptLost,
    AttemptPlaced,
    AttemptSeen,
    HostLost,
    HostReturned,
    StudyEnded,
    StudyEvent,
    StudyStarted,
    StudyStopping,
)
from aging.study.state import StudyState, fold

PLACED = AttemptPlaced(cell="c", number=1, host="a")
RUNS = AttemptSeen(cell="c", number=1, state="running")


def after(*events: StudyEvent) -> StudyState:
    return fold([StudyStarted(pid=1, cluster="auto"), PLACED, *events])


@pytest.mark.parametrize(
    ("events", "may_run"),
    [
        ((), False),  # its host was asked: nothing is there
        ((HostLost(host="a"),), True),
        ((HostLost(host="a"), HostReturned(host="a")), False),
        ((RUNS,), True),
        ((RUNS, HostLost(host="a")), True),
        ((RUNS, AttemptSeen(cell="c", number=1, state="abandoned")), True),
        ((RUNS, AttemptSeen(cell="c", number=1, state="interrupted")), False),
        ((RUNS, AttemptSeen(cell="c", number=1, state="completed"), HostLost(host="a")), False),
        ((RUNS, AttemptLost(cell="c", number=1, why="its disk is new")), False),
        ((RUNS, AttemptCollected(cell="c", number=1, files=1, size=1, whole=False)), True),
    ],
)
def test_attempts_that_may_still_run(events: Sequence[StudyEvent], *, may_run: bool) -> None:
    found = [(cell, one.host) for cell, one in after(*events).unstopped]
    assert found == ([("c", "a")] if may_run else [])


def test_the_next_process_is_not_stopping() -> None:
    stopped = (StudyStopping(), StudyEnded(outcome="interrupted"))
    assert after(*stopped).stopping
    assert not after(*stopped, StudyStarted(pid=2, cluster="auto")).stopping
