"""The report as a reader gets it: what it says, what it escapes, what it loads (nothing)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

import aging.report.sections
from aging.core.metrics import PRIMARY
from aging.core.plugins import discover
from aging.core.records import HARNESS
from aging.findings.series import Measured
from aging.findings.types import Experiment, FactorEffect, Finding, Findings, Problem, RunValidity
from aging.report.html.page import page, write_report
from aging.report.sections.base import Section
from aging.store.results import Results
from tests.report.conftest import FOUR, MIB, Build, Made, Server, control, finding, findings_of, leaking, write_campaign

VOID = {"meta", "link", "br", "path", "use", "rect"}


class Outline(HTMLParser):
    """Texts by the id of the section they stand in; every attribute; whether the tags match."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self._section = "header"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in values.items()]
        self.ids += [values["id"]] if "id" in values else []
        if tag == "section":
            self._section = values["id"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.texts[self._section] = f"{self.texts.get(self._section, '')} {data}"

    def text(self, section: str) -> str:
        return re.sub(r"\s+", " ", self.texts[section].replace("\u202f", " ").replace("\xa0", " "))


def read(results: Results, findings: Findings) -> Outline:
    outline = Outline()
    outline.feed(page(Measured(results), findings))
    assert outline._open == []
    return outline


def verdict_of(outline: Outline, name: str, names: Sequence[str]) -> str:
    """The text of one deployment's row."""
    text = outline.text("verdicts").partition("detectable leak ")[2].partition("Smallest detectable leak")[2]
    after = text[text.index(f" {name} ") :]
    ends = [place for other in names if other != name and (place := after.find(f" {other} ")) > 0]
    return after[: min(ends, default=len(after))]


QUICK = [
    finding("llama-no-cache"),
    finding("llama-default", "bounded", slope_per_hour=3 * MIB),
    finding("reference-clean", slope_per_hour=0.0, ci_per_hour=(-1024.0, 1024.0)),
    leaking("reference-leak"),
]
CONTROLS = [
    control("reference-clean", ages=False),
    control("reference-leak", ages=True),
    control(f"{HARNESS}/runner", ages=False),
]
NAMES = [one.name for one in FOUR]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Four deployments that left no series: nothing to draw, for what is told in words."""
    made = Made([replace(server, loaded=False) for server in FOUR])
    return write_campaign(tmp_path_factory.mktemp("four") / "campaign", made)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two deployments with everything a campaign leaves."""
    return write_campaign(tmp_path_factory.mktemp("drawn") / "campaign", Made(FOUR[:2]))


def test_a_leak_is_told_first_with_its_rate_and_interval(four: Results) -> None:
    outline = read(four, findings_of(QUICK, controls=CONTROLS))
    row = verdict_of(outline, "reference-leak", NAMES)
    assert "aging" in row
    assert "+57.6 MiB/h" in row
    assert "+56.9 to +58.1 MiB/h" in row
    assert "+4.00 KiB/request" in row
    assert "No ageing found in 2 of 2 deployments" in outline.text("header")


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ("tokens", "It follows the tokens more closely than the clock or the requests."),
        (None, "Whether time, requests or tokens drive it cannot be told"),
    ],
)
def test_what_drives_a_growth_is_told_or_that_it_is_open(four: Results, driver: str | None, words: str) -> None:
    leak = replace(leaking("reference-leak"), driver=driver, slope_per_token=512.0, ci_per_token=(500.0, 524.0))
    outline = read(four, findings_of([*QUICK[:3], leak]))
    row = verdict_of(outline, "reference-leak", NAMES)
    assert words in row
    assert "Growth per token +512 B/token [+500 to +524 B/token]." in row
    assert "more closely" not in verdict_of(outline, "llama-default", NAMES)


