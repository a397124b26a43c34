"""The HTML report: text, escaping, and that it loads nothing."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

import aging.report.sections
from aging.core.metrics import PRIMARY
from aging.core.plugins import discover
from aging.core.records import HARNESS
from aging.findings.series import Measured
from aging.findings.types import (
    CountChange,
    Experiment,
    FactorEffect,
    Finding,
    Findings,
    GrowthPlaces,
    KindGrowth,
    Outlook,
    Problem,
    ProcessGrowth,
    ReplicaEstimate,
    RunValidity,
)
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
        if not self._open or self._open[-1] not in ("style", "script"):
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
    """Four deployments that left no series: nothing to draw, for tests of text."""
    made = Made([replace(server, loaded=False) for server in FOUR])
    return write_campaign(tmp_path_factory.mktemp("four") / "campaign", made)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two deployments with everything a campaign leaves."""
    return write_campaign(tmp_path_factory.mktemp("drawn") / "campaign", Made(FOUR[:2]))


def test_leak_row(four: Results) -> None:
    outline = read(four, findings_of(QUICK, controls=CONTROLS))
    row = verdict_of(outline, "reference-leak", NAMES)
    assert "aging" in row
    assert "+57.6 MiB/h" in row
    assert "+56.9 to +58.1 MiB/h" in row
    assert "+4.00 KiB/request" in row
    assert "No aging found in 2 of 2 deployments" in outline.text("header")


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ("tokens", "It follows the tokens more closely than the clock or the requests."),
        (None, "the driver of the growth is unknown"),
    ],
)
def test_growth_driver(four: Results, driver: str | None, words: str) -> None:
    leak = replace(leaking("reference-leak"), driver=driver, slope_per_token=512.0, ci_per_token=(500.0, 524.0))
    outline = read(four, findings_of([*QUICK[:3], leak]))
    row = verdict_of(outline, "reference-leak", NAMES)
    assert words in row
    assert "Growth per token +512 B/token [+500 to +524 B/token]." in row
    assert "more closely" not in verdict_of(outline, "llama-default", NAMES)


def test_smallest_detectable_leak(four: Results) -> None:
    unknown = finding("llama-default", "inconclusive", minimum_detectable_per_hour=None)
    outline = read(four, findings_of([QUICK[0], unknown, *QUICK[2:]]))
    assert "1.07 MiB/h" in verdict_of(outline, "llama-no-cache", NAMES)
    assert "not known" in verdict_of(outline, "llama-default", NAMES)
    assert "1.07 MiB/h" not in verdict_of(outline, "reference-leak", NAMES)


@pytest.mark.parametrize(
    ("verdicts", "headline"),
    [
        (("stable", "cyclic"), "No aging found in 2 of 2 deployments"),
        (("aging", "stable"), "1 of 2 deployments aging: llama-no-cache"),
        (("step", "stable"), "1 of 2 deployments grew in steps: llama-no-cache"),
        (("inconclusive", "stable"), "Inconclusive for 1 of 2 deployments: llama-no-cache"),
    ],
)
def test_headline(four: Results, verdicts: tuple[str, str], headline: str) -> None:
    pair = [finding(name, verdict) for name, verdict in zip(NAMES, verdicts, strict=False)]
    outline = read(four, findings_of([*pair, *QUICK[2:]]))
    assert headline in outline.text("header")


def test_headline_does_not_deny_other_indicators(four: Results) -> None:
    outlook = Outlook("exhausts", 300.0, 720.0, 50.0, 9.0, 0.02, 0.03, limit_name="its limit of 300 open files")
    fds = finding(NAMES[0], "aging", indicator="process_fds", outlook=outlook)
    outline = read(four, findings_of([finding(NAMES[0], "stable"), finding(NAMES[1], "stable"), fds, *QUICK[2:]]))
    header = outline.text("header")
    assert f"1 of 2 deployments aging: {NAMES[0]} (process_fds)" in header
    assert f"1 of 2 reaches a limit within 30 days: {NAMES[0]}" in header
    decision = outline.text("decision")
    assert f"{NAMES[0]} llama_cpp ✗ Reaches its limit in 1.2 to 1.8 min" in decision
    assert "process_fds: its limit of 300 open files" in decision


def test_headline_of_what_is_at_its_limit(four: Results) -> None:
    outlook = Outlook("exhausts", 300.0, 720.0, 0.0, 0.0, 0.0, 0.0, limit_name="its limit of 300 open files")
    fds = finding(NAMES[0], "stable", indicator="process_fds", outlook=outlook)
    outline = read(four, findings_of([finding(NAMES[0], "stable"), finding(NAMES[1], "stable"), fds, *QUICK[2:]]))
    assert f"1 of 2 deployments at a limit: {NAMES[0]}" in outline.text("header")


