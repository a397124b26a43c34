"""What rejuvenations did, in words: numbers and tones, and the live view of those so far."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aging.core.metrics import PRIMARY
from aging.findings.types import DecisionsNotCarriedOut, FirstTokens, LevelChange, PolicyResult, RejuvenationEffect
from aging.report.live import lines
from aging.report.progress import Progress
from aging.report.rejuvenations import decisions, summaries, summary
from aging.store.journal import Journal
from aging.store.layout import Layout
from tests.builders import MIB, event
from tests.report.conftest import Build, Made, Server, findings_of
from tests.report.test_page import read

CHANGE = LevelChange(
    indicator=PRIMARY,
    before=1500.0 * MIB,
    after=300.0 * MIB,
    freed=1200.0 * MIB,
    rate_before_per_hour=40.0 * MIB,
    ci_before_per_hour=(39.0 * MIB, 41.0 * MIB),
    rate_after_per_hour=41.0 * MIB,
    ci_after_per_hour=(40.0 * MIB, 42.0 * MIB),
    back_hours=29.0,
    back_measured=False,
)
ONE = RejuvenationEffect(
    deployment="leaky",
    replica=1,
    generation_before=1,
    generation_after=2,
    action="restart",
    policy="threshold",
    table="threshold",
    reason="median of process_anon_swap_bytes is 1,572,864,000, above 1,500,000,000",
    numbers={"median": 1500.0 * MIB},
    at_seconds=60.0,
    wall="2026-09-21T14:34:20+00:00",
    seconds=14.0,
    stages={"drain": 1.0, "stop": 3.0, "start": 10.0},
    outcome="helped",
    why="",
    arrived=166,
    lost={},
    unsent=0,
    held=166,
    held_median_seconds=5.1,
    held_p99_seconds=14.1,
    held_longest_seconds=14.3,
    cut=0,
    retried=0,
    duplicated=0,
    unavailable_seconds=14.0,
    ttft_before=FirstTokens(300, 0.02, 0.031),
    ttft_during=FirstTokens(166, 5.1, 14.3),
    ttft_after=FirstTokens(300, 0.02, 0.03),
    steady_after_minutes=0.4,
    levels=(CHANGE,),
)


def test_sentence_has_the_numbers() -> None:
    text = summary([ONE])
    for number in (
        "once",
        "0 requests lost",
        "166 held",
        "5.10 s",
        "14.3 s",
        "31.0 ms",
        "1.17 GiB",
        "+41.0 MiB/h",
        "29h",
    ):
        assert number in text, text


@pytest.mark.parametrize(
    ("changes", "tone"),
    [
        ({}, "good"),
        ({"lost": {"cut": 1}}, "bad"),
        ({"duplicated": 1}, "bad"),
        ({"outcome": "failed"}, "bad"),
        ({"outcome": "unhelpful"}, "warn"),
        ({"outcome": "undone"}, "warn"),
    ],
)
def test_tone(changes: dict[str, object], tone: str) -> None:
    several = [ONE, replace(ONE, **changes)]  # type: ignore[arg-type]
    assert [(name, found) for name, _, found in summaries(several)] == [("leaky", tone)]


def test_nothing_freed_and_nothing_known() -> None:
    none = replace(CHANGE, freed=-3.0 * MIB, back_hours=None, rate_after_per_hour=None, ci_after_per_hour=None)
    assert "freed nothing (3.00 MiB more)" in summary([replace(ONE, levels=(none,))])
    bare = replace(ONE, levels=(), ttft_before=FirstTokens(0, None, None), ttft_during=FirstTokens(0, None, None))
    assert "memory" not in summary([bare])


def test_decisions() -> None:
    several = [
        DecisionsNotCarriedOut("leaky", 1, "trend", "budget", 3, 60.0, 600.0, "why", "24 in 24 hours"),
        DecisionsNotCarriedOut("leaky", 1, "trend", "strange", 1, None, None, "why", ""),
    ]
    ((name, text),) = decisions(several)
    assert name == "leaky"
    assert "3 because the budget was spent (from 0:01:00 to 0:10:00)" in text
    assert "1 because strange" in text


def test_section(build: Build) -> None:
    results = build(Made([Server("leaky", restarts_at=(60.0,)), Server("other")]))
    compared = [
        PolicyResult("leaky", "threshold", "at-1500", None, 1, 0.05, 1, 0, 0, 700, 3, 166, 14.3, 14.0, 0.02, 9.1, 2e9),
        PolicyResult("other", "none", "none", None, 1, 0.05, 0, 0, 1, 700, 0, 0, None, 60.0, 0.02, 0.03, None),
    ]
    lost = replace(ONE, lost={"connect": 2, "cut": 1}, cut=1, reason="<script>")
    outline = read(results, findings_of(rejuvenations=[lost], policies=compared))
    text = outline.text("rejuvenation")
    for part in ("166 arrived, 3 lost (connect: 2, cut: 1)", "166 held", "at-1500 (threshold)", "3 of 700", "<script>"):
        assert part in text, text
    assert [tag for tag, _, _ in outline.attributes].count("svg") >= 2


def test_no_section_without_policy(build: Build) -> None:
    assert "rejuvenation" not in read(build(Made([Server("steady")])), findings_of()).texts


def test_many_events_are_thinned(build: Build) -> None:
    results = build(Made([Server("leaky")]))
    many = [replace(ONE, at_seconds=float(place)) for place in range(1000)]
    text = read(results, findings_of(rejuvenations=many)).text("rejuvenation")
    assert "800 rejuvenations are left out" in text


def test_live_view(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    layout = Layout(tmp_path)
    run = {"replica": 1, "generation": 1}

    def shown() -> str:
        with Progress(layout) as progress:
            return lines("x", progress.snapshot())[1]

    journal.record(event("campaign_started"))
    journal.record(event("deployment_started", "a", **run, pid=1, command=[]))
    journal.record(event("load_started", "a", replica=1, load_start=99.0, planned_seconds=60.0, pid=2))
    assert "rejuvenat" not in shown()
    journal.record(event("rejuvenation_started", "a", **run, action="trim"))
    assert "rejuvenating: trim for" in shown()
    journal.record(event("rejuvenation_completed", "a", **run, seconds=1.0, action="trim"))
    assert "loading, rejuvenated once, last " in shown()
    journal.record(event("rejuvenation_started", "a", **run, action="restart"))
    assert "rejuvenating: restart for" in shown()
    assert "rejuvenated once" in shown()
    journal.record(event("rejuvenation_failed", "a", **run, seconds=1.0))
    assert "loading, rejuvenated once, last " in shown()
    assert "1 rejuvenation failed" in shown()
    journal.close()