def test_what_is_not_aging_carries_its_smallest_detectable_leak(four: Results) -> None:
    unknown = finding("llama-default", "inconclusive", minimum_detectable_per_hour=None)
    outline = read(four, findings_of([QUICK[0], unknown, *QUICK[2:]]))
    assert "1.07 MiB/h" in verdict_of(outline, "llama-no-cache", NAMES)
    assert "not known" in verdict_of(outline, "llama-default", NAMES)
    assert "1.07 MiB/h" not in verdict_of(outline, "reference-leak", NAMES)


@pytest.mark.parametrize(
    ("verdicts", "headline"),
    [
        (("stable", "cyclic"), "No ageing found in 2 of 2 deployments"),
        (("aging", "stable"), "1 of 2 deployments aging: llama-no-cache"),
        (("step", "stable"), "1 of 2 deployments grew in steps: llama-no-cache"),
        (("inconclusive", "stable"), "Inconclusive for 1 of 2 deployments: llama-no-cache"),
    ],
)
def test_the_headline_claims_no_more_than_the_verdicts(four: Results, verdicts: tuple[str, str], headline: str) -> None:
    pair = [finding(name, verdict) for name, verdict in zip(NAMES, verdicts, strict=False)]
    outline = read(four, findings_of([*pair, *QUICK[2:]]))
    assert headline in outline.text("header")


def test_a_deployment_without_a_finding_makes_the_headline_inconclusive(four: Results) -> None:
    outline = read(four, findings_of(QUICK[1:]))
    assert "Inconclusive for 1 of 2 deployments: llama-no-cache" in outline.text("header")
    assert "no data" in verdict_of(outline, "llama-no-cache", NAMES)


def test_controls_that_passed_are_told_in_one_line(four: Results) -> None:
    outline = read(four, findings_of(QUICK, controls=CONTROLS))
    assert "Controls: 3 of 3 as expected" in outline.text("header")
    assert "The instrument saw what it was given to see." in outline.text("controls")
    assert "configured rate lies in the interval" in outline.text("controls")


def test_a_control_that_failed_is_told_before_anything_else(four: Results) -> None:
    failed = control("reference-leak", ages=True, passed=False)
    outline = read(four, findings_of(QUICK, controls=[CONTROLS[0], failed]))
    assert "Controls: 1 of 2 not as expected" in outline.text("header")
    assert "its leak was not found" in outline.text("controls")
    assert "The instrument saw" not in outline.text("controls")


def test_a_control_about_which_nothing_is_known_is_not_called_seen(four: Results) -> None:
    open_ = replace(CONTROLS[0], verdict="inconclusive", slope_per_hour=None, ci_per_hour=None)
    outline = read(four, findings_of(QUICK, controls=[open_, CONTROLS[1]]))
    assert "1 of 2 undecided" in outline.text("header")
    assert "The instrument saw" not in outline.text("controls")
    assert "undecided" in outline.text("controls")


def test_a_campaign_without_controls_says_so(four: Results) -> None:
    outline = read(four, findings_of(QUICK))
    assert "No controls in this campaign" in outline.text("header")
    assert "controls" not in outline.ids


def test_a_death_is_told_with_its_time_its_reason_and_the_log(build: Build) -> None:
    log = ["loading", "CUDA error: out of memory"]
    results = build(Made([*FOUR[:1], replace(FOUR[1], dies_at=95.0, dies_saying=log), *FOUR[2:]]))
    died = Problem("llama-default", "died", "generation 1 died: killed by SIGKILL; last log lines: …", 99.0)
    outline = read(results, findings_of(QUICK, problems=[died]))
    assert "llama-default died" in outline.text("header")
    assert "It died during the campaign" in verdict_of(outline, "llama-default", NAMES)
    told = outline.text("problems")
    assert "at 0:01:39" in told
    assert "replica 1, generation 1: killed by SIGKILL" in told
    assert "loading CUDA error: out of memory" in told
    assert " died " in outline.text("memory")


