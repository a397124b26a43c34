"""The fate of every request of a trial: by the client's records and by the servers' logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

_BROKEN = ("truncated", "reset", "wrong", "garbage", "timeout", "no-token", "reported")


@dataclass(frozen=True, slots=True)
class Away:
    """When there was no runner, in monotonic seconds: from the action that it was killed in, until load was resumed."""

    begin: float
    end: float

    def covers(self, at: float) -> bool:
        return self.begin <= at <= self.end


@dataclass(frozen=True, slots=True)
class Count:
    """The requests of a trial, one by one.

    ``requests`` were sent, ``streams`` of them as streams. ``lost``: not answered in full and rightly, or without a
    record. ``duplicated``: begun by a server more than once. ``broken``: streams cut, damaged, or with a token missing,
    repeated or wrong. ``unserved``: those whose end no server has logged, so lost whatever the client says. ``held``
    waited, at most ``longest`` seconds from due to sent. ``unsent`` were due while there was no runner, or
    waited when it was killed, and ``cut`` were in flight then: both are in none of the other counts.
    """

    requests: int = 0
    streams: int = 0
    lost: int = 0
    duplicated: int = 0
    broken: int = 0
    unserved: int = 0
    held: int = 0
    longest: float = 0.0
    unsent: int = 0
    cut: int = 0

    def __add__(self, other: Count) -> Count:
        summed = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Count(**summed | {"longest": max(self.longest, other.longest)})


def count(records: pd.DataFrame, due: Mapping[int, float], served: Path, away: Sequence[Away] = ()) -> Count:
    """Count by the client's ``records``, the schedule (when each number is ``due``), and the servers' log."""
    rows = records[records["index"].isin(due.keys())]
    begun, ended = served_counts(served)
    bad = rows[rows["status"] != "ok"]
    cut = bad[bad["finished"].map(lambda at: _within(away, at)).astype(bool)]
    lost = bad.drop(cut.index)
    absent = due.keys() - set(rows["index"])
    excused = absent & _excused(absent | set(cut["index"]), due, away)
    unsent = {number for number in excused if not begun[number]}
    waited = (rows["sent"] - rows["scheduled"])[rows["held"].astype(bool)]
    return Count(
        requests=len(rows),
        streams=int(rows["streaming"].sum()),
        lost=len(lost) + len(absent - excused),
        duplicated=sum(times > 1 for number, times in begun.items() if number in due),
        broken=int((lost["streaming"].astype(bool) & lost["failure"].isin(_BROKEN)).sum()),
        unserved=sum(not ended[number] for number in due.keys() - excused - set(cut["index"])),
        held=int(rows["held"].sum()),
        longest=float(waited.max()) if len(waited) else 0.0,
        unsent=len(unsent),
        cut=len(cut) + len(excused - unsent),
    )


def _excused(unanswered: Set[int], due: Mapping[int, float], away: Sequence[Away]) -> Set[int]:
    """The numbers that are in one row with some that were due without a runner.

    A client on a busy host is late: what waits when the runner is killed may have been due a while before.
    """
    excused: set[int] = set()
    row: list[int] = []
    for number in (*sorted(unanswered), None):
        if row and number != row[-1] + 1:
            excused |= set(row) if any(_within(away, due[one]) for one in row) else set()
            row = []
        if number is not None:
            row.append(number)
    return excused


def failures(records: pd.DataFrame) -> Mapping[str, int]:
    """How many requests ended in which other way than well."""
    bad = records[records["status"] != "ok"]
    return dict(Counter(bad["failure"].fillna(bad["status"]).astype(str)))  # a Counter is no argument of asdict


def _within(away: Sequence[Away], at: float) -> bool:
    return any(one.covers(at) for one in away)


def served_counts(served: Path) -> tuple[Counter[int], Counter[int]]:
    """How often each request began, and how often it was answered, by its number."""
    begun: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    for line in served.read_text().splitlines():
        what, _, number = line.partition(" ")
        (begun if what == "begin" else ended)[int(number)] += 1
    return begun, ended