def test_headline_without_finding(four: Results) -> None:
    outline = read(four, findings_of(QUICK[1:]))
    assert "Inconclusive for 1 of 2 deployments: llama-no-cache" in outline.text("header")
    assert "no data" in verdict_of(outline, "llama-no-cache", NAMES)


def test_controls_passed(four: Results) -> None:
    outline = read(four, findings_of(QUICK, controls=CONTROLS))
    assert "Controls: 3 of 3 passed." in outline.text("header")
    assert "All 3 controls passed." in outline.text("controls")
    assert "rate is in the interval" in outline.text("controls")


def test_control_failed(four: Results) -> None:
    failed = control("reference-leak", ages=True, passed=False)
    outline = read(four, findings_of(QUICK, controls=[CONTROLS[0], failed]))
    assert "Controls: 1 of 2 failed." in outline.text("header")
    assert "leak not found" in outline.text("controls")
    assert "All 2 controls passed." not in outline.text("controls")


def test_control_undecided(four: Results) -> None:
    open_ = replace(CONTROLS[0], verdict="inconclusive", slope_per_hour=None, ci_per_hour=None)
    outline = read(four, findings_of(QUICK, controls=[open_, CONTROLS[1]]))
    assert "Controls: 1 of 2 passed, 1 undecided." in outline.text("header")
    assert "All 2 controls passed." not in outline.text("controls")
    assert "undecided" in outline.text("controls")


def test_control_whose_leak_is_undecided(four: Results) -> None:
    """A leak that a short run cannot decide is no failure of the instrument; the terminal says the same."""
    open_ = replace(control("reference-leak", ages=True, passed=False), verdict="inconclusive")
    outline = read(four, findings_of(QUICK, controls=[CONTROLS[0], open_]))
    assert "Controls: 1 of 2 passed, 1 undecided." in outline.text("header")
    assert "leak not found" not in outline.text("controls")


def test_no_controls(four: Results) -> None:
    outline = read(four, findings_of(QUICK))
    assert "No controls in this campaign" in outline.text("header")
    assert "controls" not in outline.ids


def test_death(build: Build) -> None:
    log = ["loading", "CUDA error: out of memory"]
    results = build(Made([*FOUR[:1], replace(FOUR[1], dies_at=95.0, dies_saying=log), *FOUR[2:]]))
    died = Problem("llama-default", "died", "generation 1 died: killed by SIGKILL; last log lines: …", 99.0)
    outline = read(results, findings_of(QUICK, problems=[died]))
    assert "llama-default died" in outline.text("header")
    assert "It died during the campaign" in verdict_of(outline, "llama-default", NAMES)
    problems = outline.text("problems")
    assert "at 0:01:39" in problems
    assert "Replica 1, generation 1: killed by SIGKILL" in problems
    assert "loading CUDA error: out of memory" in problems
    assert " died " in outline.text("memory")


def test_death_not_in_journal(four: Results) -> None:
    died = Problem("llama-default", "died", "generation 1 died: exit 3", None)
    assert "generation 1 died: exit 3" in read(four, findings_of(QUICK, problems=[died])).text("problems")


def test_problems(four: Results) -> None:
    problems = [
        Problem("llama-default", "dropped", "12 of 700 requests were dropped at the concurrency cap"),
        Problem(None, "strange_thing", "seen once", 61.0),
    ]
    outline = read(four, findings_of(QUICK, problems=problems))
    assert "2 problems recorded" in outline.text("header")
    assert "12 of 700 requests were dropped" in outline.text("problems")
    assert "Strange thing at 0:01:01 seen once" in outline.text("problems")


def test_no_problems(four: Results) -> None:
    outline = read(four, findings_of(QUICK))
    assert "No problems recorded" in outline.text("header")
    assert "No problems recorded" in outline.text("problems")


def test_indicators_table(four: Results) -> None:
    fds = finding("llama-default", indicator="process_fds", slope_per_hour=12.0, ci_per_hour=(11.0, 13.0))
    table = read(four, findings_of([*QUICK, fds])).text("indicators")
    assert "p of every trend test Indicator hamed rao mann kendall" in table
    assert "process_fds → stable – +12/h +11 to +13/h" in table
    assert "< 0.001" in table


def test_harness(drawn: Results) -> None:
    outline = read(drawn, findings_of([*QUICK, finding(f"{HARNESS}/runner")]))
    assert "runner → stable" in outline.text("harness")
    assert "client-llama-default" in outline.text("harness")
    assert "_harness" not in outline.text("indicators")