def test_a_death_that_the_journal_does_not_tell_of_keeps_its_message(four: Results) -> None:
    died = Problem("llama-default", "died", "generation 1 died: exit 3", None)
    assert "generation 1 died: exit 3" in read(four, findings_of(QUICK, problems=[died])).text("problems")


def test_other_problems_are_counted_and_listed(four: Results) -> None:
    problems = [
        Problem("llama-default", "dropped", "12 of 700 requests were dropped at the concurrency cap"),
        Problem(None, "strange_thing", "seen once", 61.0),
    ]
    outline = read(four, findings_of(QUICK, problems=problems))
    assert "2 problems recorded" in outline.text("header")
    assert "12 of 700 requests were dropped" in outline.text("problems")
    assert "Strange thing at 0:01:01 seen once" in outline.text("problems")


def test_a_clean_measurement_says_that_nothing_was_recorded(four: Results) -> None:
    outline = read(four, findings_of(QUICK))
    assert "No problems recorded" in outline.text("header")
    assert "None recorded" in outline.text("problems")


def test_every_indicator_is_in_the_table_with_its_tests(four: Results) -> None:
    fds = finding("llama-default", indicator="process_fds", slope_per_hour=12.0, ci_per_hour=(11.0, 13.0))
    table = read(four, findings_of([*QUICK, fds])).text("indicators")
    assert "p of every trend test Indicator hamed rao mann kendall" in table
    assert "process_fds → stable – +12/h +11 to +13/h" in table
    assert "< 0.001" in table


def test_the_harness_is_drawn_as_a_control(drawn: Results) -> None:
    outline = read(drawn, findings_of([*QUICK, finding(f"{HARNESS}/runner")]))
    assert "runner → stable" in outline.text("harness")
    assert "client-llama-default" in outline.text("harness")
    assert "_harness" not in outline.text("indicators")


def test_the_manifest_and_the_campaign_file_are_there_whole(build: Build) -> None:
    text = 'name = "synthetic" # <3 "quotes"\n'
    made = Made(FOUR[:1], campaign_file=text, manifest={"brand_new": {"deep": [1, {"er": None}]}, "extra": "as is"})
    told = read(build(made), findings_of(QUICK[:1])).text("manifest")
    assert text.strip() in told
    assert "memory_bytes 8.00 GiB" in told
    assert "brand_new deep 1 er –" in told
    assert "extra as is" in told
    assert "python -m server --port 9000" in told
    assert "httpx 0.28.1" in told


def test_the_journal_is_listed_in_order(drawn: Results) -> None:
    told = read(drawn, findings_of(QUICK)).text("journal")
    assert told.index("campaign started") < told.index("load started") < told.index("campaign completed")
    assert "reason no NVIDIA driver" in told


def test_nothing_is_loaded_from_anywhere(build: Build) -> None:
    results = build(Made(FOUR[:1], description="see https://example.org/x.png"))
    html = page(Measured(results), findings_of(QUICK, controls=CONTROLS))
    assert "default-src 'none'" in html
    assert not re.search(r"url\((?!#)", html)
    assert "@import" not in html
    assert "<script" not in html
    outline = Outline()
    outline.feed(html)
    for tag, name, value in outline.attributes:
        if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert value.startswith("#") or value == "data:,", (tag, name, value)
        assert name == "content" or not re.match(r"\s*(https?:)?//", value), (tag, name, value)


def test_no_id_is_used_twice_and_every_reference_leads_somewhere(drawn: Results) -> None:
    html = page(Measured(drawn), findings_of(QUICK, controls=CONTROLS))
    outline = Outline()
    outline.feed(html)
    assert len(outline.ids) == len(set(outline.ids))
    referred = [value[1:] for _, name, value in outline.attributes if name == "href" and value.startswith("#")]
    referred += re.findall(r"url\(#([^)]+)\)", html)
    assert set(referred) <= set(outline.ids)


HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


