"""The decision on a deployment: the answer, what to do, and what weakens it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from aging.core.metrics import PRIMARY
from aging.findings.asked import NamedLimit
from aging.findings.rejuvenation.advice import Advice
from aging.findings.types import Findings, Outlook, Problem, RunValidity
from aging.report.decision import Decision, decisions
from aging.stats.renewal.optimum import Optimum
from tests.report.conftest import MIB, finding, findings_of, leaking

SINCE = "2026-11-21T05:30:00+00:00"
HOUR = 3600.0


def ahead(answer: str, **changes: Any) -> Outlook:
    known: dict[str, Any] = {
        "answer": answer,
        "limit": 64 * 1024 * MIB,
        "horizon_hours": 720.0,
        "left": 32 * 1024 * MIB,
        "most": None,
        "earliest_hours": None,
        "latest_hours": None,
        "since": SINCE,
        "limit_name": "the host's 64 GiB",
    }
    return Outlook(**known | changes)


def decided(findings: Findings, names: Sequence[str] = ("server",), seconds: float = 36 * HOUR) -> list[Decision]:
    return list(decisions(names, findings, {}, seconds))


def one(finding_: Any, **changes: Any) -> Decision:
    (made,) = decided(findings_of([finding_], **changes))
    return made


class TestAnswers:
    def test_exhausts(self) -> None:
        made = one(
            finding("server", "aging", outlook=ahead("exhausts", earliest_hours=22.51, latest_hours=25.6)),
        )
        assert (made.answer, made.tone, made.hours) == ("exhausts", "bad", 22.51)
        assert made.headline == "Exhausts in 22.5 to 25.6 h"
        assert made.under == "the host's 64 GiB, from November 22, 04:00 UTC on"
        assert "Restart it before November 22, 04:00 UTC" in made.actions[0]

    def test_at_the_limit(self) -> None:
        made = one(
            finding("server", "aging", outlook=ahead("exhausts", left=0.0, earliest_hours=0.0, latest_hours=0.0))
        )
        assert made.headline == "At its limit now"
        assert made.actions[0] == "Restart it now."

    def test_safe(self) -> None:
        made = one(finding("server", outlook=ahead("safe", most=2048 * MIB)))
        assert (made.answer, made.tone) == ("safe", "good")
        assert made.headline == "Safe until December 21"
        assert "at most 2.00 GiB more" in made.under

    def test_safe_beyond_half_a_year_names_the_year(self) -> None:
        made = one(finding("server", outlook=ahead("safe", horizon_hours=8760.0)))
        assert made.headline == "Safe until November 21, 2027"

    def test_undecided(self) -> None:
        outlook = ahead("undecided", earliest_hours=94.0, longer_hours=219.0)
        made = one(finding("server", "inconclusive", outlook=outlook))
        assert (made.answer, made.tone) == ("undecided", "warn")
        assert made.headline == "Undecided: measure 9.1 days longer"
        assert made.under == "safe for the first 3.9 days, until November 25"

    def test_undecided_for_good(self) -> None:
        made = one(finding("server", "inconclusive", outlook=ahead("undecided", earliest_hours=94.0)))
        assert made.headline == "Undecided"
        assert "does not decide it" in made.actions[0]

    @pytest.mark.parametrize(
        ("verdict", "answer"),
        [("aging", "ages"), ("exhausted", "ages"), ("inconclusive", "undecided"), ("stable", "steady")],
    )
    def test_without_a_limit(self, verdict: str, answer: str) -> None:
        made = one(finding("server", verdict))
        assert made.answer == answer
        assert "--limit" in made.actions[0]
        assert math.isinf(made.hours)

    def test_ages_by_another_indicator(self) -> None:
        fds = finding("server", "aging", indicator="process_fds", slope_per_hour=12.0)
        (made,) = decided(findings_of([finding("server"), fds]))
        assert (made.answer, made.headline) == ("ages", "Ages by process_fds")

    def test_nothing_was_measured(self) -> None:
        (made,) = decided(findings_of())
        assert (made.answer, made.tone) == ("unmeasured", "mute")
        made = one(finding("server", "inconclusive", slope_per_hour=None, n=3))
        assert (made.answer, made.under) == ("unmeasured", "no slope from 3 points")

    def test_a_date_after_the_last_year(self) -> None:
        made = one(finding("server", outlook=ahead("safe", horizon_hours=1e9)))
        assert made.headline.startswith("Safe for")


def test_the_most_urgent_is_first() -> None:
    outlooks = {
        "safe": ahead("safe", earliest_hours=900.0),
        "late": ahead("exhausts", earliest_hours=50.0, latest_hours=60.0),
        "soon": ahead("exhausts", earliest_hours=2.0, latest_hours=3.0),
        "open": ahead("undecided", earliest_hours=10.0),
    }
    found = findings_of([finding(name, "aging", outlook=outlook) for name, outlook in outlooks.items()])
    made = decided(found, [*outlooks, "lost"])
    assert [each.deployment for each in made] == ["soon", "late", "open", "lost", "safe"]


class TestRestarts:
    FOUND = findings_of([finding("server", "aging", outlook=ahead("exhausts", earliest_hours=22.5, latest_hours=25.6))])
    LATER = findings_of([finding("server", "aging", outlook=ahead("exhausts", earliest_hours=24.0, latest_hours=25.6))])

    def advised(self, answer: Any) -> Decision:
        optimum = Optimum(24.6 * HOUR, 24.5 * HOUR, 24.7 * HOUR, 1.0, 9.0, (0.0, 1.0), 0.0)
        advice = Advice(
            "server", PRIMARY, answer, "growth", NamedLimit(1.0, "x"), None, "aging", optimum=optimum, seen_seconds=3900
        )
        (made,) = decisions(["server"], self.LATER, {"server": advice}, 36 * HOUR)
        return made

    def test_every(self) -> None:
        assert "UTC, then every 24.6 h [24.5, 24.7]." in self.advised("every").actions[0]

    def test_never_later_than_it_may_exhaust(self) -> None:
        """65 min of life and the earliest 22.5 h more are 23.6 h: the advised 24.6 h would be too late."""
        optimum = Optimum(24.6 * HOUR, 24.5 * HOUR, 24.7 * HOUR, 1.0, 9.0, (0.0, 1.0), 0.0)
        known = (NamedLimit(1.0, "x"), None, "aging")
        advice = Advice("server", PRIMARY, "every", "growth", *known, optimum=optimum, seen_seconds=3900)
        (made,) = decisions(["server"], self.FOUND, {"server": advice}, 36 * HOUR)
        assert "UTC, then every 23.5 h at the latest." in made.actions[0]

    def test_a_guess_is_called_one(self) -> None:
        assert "if it goes on growing as in the 65 min measured" in self.advised("provisional").actions[0]

    @pytest.mark.parametrize("answer", ["never", "undecided"])
    def test_no_advice(self, answer: Any) -> None:
        assert "every" not in self.advised(answer).actions[0]


class TestReasonsAndDoubts:
    def test_the_rate_now_and_what_it_follows(self) -> None:
        grows = leaking("server")
        made = one(
            finding(
                "server",
                "aging",
                slope_per_hour=grows.slope_per_hour,
                current_per_hour=60 * MIB,
                current_ci_per_hour=(59 * MIB, 61 * MIB),
                growth_axis="requests",
                current_per_unit=4096.0,
            )
        )
        assert made.reasons[0] == (
            "Memory now: +60.0 MiB/h [+59.0 to +61.0 MiB/h], aging; it follows the requests: +4.00 KiB/request."
        )

    def test_what_could_not_be_seen(self) -> None:
        assert "A leak below 1.07 MiB/h could not be seen." in one(finding("server")).reasons

    def test_a_broken_run(self) -> None:
        runs = (
            RunValidity("server", 2, 1, "broken", ("12 % of the requests failed",), 1.0, 0.12),
            RunValidity("other", 1, 1, "broken", ("x",), 1.0, 0.12),
            RunValidity("server", 1, 1, "complete", (), 1.0, 0.0),
        )
        assert one(finding("server"), runs=runs).doubts == ["Replica 2 is broken: 12 % of the requests failed"]

    def test_a_grave_problem(self) -> None:
        problems = [Problem("server", "died", "x"), Problem("server", "late", "y"), Problem("other", "died", "z")]
        assert one(finding("server"), problems=problems).doubts == ["Problem: Died"]

    def test_a_look_far_ahead(self) -> None:
        found = findings_of([finding("server", outlook=ahead("safe"))])
        assert decided(found, seconds=HOUR)[0].doubts == ["it looks 720 times as far ahead as the 1h 00m measured"]
        assert decided(found, seconds=100 * HOUR)[0].doubts == []

    def test_notes_that_weaken(self) -> None:
        noted = finding("server", notes=("A gap.", "Fine."), note_codes=("gap", "stands"))
        assert one(noted).doubts == ["A gap"]

    def test_replicas_with_the_same_note(self) -> None:
        noted = finding("server", notes=("Replica 1: A gap.", "Replica 2: A gap."), note_codes=("gap", "gap"))
        assert one(noted).doubts == ["A gap"]

    def test_notes_of_0_1_have_no_codes(self) -> None:
        assert one(finding("server", notes=("A gap.",))).doubts == []
