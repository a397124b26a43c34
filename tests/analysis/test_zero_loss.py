"""The study of zero loss in small, and what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.rejuvenation.accounting import Away, Count, count, failures
from analysis.rejuvenation.campaign_trial import campaign_trial
from analysis.rejuvenation.killed_trial import killed_trial
from analysis.rejuvenation.proxied_trial import HAPROXY, proxied_trial
from analysis.rejuvenation.trial import Plan, Trial
from analysis.rejuvenation.zero_loss import report

DUE = {number: 100.0 + number for number in range(10)}


def record(number: int, status: str = "ok", failure: str | None = None, *, held: float = 0.0) -> dict[str, Any]:
    due = DUE.get(number, 0.0)
    return {
        "index": number,
        "status": status,
        "failure": failure,
        "streaming": number % 2 == 0,
        "scheduled": due,
        "sent": due + held,
        "finished": due + held + 0.1,
        "held": held > 0,
    }


def log(path: Path, numbers: Sequence[int], unanswered: Sequence[int] = ()) -> Path:
    lines = [f"begin {number}" for number in (*numbers, *unanswered)] + [f"end {number}" for number in numbers]
    path.write_text("\n".join(lines) + "\n")
    return path


CLEAN = Count(requests=10, streams=5)


def counted(tmp_path: Path, records: list[dict[str, Any]], served: Sequence[int], *more: Any, away: Any = ()) -> Count:
    return count(pd.DataFrame(records), DUE, log(tmp_path / "served", served, *more), away)


def test_all_answered(tmp_path: Path) -> None:
    records = [record(number) for number in range(10)]
    probes = [-1, -1]
    assert counted(tmp_path, records, [*range(10), *probes]) == CLEAN


def test_held(tmp_path: Path) -> None:
    records = [record(number, held=2.5 if number in (3, 4) else 0.0) for number in range(10)]
    assert counted(tmp_path, records, range(10)) == replace(CLEAN, held=2, longest=2.5)


def test_wrong_stream_is_lost_and_broken(tmp_path: Path) -> None:
    records = [record(number) for number in range(9)] + [record(8, "error", "wrong")]
    records = [one for one in records if one["index"] != 8 or one["failure"]] + [record(9, "error", "http")]
    found = counted(tmp_path, records, range(10))
    assert found == replace(CLEAN, lost=2, broken=1)
    assert failures(pd.DataFrame(records)) == {"wrong": 1, "http": 1}


def test_dropped_is_lost(tmp_path: Path) -> None:
    records = [record(number, "dropped" if number == 5 else "ok") for number in range(10)]
    assert counted(tmp_path, records, [one for one in range(10) if one != 5]) == replace(CLEAN, lost=1, unserved=1)


def test_without_a_record_is_lost(tmp_path: Path) -> None:
    records = [record(number) for number in range(10) if number != 3]
    assert counted(tmp_path, records, range(10)) == replace(CLEAN, requests=9, lost=1)


def test_unserved_is_seen_whatever_the_client_says(tmp_path: Path) -> None:
    records = [record(number) for number in range(10)]
    assert counted(tmp_path, records, range(9), [9]) == replace(CLEAN, unserved=1)


def test_begun_twice_is_duplicated(tmp_path: Path) -> None:
    records = [record(number) for number in range(10)]
    assert counted(tmp_path, records, range(10), [4]) == replace(CLEAN, duplicated=1)


def test_without_a_runner(tmp_path: Path) -> None:
    """Of a runner that is away from 103.9 to 106: 4 was in flight, 5 and 6 were due, 3 waited; 8 is lost."""
    away, answered = [Away(103.9, 106.0)], [0, 1, 2, 7, 9]
    records = [record(number) for number in answered]
    cut = [*records, record(4, "error", "cut")]
    found = counted(tmp_path, cut, answered, [4], away=away)
    assert found == Count(requests=6, streams=3, lost=1, unserved=1, unsent=3, cut=1)
    found = counted(tmp_path, records, answered, [4], away=away)
    assert found == Count(requests=5, streams=2, lost=1, unserved=1, unsent=3, cut=1), "begun, and without a record"


def test_table() -> None:
    plain = Trial(replace(CLEAN, held=2, longest=2.5), done=7, failed=0, seconds=10)
    killed = replace(plain, kills=3, finished=2, undone=1)
    lines = list(report({"restart": plain, "trim": plain, "killed": killed}, "command"))
    assert "| restart | 7 | 0 | 10 | 5 | 0 | 0 | 0 | 0 | 2 | 2.5 |" in lines
    assert "| **all** | 14 | 0 | 20 | 10 | 0 | 0 | 0 | 0 | 4 | 2.5 |" in lines
    assert "| killed | 3 | 2 | 1 | 10 | 0 | 0 | 0 | 0 | 0 |" in lines


needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "trial",
    [
        partial(campaign_trial, action="restart"),
        partial(campaign_trial, action="replace"),
        partial(campaign_trial, action="sleep"),
        pytest.param(proxied_trial, marks=needs_haproxy),
        partial(killed_trial, action="restart", kills=1),
    ],
    ids=["restart", "replace", "sleep", "HAProxy", "killed"],
)
def test_trial_loses_nothing(trial: Any, tmp_path: Path) -> None:
    found = trial(Plan(requests=1500, rate=50.0, folder=tmp_path / "trial"))
    one = found.count
    assert found.done >= 1
    assert one.requests + one.unsent >= 1300
    assert (one.lost, one.duplicated, one.broken, one.unserved) == (0, 0, 0, 0), found.failures
