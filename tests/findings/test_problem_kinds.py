"""Every kind of problem is in the one table, which the report, the gate and the smoke run read."""

from __future__ import annotations

import ast
import itertools
import math
from pathlib import Path

import pytest

import aging
from aging.check.conditions import Condition, Outcome, judge
from aging.findings.problem_kinds import KINDS, ProblemKind, described
from aging.findings.types import Finding, Findings, Problem
from aging.load.heartbeat import Beat
from aging.runner.watchdogs.load import troubles
from tests.conftest import ROOT

SOURCES = {path: ast.parse(path.read_text("utf-8")) for path in Path(aging.__file__).parent.rglob("*.py")}
QUIET = Finding("a", "m", 1, 99, "stable", "linear", 0.0, (0.0, 0.0), 0.0, (0.0, 0.0), 0.5, 0.5, 1.0, {})


def calls(name: str) -> list[tuple[Path, ast.Call]]:
    return [
        (path, node)
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        if (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == name
    ]


def test_problems_are_made_of_listed_kinds_alone() -> None:
    assert {path.name for path, _ in calls("Problem")} == {"problem_kinds.py"}


def test_what_a_watchdog_reports_is_a_listed_kind() -> None:
    reported = {
        keyword.value.value
        for _, call in calls("Watchdog")
        for keyword in call.keywords
        if keyword.arg == "trouble" and isinstance(keyword.value, ast.Constant)
    }
    for quiet, late, heard in itertools.product((0.0, math.inf), repeat=3):
        beat = Beat(waiting=1, quiet=quiet, late=late)
        reported |= troubles(beat, heard, silent_after=1.0, late_after=1.0).keys()
    assert reported >= {"memory", "unread", "mute", "silent", "behind"}
    assert reported <= KINDS.keys()


def test_a_kind_of_another_release_has_a_title_and_takes_no_ground_away() -> None:
    strange = described("strange_thing")
    assert (strange.title, strange.severity, strange.blocks_gate) == ("Strange thing", "warning", False)


def test_mostly_failing_requests_take_a_verdicts_ground_away() -> None:
    assert described("failing").severity == "grave"


def test_every_kind_has_a_title_of_its_own() -> None:
    titles = [kind.title for kind in ProblemKind]
    assert len(set(titles)) == len(titles)
    assert all(title[0].isupper() and "_" not in title for title in titles)


@pytest.mark.parametrize("kind", ProblemKind)
def test_the_gate_is_undecided_after_the_kinds_that_block_it(kind: ProblemKind) -> None:
    findings = Findings(1, "c", "", [QUIET], [], [Problem("a", kind.key, "why")])
    (judgement,) = judge(findings, [Condition("m", "per_hour", 1.0)], ["a"])
    assert (judgement.outcome is Outcome.INCONCLUSIVE) == kind.blocks_gate


@pytest.mark.parametrize("kind", ProblemKind)
def test_the_contract_lists_every_kind(kind: ProblemKind) -> None:
    assert f"`{kind.key}`" in (ROOT / "docs/findings.md").read_text("utf-8")