def test_manifest(build: Build) -> None:
    text = 'name = "synthetic" # <3 "quotes"\n'
    made = Made(FOUR[:1], campaign_file=text, manifest={"brand_new": {"deep": [1, {"er": None}]}, "extra": "as is"})
    shown = read(build(made), findings_of(QUICK[:1])).text("manifest")
    assert text.strip() in shown
    assert "memory_bytes 8.00 GiB" in shown
    assert "brand_new deep 1 er –" in shown
    assert "extra as is" in shown
    assert "python -m server --port 9000" in shown
    assert "httpx 0.28.1" in shown


def test_journal(drawn: Results) -> None:
    shown = read(drawn, findings_of(QUICK)).text("journal")
    assert shown.index("campaign started") < shown.index("load started") < shown.index("campaign completed")
    assert "reason no NVIDIA driver" in shown


def test_loads_nothing(build: Build) -> None:
    results = build(Made(FOUR[:1], description="see https://example.org/x.png"))
    html = page(Measured(results), findings_of(QUICK, controls=CONTROLS))
    assert "default-src 'none'" in html
    assert not re.search(r"url\((?!#)", html)
    assert "@import" not in html
    assert_own_scripts_only(html)
    outline = Outline()
    outline.feed(html)
    for tag, name, value in outline.attributes:
        if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert value.startswith("#") or value == "data:,", (tag, name, value)
        assert name == "content" or not re.match(r"\s*(https?:)?//", value), (tag, name, value)


def test_ids_and_references(drawn: Results) -> None:
    html = page(Measured(drawn), findings_of(QUICK, controls=CONTROLS))
    outline = Outline()
    outline.feed(html)
    assert len(outline.ids) == len(set(outline.ids))
    referred = [value[1:] for _, name, value in outline.attributes if name == "href" and value.startswith("#")]
    referred += re.findall(r"url\(#([^)]+)\)", html)
    assert set(referred) <= set(outline.ids)


def assert_own_scripts_only(html: str) -> None:
    """Every script is data, or one of the two whose hash the page's policy names."""
    allowed = re.findall(r"'sha256-([^']+)'", unescape(html.partition("<body>")[0]))
    assert len(allowed) == 2
    scripts = re.findall(r"<script([^>]*)>(.*?)</script", html, re.DOTALL)
    assert html.count("<script") == len(scripts)
    for attributes, text in scripts:
        if attributes:
            assert attributes == ' type="application/json"'
            json.loads(text)
        else:
            assert b64encode(sha256(text.encode()).digest()).decode() in allowed


HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


def test_escaping(build: Build) -> None:
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
    assert_own_scripts_only(html)
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


def test_empty_finding(four: Results) -> None:
    outline = read(four, findings_of([unknown(name) for name in NAMES]))
    row = verdict_of(outline, "llama-default", NAMES)
    assert "No slope could be computed from 3 points." in row
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
@pytest.mark.parametrize("found", [True, pytest.param(False, marks=pytest.mark.thorough)], ids=["found", "no-findings"])
def test_missing_data(build: Build, made: Made, found: bool) -> None:
    results = build(made)
    outline = read(results, findings_of([finding(server.name) for server in made.servers if found]))
    for server in made.servers:
        assert server.name in outline.text("verdicts")
        assert server.name in outline.text("memory")


def test_journal_and_manifest_only(build: Build) -> None:
    results = build(Made([Server("bare", loaded=False)]))
    results.layout.campaign.unlink()
    outline = read(results, findings_of())
    assert "no data" in outline.text("verdicts")
    assert "No memory was sampled" in outline.text("memory")
    assert "latency" not in outline.ids


def test_replicas(build: Build) -> None:
    outline = read(build(Made([Server("twice", replicas=2)])), findings_of([finding("twice", replicas=2)]))
    assert "replica 1" in outline.text("memory")
    assert "replica 2" in outline.text("memory")


@pytest.mark.thorough
def test_size_of_long_campaign(build: Build) -> None:
    made = Made([Server("long", 900 * MIB, 62 * 1024)], seconds=36 * 3600, warmup=3600.0, grid=60.0, interval=60.0)
    html = page(Measured(build(made)), findings_of([finding("long")]))
    assert len(html) < 250_000