def test_whatever_comes_from_data_is_escaped(build: Build) -> None:
    server = replace(FOUR[1], name='x"><svg onload=1>', dies_at=90.0, dies_saying=[HOSTILE, "\x1b[31mred"])
    made = Made(
        [server],
        description=HOSTILE,
        campaign_file=HOSTILE,
        manifest={"model": HOSTILE, HOSTILE: {"packages": HOSTILE}, "packages": {HOSTILE: HOSTILE}},
    )
    results = build(made)
    problems = [
        Problem(server.name, "died", HOSTILE, 94.0),
        Problem(HOSTILE, HOSTILE, HOSTILE, None),
    ]
    findings = findings_of(
        [finding(server.name, tests={HOSTILE: 0.5}, shape=HOSTILE), finding(server.name, indicator=HOSTILE)],
        campaign=HOSTILE,
        problems=problems,
        controls=[control(HOSTILE, ages=True)],
    )
    html = page(Measured(results), findings)
    assert "<script" not in html
    assert "<img" not in html
    assert "<svg onload" not in html
    assert HOSTILE in unescape(html)
    outline = Outline()
    outline.feed(html)
    assert not [one for one in outline.attributes if one[1].startswith("on")]


EMPTY = {
    "shape": None,
    "slope_per_hour": None,
    "ci_per_hour": None,
    "slope_per_request": None,
    "ci_per_request": None,
    "p": None,
    "q": None,
    "minimum_detectable_per_hour": None,
    "n": 3,
    "tests": {"hamed_rao": None},
}


def unknown(deployment: str) -> Finding:
    return finding(deployment, "inconclusive", **EMPTY)


def test_a_finding_that_knows_nothing_claims_nothing(four: Results) -> None:
    outline = read(four, findings_of([unknown(name) for name in NAMES]))
    row = verdict_of(outline, "llama-default", NAMES)
    assert "No slope could be computed from its 3 points." in row
    assert "not known" in row
    assert "MiB" not in row


@pytest.mark.parametrize(
    "made",
    [
        Made([]),
        Made([Server("never-ready", loaded=False)]),
        Made([Server("a", loaded=False), Server("b")]),
        Made([Server("still-runs")], ends=None),
        Made([Server("cut")], ends="campaign_interrupted"),
        Made([Server("twice", replicas=2), Server("restarted", restarts_at=(60.0, 90.0))]),
        Made([Server("dead-at-once", dies_at=1.0)]),
        Made([Server("short")], seconds=3, warmup=0.0),
        Made([Server("no-warm-up", dies_at=20.0)], warmup=0.0),
        Made([Server("constant", level=0.0)], seconds=40),
    ],
    ids=lambda made: "+".join(server.name for server in made.servers) or "nothing",
)
@pytest.mark.parametrize("found", [True, False], ids=["found", "no-findings"])
def test_whatever_is_missing_the_report_is_written(build: Build, made: Made, found: bool) -> None:
    results = build(made)
    outline = read(results, findings_of([finding(server.name) for server in made.servers if found]))
    for server in made.servers:
        assert server.name in outline.text("verdicts")
        assert server.name in outline.text("memory")


def test_a_campaign_that_only_has_a_journal_and_a_manifest_is_reported(build: Build) -> None:
    results = build(Made([Server("bare", loaded=False)]))
    results.layout.campaign.unlink()
    outline = read(results, findings_of())
    assert "no data" in outline.text("verdicts")
    assert "No memory was sampled" in outline.text("memory")
    assert "latency" not in outline.ids


def test_replicas_are_drawn_apart(build: Build) -> None:
    outline = read(build(Made([Server("twice", replicas=2)])), findings_of([finding("twice", replicas=2)]))
    assert "replica 1" in outline.text("memory")
    assert "replica 2" in outline.text("memory")


def test_days_of_samples_stay_small(build: Build) -> None:
    made = Made([Server("long", 900 * MIB, 62 * 1024)], seconds=36 * 3600, warmup=3600.0, grid=60.0, interval=60.0)
    html = page(Measured(build(made)), findings_of([finding("long")]))
    assert len(html) < 250_000


