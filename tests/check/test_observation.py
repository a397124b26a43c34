"""What `aging observe --fail` says of findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from aging.check.conditions import Condition
from aging.check.observation import Outcome, conditions_of, judge_observed, overall
from aging.core.errors import MistakesError
from aging.core.metrics import PRIMARY
from aging.findings.types import Finding, Findings, Outlook, Problem, RunValidity, Verdict

LEAK = Condition(PRIMARY, "per_request", 256.0, written="256")

FINDING = Finding(
    deployment="a",
    indicator=PRIMARY,
    replicas=1,
    n=100,
    verdict="aging",
    shape=None,
    slope_per_hour=4e6,
    ci_per_hour=(3e6, 5e6),
    slope_per_request=400.0,
    ci_per_request=(300.0, 500.0),
    p=1e-6,
    q=1e-5,
    minimum_detectable_per_hour=1e5,
    tests={},
)


def findings(*verdicts: Verdict, deployment: str = "a") -> Findings:
    own = [replace(FINDING, deployment=deployment, verdict=verdict) for verdict in verdicts]
    return Findings(1, "c", "", own, [], [])


def judged(of: Findings, conditions: Sequence[Condition | None] = (None,)) -> list[Outcome]:
    return [one.outcome for one in judge_observed(of, conditions, "a")]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("stable", "bounded", "cyclic", "step"), Outcome.PASSED),
        (("stable", "aging"), Outcome.FAILED),
        (("stable", "inconclusive"), Outcome.INCONCLUSIVE),
        (("inconclusive", "aging"), Outcome.FAILED),
        ((), Outcome.INCONCLUSIVE),
    ],
)
def test_verdicts(verdicts: tuple[Verdict, ...], expected: Outcome) -> None:
    assert judged(findings(*verdicts)) == [expected]


def test_components_count_and_the_harness_does_not() -> None:
    for deployment, expected in (("a/worker", Outcome.FAILED), ("_harness/runner", Outcome.PASSED)):
        both = [*findings("stable").findings, *findings("aging", deployment=deployment).findings]
        assert judged(replace(findings(), findings=both)) == [expected]


def test_short_run_or_death_shows_no_absence() -> None:
    short = RunValidity("a", 1, 1, "short", ["ended"], 0.5, None)
    died = Problem("a", "died", "killed")
    for found in (replace(findings("stable"), runs=[short]), replace(findings("stable"), problems=[died])):
        assert judged(found) == [Outcome.INCONCLUSIVE]
    assert judged(replace(findings("aging"), runs=[short], problems=[died])) == [Outcome.FAILED]


def test_unread_memory_is_not_decided() -> None:
    fds: Finding = replace(FINDING, indicator="process_fds", verdict="stable")
    assert judged(replace(findings(), findings=[fds])) == [Outcome.INCONCLUSIVE]


@pytest.mark.parametrize(
    ("verdict", "left", "expected"),
    [
        ("stable", 0.0, Outcome.FAILED),
        ("bounded", 0.0, Outcome.FAILED),
        ("inconclusive", 0.0, Outcome.FAILED),
        ("aging", 9.0, Outcome.FAILED),
        ("bounded", 9.0, Outcome.INCONCLUSIVE),
    ],
)
def test_an_indicator_at_its_limit_has_not_passed(verdict: Verdict, left: float, expected: Outcome) -> None:
    outlook = Outlook("exhausts", 60.0, 720.0, left, 0.0, 0.0, 0.0, limit_name="its limit of 60 open files")
    for indicator in ("process_fds", PRIMARY):
        fds = replace(FINDING, indicator=indicator, verdict=verdict, outlook=outlook)
        own = [fds] if indicator == PRIMARY else [*findings("stable").findings, fds]
        assert judged(replace(findings(), findings=own)) == [expected]


def test_what_falls_does_not_age() -> None:
    assert judged(findings("stable", "declining")) == [Outcome.PASSED]


def test_conditions() -> None:
    text = "process_anon_swap_bytes:per_request > 256"
    assert conditions_of(["aging", text]) == [None, LEAK]
    assert judged(findings("aging"), [LEAK, None]) == [Outcome.FAILED, Outcome.FAILED]
    with pytest.raises(MistakesError):
        conditions_of(["aging", "ageing"])


@pytest.mark.parametrize(
    "text", ["growth_total > 5MiB", "process_rss_bytes:per_hour > 5%", "process_fds:per_hour > -1"]
)
def test_conditions_that_are_not_of_an_observation(text: str) -> None:
    with pytest.raises(MistakesError) as caught:
        conditions_of(["aging", text, "process_anon_swap_bytes:per_day > 1"])
    assert len(caught.value.mistakes) == 2


@pytest.mark.parametrize(
    ("verdict", "interval", "limit", "expected"),
    [
        ("aging", (300.0, 500.0), 256.0, Outcome.FAILED),
        ("aging", (200.0, 500.0), 256.0, Outcome.INCONCLUSIVE),
        ("aging", (300.0, 500.0), 600.0, Outcome.PASSED),
        ("stable", (0.0, 410.0), 450.0, Outcome.PASSED),
        ("stable", (0.0, 450.0), 450.0, Outcome.INCONCLUSIVE),
        ("inconclusive", (300.0, 500.0), 256.0, Outcome.INCONCLUSIVE),
    ],
)
def test_conditions_are_judged_by_bounds(
    verdict: Verdict, interval: tuple[float, float], limit: float, expected: Outcome
) -> None:
    found = replace(findings(), findings=[replace(FINDING, verdict=verdict, ci_per_request=interval)])
    judgements = judge_observed(found, [replace(LEAK, limit=limit)], "a")
    assert overall(judgements) is expected


def test_no_rate_and_nothing_judged() -> None:
    short = replace(FINDING, verdict="inconclusive", slope_per_request=None, ci_per_request=None)
    assert judged(replace(findings(), findings=[short]), [LEAK]) == [Outcome.INCONCLUSIVE]
    assert overall([]) is Outcome.INCONCLUSIVE, "nothing judged is nothing shown"