def test_write_report(drawn: Results, tmp_path: Path) -> None:
    findings = findings_of(QUICK, controls=CONTROLS)
    write_report(Measured(drawn), findings, tmp_path / "one.html")
    write_report(Measured(drawn), findings, tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_sections() -> None:
    sections = discover(aging.report.sections, Section)
    assert {"verdicts", "controls", "problems", "memory", "latency", "indicators", "harness"} <= set(sections)
    orders = [section.order for section in sections.values()]
    assert len(orders) == len(set(orders))
    first = sorted(sections.values(), key=lambda one: one.order)
    assert [section.kind for section in first[:3]] == ["decision", "gate", "verdicts"]


def test_section_plugin(four: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_contents_name_every_section(drawn: Results) -> None:
    html = page(Measured(drawn), findings_of(QUICK, controls=CONTROLS))
    contents = re.search(r'<nav aria-label="Contents">(.*?)</nav>', html, re.DOTALL)
    assert contents is not None
    linked = re.findall(r'href="#([^"]+)"', contents[1])
    sections = re.findall(r'<section id="([^"]+)"', html)
    blocks = ["deployment-1-llama-no-cache", "deployment-2-llama-default"]
    assert [one for one in linked if one not in blocks] == sections
    assert blocks == [one for one in linked if one in blocks]
    assert linked.index("decision") < linked.index("verdicts")


def test_anchors_are_stable(four: Results) -> None:
    first = page(Measured(four), findings_of(QUICK))
    second = page(Measured(four), findings_of([finding(NAMES[0], "inconclusive"), *QUICK[1:]]))
    ids = re.compile(r' id="([^"]+)"')
    assert [one for one in ids.findall(first) if "clip" not in one] == [
        one for one in ids.findall(second) if "clip" not in one
    ]


def test_wide_tables_are_reached_by_keyboard(drawn: Results) -> None:
    html = page(Measured(drawn), findings_of(QUICK, controls=CONTROLS))
    regions = re.findall(r'<div class="wide"([^>]*)>', html)
    assert regions
    assert all(re.fullmatch(r' tabindex="0" role="region" aria-label="[^"]+"', one) for one in regions)


def test_map(four: Results) -> None:
    fds = finding("llama-default", "aging", indicator="process_fds", slope_per_hour=12.0, ci_per_hour=(11.0, 13.0))
    engine = finding("llama-default", indicator="engine_queue")
    text = read(four, findings_of([*QUICK, fds, engine])).text("map")
    assert "process_fds not measured ↗ aging, +12 not measured not measured" in text
    assert text.index("process_anon_swap_bytes") < text.index("process_fds") < text.index("engine_queue")
    assert "Series of the engines' metrics (1)" in text


def test_load(drawn: Results) -> None:
    text = read(drawn, findings_of(QUICK)).text("load")
    assert "Arrivals poisson, 4 requests/s" in text
    assert "At most in flight 64" in text
    requests = drawn.requests("llama-default")
    failed = int((requests["status"] == "error").sum())
    assert f"llama-default 2m 59s {len(requests):,}" in text or f"llama-default 3m 00s {len(requests):,}" in text
    assert f"{failed} (" in text


def test_blind_spots(drawn: Results) -> None:
    text = read(drawn, findings_of([*QUICK[:1], finding("llama-default", "inconclusive")])).text("blind-spots")
    assert "llama-no-cache 1.07 MiB/h 770 MiB" in text
    assert "1 of 2 indicators are undecided (llama-default 1)" in text
    assert "Not sampled: GPU memory and GPU faults No NVIDIA driver." in text
    assert "No controls" in text
    assert "No engine metrics llama-no-cache, llama-default" in text


def test_repeat_of_an_older_release_says_what_is_missing(drawn: Results) -> None:
    text = read(drawn, findings_of(QUICK)).text("repeat")
    assert f"aging run {drawn.layout.root.name}/campaign.toml" in text
    assert "Campaign file, SHA-256 not recorded" in text
    assert "Seed 7" in text
    assert "Schedule of requests, the same for all ab12" in text
    assert "Kernel 6.1.0" in text


def test_repeat(build: Build) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    made = Made(
        FOUR[:1],
        manifest={
            "campaign_sha256": "feed" * 16,
            "git": {"folder": "/x", "commit": commit, "changed": True},
            "host": {"name": "bench-01", "kernel": "6.1.0", "cpu": "EPYC 7763", "cores": 2},
            "deployments": [
                {
                    "name": "server",
                    "kind": "command",
                    "command": ["python", "server.py"],
                    "packages": {"vllm": "0.11.0", "numpy": "2"},
                    "python": "3.12.1",
                    "git": {"folder": "/y", "commit": commit[::-1], "changed": False},
                }
            ],
        },
    )
    text = read(build(made), findings_of([finding("server")], aging_version="9.9")).text("repeat")
    assert f"Harness, git commit {commit}, with changes" in text
    assert "feed" * 16 in text
    assert "CPU EPYC 7763" in text
    assert f"server command vllm 0.11.0 {commit[::-1][:12]} 3.12.1 2" in text
    assert "Findings computed by aging 9.9" in text


def test_replicas_as_a_forest(build: Build) -> None:
    each = [
        ReplicaEstimate(n, 30, "aging", rate * MIB, (rate * MIB - MIB, rate * MIB + MIB), None, None, 0.5)
        for n, rate in ((1, 10.0), (2, 12.0))
    ]
    note = "Two replicas have one degree of freedom."
    pooled = finding("twice", "aging", replicas=2, by_replica=each, disagreement=87.0)
    pooled = replace(pooled, notes=(note,), note_codes=("few_replicas",))
    html = page(Measured(build(Made([Server("twice", replicas=2)]))), findings_of([pooled]))
    assert 'data-figure="forest"' in html
    outline = Outline()
    outline.feed(html)
    text = outline.text("deployments")
    assert "I² 87 %" in text
    assert note in text
    assert "Its 2 replicas disagree (I² 87 %)" in outline.text("decision")


def test_where_memory_grew(drawn: Results) -> None:
    place = GrowthPlaces(
        replica=1,
        seconds=900.0,
        per_hour=10 * MIB,
        named="worker 2 of 4",
        processes=[
            ProcessGrowth("worker 2 of 4", 4711, "python w.py", 1, 9 * MIB, 0.9),
            ProcessGrowth("main", 4700, "python m.py", 1, MIB, 0.1),
        ],
        kinds=[KindGrowth("heap", 10 * MIB, 1.0)],
        counts=CountChange(0, 0, {}, 0, None, None),
        beside={"shared memory": 2 * MIB},
        allocator={},
    )
    outline = read(drawn, findings_of([finding("llama-default", "aging", places=[place])]))
    text = outline.text("deployments")
    assert "worker 2 of 4 python w.py +9.00 MiB/h 90 %" in text
    assert "heap +10.0 MiB/h 100 %" in text
    assert "shared memory not in the leak indicator +2.00 MiB/h" in text
    assert "Where it grew: worker 2 of 4 90 %, heap 100 %." in outline.text("decision")
    assert "worker 2 of 4 (pid 4711, python w.py): 90 % of the growth" in outline.text("verdicts")


def test_primary_indicator_named(four: Results) -> None:
    assert PRIMARY in read(four, findings_of(QUICK)).text("indicators")


def test_runs(drawn: Results) -> None:
    runs = (
        RunValidity("llama-no-cache", 1, 1, "complete", (), 1.0, 0.0),
        RunValidity("llama-default", 1, 1, "short", ("it ended after 34h 48m of 36h 00m: exit 1",), 0.967, 0.0),
        RunValidity("reference-leak", 2, 3, "broken", ("12 % of its <requests> failed",), 1.0, 0.123456),
    )
    text = read(drawn, findings_of(QUICK, runs=runs)).text("runs")
    assert "1 of 3 runs are complete" in text
    assert "llama-default replica 1 – short it ended after 34h 48m of 36h 00m: exit 1 96.7 %" in text
    assert "reference-leak replica 2, attempt 3 ✗ broken 12 % of its <requests> failed 100 % 12.35 %" in text
    assert "runs" not in read(drawn, findings_of(QUICK)).texts, "results of an older release have none"


def test_effects(drawn: Results) -> None:
    effects = (
        FactorEffect("cache", 2 * MIB, (MIB, 3 * MIB), 9.0, 1, 0.01, 0.02, {"0": MIB, "64": 3 * MIB}, ("rate × a",)),
        FactorEffect("kind", None, None, None, 2, None, None, {"x": 0.0, "y": None, "z": MIB}, ()),
    )
    experiment = Experiment(
        "llama", PRIMARY, "hour", 8, 4, 2 * MIB, MIB, 4, None, effects, ("No error can be estimated.",)
    )
    text = read(drawn, findings_of(QUICK, experiments=(experiment,))).text("effects")
    assert "8 runs at 4 points, +2.00 MiB/h on average; repeated runs differ by 1.00 MiB/h" in text
    assert "cache 0: +1.00 MiB/h 64: +3.00 MiB/h +2.00 MiB/h +1.00 to +3.00 MiB/h 0.010 0.020 rate × a" in text
    assert "kind x: 0 B/h y: – z: +1.00 MiB/h – – – –" in text
    assert "No error can be estimated." in text