def test_the_same_input_gives_the_same_bytes_and_the_file_appears_whole(drawn: Results, tmp_path: Path) -> None:
    findings = findings_of(QUICK, controls=CONTROLS)
    write_report(Measured(drawn), findings, tmp_path / "one.html")
    write_report(Measured(drawn), findings, tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_every_section_says_its_kind_title_and_order() -> None:
    sections = discover(aging.report.sections, Section)
    assert {"verdicts", "controls", "problems", "memory", "latency", "indicators", "harness"} <= set(sections)
    orders = [section.order for section in sections.values()]
    assert len(orders) == len(set(orders))
    assert min(sections.values(), key=lambda one: one.order).kind == "verdicts"


def test_a_new_section_is_one_new_file(four: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "greeting.py").write_text(
        "from aging.report.sections.base import Section\n"
        "from aging.report.html.templates import render\n"
        "class Greeting(Section):\n"
        "    kind, title, order = 'greeting', 'Greeting', 15\n"
        "    def render(self, context):\n"
        "        return render('<p>{{ name }} says hello & more</p>', name=context.findings.campaign)\n"
    )
    monkeypatch.setattr(aging.report.sections, "__path__", [*aging.report.sections.__path__, str(tmp_path)])
    discover.cache_clear()
    outline = read(four, findings_of(QUICK))
    assert "synthetic says hello" in outline.text("greeting")
    assert list(outline.texts).index("greeting") == list(outline.texts).index("verdicts") + 1
    discover.cache_clear()


def test_the_primary_indicator_is_named_in_the_table(four: Results) -> None:
    assert PRIMARY in read(four, findings_of(QUICK)).text("indicators")


def test_each_run_is_shown_with_what_it_is_worth_and_why(drawn: Results) -> None:
    runs = (
        RunValidity("llama-no-cache", 1, 1, "complete", (), 1.0, 0.0),
        RunValidity("llama-default", 1, 1, "short", ("it ended after 34h 48m of 36h 00m: exit 1",), 0.967, 0.0),
        RunValidity("reference-leak", 2, 3, "broken", ("12 % of its <requests> failed",), 1.0, 0.123456),
    )
    text = read(drawn, findings_of(QUICK, runs=runs)).text("runs")
    assert "1 of 3 runs are complete" in text
    assert "llama-default replica 1 – short it ended after 34h 48m of 36h 00m: exit 1 96.7 %" in text
    assert "reference-leak replica 2, attempt 3 ✗ broken 12 % of its <requests> failed 100 % 12.3 %" in text
    assert "runs" not in read(drawn, findings_of(QUICK)).texts, "results of an older release have none"


def test_effects_are_shown_with_interval_aliases_and_what_could_not_be_told(drawn: Results) -> None:
    effects = (
        FactorEffect("cache", 2 * MIB, (MIB, 3 * MIB), 9.0, 1, 0.01, 0.02, {"0": MIB, "64": 3 * MIB}, ("rate × a",)),
        FactorEffect("kind", None, None, None, 2, None, None, {"x": 0.0, "y": None, "z": MIB}, ()),
    )
    told = Experiment("llama", PRIMARY, "hour", 8, 4, 2 * MIB, MIB, 4, None, effects, ("no error can be estimated",))
    text = read(drawn, findings_of(QUICK, experiments=(told,))).text("effects")
    assert "8 runs at 4 points, +2.00 MiB/h on average; repeated runs differ by 1.00 MiB/h" in text
    assert "cache 0: +1.00 MiB/h 64: +3.00 MiB/h +2.00 MiB/h +1.00 to +3.00 MiB/h 0.010 0.020 rate × a" in text
    assert "kind x: 0 B/h y: – z: +1.00 MiB/h – – – –" in text
    assert "No error can be estimated." in text
