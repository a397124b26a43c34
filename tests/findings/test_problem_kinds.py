"""Every kind of problem is in the one table, which the report, the gate and the smoke run read."""

from __future__ import annotations

import ast
import itertools
import math
from pathlib import Path

import pytest

import aging
from aging.check.conditions import Condition
from aging.check.observation import Outcome, judge_observed
from aging.findings.problem_kinds import KINDS, ProblemKind, kind_description
from aging.findings.types import Finding, Findings, Problem
from aging.load.heartbeat import Beat
from aging.runner.watchdogs.load import troubles
from tests.conftest import ROOT

QUIET = Finding("a", "m", 1, 99, "stable", "linear", 0.0, (0.0, 0.0), 0.0, (0.0, 0.0), 0.5, 0.5, 1.0, {})


def sources(name: str) -> dict[Path, ast.Module]:
    """The modules that say a name, parsed."""
    texts = {path: path.read_text("utf-8") for path in Path(aging.__file__).parent.rglob("*.py")}
    return {path: ast.parse(text) for path, text in texts.items() if name in text}


def calls(name: str) -> list[tuple[Path, ast.Call]]:
    return [
        (path, node)
        for path, tree in sources(name).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        if (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == name
    ]


def test_only_listed_kinds() -> None:
    assert {path.name for path, _ in calls("Problem")} == {"problem_kinds.py"}


def test_watchdog_kinds() -> None:
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


def test_unknown_kind() -> None:
    strange = kind_description("strange_thing")
    assert (strange.title, strange.severity, strange.blocks_gate) == ("Strange thing", "warning", False)


def test_failing_is_grave() -> None:
    assert kind_description("failing").severity == "grave"


def test_titles_distinct() -> None:
    titles = [kind.title for kind in ProblemKind]
    assert len(set(titles)) == len(titles)
    assert all(title[0].isupper() and "_" not in title for title in titles)


@pytest.mark.parametrize("kind", ProblemKind)
def test_blocking_kinds(kind: ProblemKind) -> None:
    findings = Findings(1, "c", "", [QUIET], [], [Problem("a", kind.key, "why")])
    (judgement,) = judge_observed(findings, [Condition("m", "per_hour", 1.0)], "a")
    assert (judgement.outcome is Outcome.INCONCLUSIVE) == kind.blocks_gate


@pytest.mark.parametrize("kind", ProblemKind)
def test_kinds_documented(kind: ProblemKind) -> None:
    assert f"`{kind.key}`" in (ROOT / "docs/findings.md").read_text("utf-8")
