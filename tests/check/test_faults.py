"""Servers that did not serve: what counts as answering only errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aging.check.faults import doubts_of_runs, failures_so_far, server_failures
from aging.findings.types import RunValidity
from aging.store.results import open_results
from tests.builders import flat, synthetic, unsealed


def with_statuses(root: Path, *statuses: tuple[int, str]) -> Path:
    """A result directory whose requests ended so, that many of each in turn."""
    synthetic(root, {"a": flat})
    file = unsealed(root / "a" / "r01" / "requests")
    (one, *_) = [json.loads(line) for line in file.read_text().splitlines()]
    ends = [status for count, status in statuses for _ in range(count)]
    rows = [one | {"finished": one["finished"] + k, "status": status} for k, status in enumerate(ends)]
    for row in rows:
        if row["status"] == "error":
            row |= {"error": "HTTP 500", "failure": "http"}
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@pytest.mark.parametrize(
    ("statuses", "at_the_end", "so_far"),
    [
        ([(200, "error")], True, True),
        ([(3, "ok"), (200, "error")], True, True),
        ([(90, "ok"), (110, "error")], True, False),
        ([(110, "ok"), (90, "error")], False, False),
        ([(199, "error"), (1, "ok")], False, False),
        ([(5, "error")], True, False),
        ([(200, "aborted")], False, False),
        ([(200, "refused")], False, False),
        ([(200, "dropped")], False, False),
        ([(200, "error"), (50, "dropped")], True, True),
        ([(200, "ok")], False, False),
    ],
)
def test_only_errors(tmp_path: Path, statuses: list[tuple[int, str]], at_the_end: bool, so_far: bool) -> None:
    results = open_results(with_statuses(tmp_path / "r", *statuses))
    codes = [[one.code for one in find(results, ["a"])] for find in (server_failures, failures_so_far)]
    assert codes == [["only-errors"] * at_the_end, ["only-errors"] * so_far]


def test_doubts_of_runs() -> None:
    short = RunValidity("a", 1, 1, "short", ["it runs"], 0.5, None, reason_codes=["no_end"])
    gaps = RunValidity("a", 1, 1, "short", ["gaps"], 0.5, None, reason_codes=["gaps"])
    other = RunValidity("b", 1, 1, "broken", ["why"], 0.5, None, reason_codes=["late"])
    earlier = RunValidity("a", 1, 1, "broken", [], None, None)
    assert len(doubts_of_runs([short, gaps, other, earlier], ["a"])) == 3
    assert [one.message.split(": ")[1] for one in doubts_of_runs([short, gaps, other], ["a"], running=True)] == ["gaps"]
