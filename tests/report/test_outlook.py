"""The outlook in words: the numbers and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from aging.core.metrics import PRIMARY
from aging.findings.types import Finding, Outlook, Verdict
from aging.report.outlook import finding_sentence, headline, sentence

GIB = 2.0**30
SAFE = Outlook("safe", 64 * GIB, 720.0, 61 * GIB, 1.2 * GIB, 20_000.0, None)
UNKNOWN = (
    *("shape", "slope_per_hour", "ci_per_hour", "slope_per_request", "ci_per_request"),
    *("p", "q", "minimum_detectable_per_hour"),
)
UTC = "2026-11-29T12:00:00+00:00"


def about(name: str, answer: Literal["safe", "exhausts", "undecided"]) -> Finding:
    return Finding(
        **dict.fromkeys(UNKNOWN),  # type: ignore[arg-type]
        deployment=name,
        indicator=PRIMARY,
        replicas=1,
        n=100,
        verdict="stable",
        tests={},
        outlook=replace(SAFE, answer=answer),
    )


def answered(answer: Literal["exhausts", "undecided"], earliest: float, latest: float | None) -> Outlook:
    return replace(SAFE, answer=answer, earliest_hours=earliest, latest_hours=latest, since=UTC)


@pytest.mark.parametrize(
    ("outlook", "text"),
    [
        (SAFE, "Safe for 30 days: at most 1.20 GiB more, 61.0 GiB are left."),
        (
            answered("exhausts", 74.9, 81.0),
            "Exhausts 64.0 GiB in 3.1 to 3.4 days (December 2): restart before.",
        ),
        (
            answered("exhausts", 7.54, 8.3),
            "Exhausts 64.0 GiB in 7.5 to 8.3 h (November 29, 19:32 UTC): restart before.",
        ),
        (answered("exhausts", 0.0, 0.0), "Has reached 64.0 GiB: restart now."),
        (
            replace(answered("undecided", 60.0, None), longer_hours=2 / 3),
            "Undecided for 30 days: safe for the first 2.5 days. The outlook is decided after about 40 min more.",
        ),
        (
            answered("undecided", 1.0, 2000.0),
            "Undecided for 30 days: safe for the first 1 h. At this rate more time does not decide it.",
        ),
    ],
)
def test_sentences(outlook: Outlook, text: str) -> None:
    assert sentence(PRIMARY, outlook) == text


@pytest.mark.parametrize(
    ("verdict", "ci", "longer", "text"),
    [
        ("stable", (0.0, 0.0), 2.75 / 3600, "below 20.5 MiB/h would not have been. Watch about 3 s longer"),
        ("stable", (0.0, 0.0), None, "Watch longer to exclude it."),
        ("step", (0.0, 352 * GIB), None, "safe for the first 20 min if they do. watch longer."),
        ("step", (0.0, 352 * GIB), 29.5, "watch about 29.5 h longer."),
        ("inconclusive", (-1.0, 9.0 * GIB), None, "the rate is not known well enough."),
    ],
)
def test_sentences_without_a_rate(verdict: Verdict, ci: tuple[float, float], longer: float | None, text: str) -> None:
    outlook = replace(answered("undecided", 1 / 3, None), longer_hours=longer)
    flat = replace(about("a", "undecided"), verdict=verdict, slope_per_hour=0.0, ci_per_hour=ci, outlook=outlook)
    found = finding_sentence(replace(flat, minimum_detectable_per_hour=20.5 * 2**20))
    assert text.lower() in found.lower()
    assert "At this rate" not in found


def test_growth_keeps_its_rate() -> None:
    outlook = answered("undecided", 1.0, 2000.0)
    grew = replace(
        about("a", "undecided"), verdict="aging", slope_per_hour=5.0, ci_per_hour=(4.0, 6.0), outlook=outlook
    )
    assert finding_sentence(grew) == sentence(PRIMARY, outlook)
    soon = replace(outlook, answer="exhausts", earliest_hours=0.005, latest_hours=0.01)
    text = finding_sentence(replace(grew, indicator="process_fds", outlook=soon))
    assert text.startswith("process_fds: exhausts 68719476736 in 18.0 to 36.0 s")


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ({"a": "safe", "b": "safe"}, "Safe for 30 days: 2 of 2"),
        ({"a": "safe", "b": "undecided"}, "1 of 2 undecided for 30 days: b"),
        ({"a": "exhausts", "b": "exhausts"}, "2 of 2 exhaust their memory within 30 days: a, b"),
        ({"a": "exhausts", "b": "undecided"}, "1 of 2 exhausts its memory within 30 days: a; 1 undecided"),
    ],
)
def test_headline(answers: dict[str, Literal["safe", "exhausts", "undecided"]], text: str) -> None:
    findings = {(name, PRIMARY): about(name, answer) for name, answer in answers.items()}
    found = headline(list(answers), findings)
    assert found is not None
    assert found[0] == text
    assert headline(["a"], {}) is None


def test_headline_of_another_limit() -> None:
    fds = replace(about("a", "exhausts"), indicator="process_fds", verdict="aging")
    findings = {("a", PRIMARY): about("a", "safe"), ("a", "process_fds"): fds}
    assert headline(["a"], findings) == ("1 of 1 reaches a limit within 30 days: a", "bad")
