"""The gate's reports: what a CI system reads of them, and that no text of a server or user acts on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from aging.app.check import explain
from aging.check.look import look_line
from aging.check.plot import write_gate_plot
from aging.check.report_kinds import WantedReport, parse_reports, report_formats, write_reports
from aging.check.reports.base import GateContext
from aging.check.reports.github import SUMMARY
from aging.check.summary import MOST_BYTES, markdown
from aging.check.wording import advice, rate_text, site_text
from aging.core.errors import AgingError, ExitCode, MistakesError
from aging.core.markdown_text import code, prose
from aging.core.plain_text import lines, one_line
from aging.findings.gate import AllocationSite, ConditionResult, GateOutcome, GateResult, ServerFailure
from tests.conftest import ROOT

HOSTILE = (
    "<script>x</script> ]]> &amp; | `a``b` **c** [d](javascript:e) @octocat #1\n::error::f\r\n\x1b[31m\x00\u2028##[g]"
)
KINDS = ("github", "json", "junit", "markdown")
CONTEXT = GateContext("small", Path("small.toml"), Path("results/small"))
OUTCOMES: tuple[GateOutcome, ...] = ("passed", "failed", "inconclusive", "server-failed")


def condition(outcome: Any = "passed", **more: Any) -> ConditionResult:
    one = ConditionResult(
        deployment="server",
        condition="process_anon_swap_bytes:per_request > 256B",
        indicator="process_anon_swap_bytes",
        quantity="per_request",
        limit=256.0,
        outcome=outcome,
        estimate=1024.0,
        interval=(1000.0, 1050.0),
        smallest_excluded=1050.0,
        growth="aging",
        reason="The lower bound is above the limit.",
        reason_code="above",
        n=120,
        points=[(k / 30, 1e8 + 1024 * 200 * k) for k in range(120)],
        work_per_minute=6000.0,
        since_minutes=0.5,
    )
    return replace(one, **more)


def gate(outcome: GateOutcome = "passed", *conditions: ConditionResult, **more: Any) -> GateResult:
    one = GateResult(
        outcome=outcome,
        alpha=0.01,
        beta=0.05,
        budget_minutes=10.0,
        minutes=4.0,
        look=2,
        looks=5,
        conditions=conditions,
        look_minutes=[2.0, 4.0],
    )
    return replace(one, **more)


def dead(**more: Any) -> ServerFailure:
    return replace(ServerFailure("server", "died", "It ended with signal 9.", ["booting", "Killed"]), **more)


def hostile_gate() -> GateResult:
    one = condition(
        "failed",
        deployment=HOSTILE,
        condition=HOSTILE,
        indicator=f'engine_x{{label="{HOSTILE}"}}',
        growth=HOSTILE,
        reason=HOSTILE,
        reason_code=HOSTILE,
        grew=[HOSTILE],
        sites=[AllocationSite(1024, 2, [HOSTILE])],
    )
    failure = dead(deployment=HOSTILE, reason=HOSTILE, log=[HOSTILE, "```", "</details>", "::warning::h", "﷐"])
    return gate("failed", one, server_failures=[failure], doubts=[HOSTILE], notes=[HOSTILE])


def render(kind: str, result: GateResult, context: GateContext = CONTEXT) -> str:
    return report_formats()[kind]().render(result, context)


def red(xml: str) -> list[Element]:
    root = fromstring(xml)
    return [*root.iter("failure"), *root.iter("error")]


def test_kinds() -> None:
    assert tuple(report_formats()) == KINDS


class TestJUnit:
    @pytest.mark.parametrize("outcome", OUTCOMES)
    @pytest.mark.parametrize("conditions", [(), (condition(),)])
    def test_red_exactly_where_the_gate_is_not_green(self, outcome: GateOutcome, conditions: Any) -> None:
        assert bool(red(render("junit", gate(outcome, *conditions)))) == (outcome != "passed")

    def test_counts(self) -> None:
        result = gate("failed", condition("failed"), condition("inconclusive"), condition(deployment="other"))
        root = fromstring(render("junit", result))
        assert [root.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "0"]
        assert [suite.get("name") for suite in root] == ["server", "other", "measurement"]
        for suite in root:
            assert len(list(suite.iter("testcase"))) == int(suite.get("tests", ""))

    def test_a_dead_server_is_an_error_with_its_log(self) -> None:
        (error,) = red(render("junit", gate("server-failed", server_failures=[dead()])))
        assert (error.tag, error.get("type")) == ("error", "died")
        assert (error.text or "").splitlines()[-2:] == ["booting", "Killed"]

    def test_a_doubt_is_red(self) -> None:
        assert len(red(render("junit", gate("inconclusive", condition(), doubts=["No request was sent."])))) == 1

    def test_hostile_text_is_text(self) -> None:
        root = fromstring(render("junit", hostile_gate()))
        assert {one.tag for one in root.iter()} == {"testsuites", "testsuite", "testcase", "failure", "error"}
        assert "<script>x</script> ]]> &amp;" in (root.findall(".//failure")[0].text or "")


class TestMarkdown:
    @pytest.mark.parametrize("outcome", OUTCOMES)
    def test_the_first_line_has_the_result(self, outcome: GateOutcome) -> None:
        first = markdown(gate(outcome, condition(), server_failures=[dead()]), CONTEXT).splitlines()[0]
        assert ("🟢" in first) == (outcome == "passed")

    def test_figures(self) -> None:
        page = markdown(gate("failed", condition("failed", grew=["heap of worker 3"])), CONTEXT)
        for text in ("1.00 KiB/request", "256 B/request", "▁", "heap of worker 3", "What to do", "exit code 1"):
            assert text in page

    def test_hostile_text_is_text(self) -> None:
        page = markdown(hostile_gate(), GateContext(HOSTILE, None, Path(HOSTILE)))
        tokens = list(flat(MarkdownIt("gfm-like").disable("linkify").parse(page)))
        html = {token.content for token in tokens if token.type in ("html_inline", "html_block")}
        assert {tag for text in html for tag in re.findall(r"</?\w+", text)} <= {
            *("<details", "</details", "<summary", "</summary", "<code", "</code")
        }
        assert not {"link_open", "image"} & {token.type for token in tokens}
        outside = "".join(token.content for token in tokens if token.type == "text")
        assert "**c**" in outside
        assert "@octocat" not in outside
        assert sum(token.type == "fence" for token in tokens) == 2
        rows = [token for token in tokens if token.type == "tr_open"]
        cells = [token for token in tokens if token.type in ("td_open", "th_open")]
        assert len(cells) == 6 * len(rows) == 12

    @pytest.mark.parametrize("many", [1, 60])
    def test_it_is_small(self, many: int) -> None:
        long = f"{HOSTILE} " * 10
        failures = [dead(log=[long] * many)] * many
        one = condition("failed", condition=long, grew=[long] * many, sites=[AllocationSite(1, 1, [HOSTILE] * 20)] * 30)
        result = gate("failed", *[one] * many, server_failures=failures, doubts=[long] * many, notes=[long] * many)
        page = markdown(result, GateContext(long, None, Path("r")))
        assert len(page.encode()) <= MOST_BYTES
        assert page.startswith("### 🔴")

    @pytest.mark.parametrize("text", ["`", "``", "a`b``c", "|", "", " ", "\n"])
    def test_code_spans_are_closed(self, text: str) -> None:
        (inline,) = MarkdownIt().parse(code(text).replace("\\|", "|"))[1:2]
        assert [child.type for child in inline.children or ()] == ["code_inline"]

    @pytest.mark.parametrize(
        "text", ["- a", "1. a", "> a", "# a", "a\\", "<b>", "&lt;", "$a$", "=== a", "https://e.org"]
    )
    def test_prose_is_literal(self, text: str) -> None:
        tokens = MarkdownIt("gfm-like").disable("linkify").parse(f"- {prose(text)}")
        assert "".join(token.content for token in flat(tokens) if token.type in ("text", "text_special")) == text


class TestGitHub:
    @pytest.mark.parametrize(
        ("outcome", "level"),
        [("passed", "notice"), ("failed", "error"), ("inconclusive", "warning"), ("server-failed", "error")],
    )
    def test_level(self, outcome: GateOutcome, level: str) -> None:
        assert render("github", gate(outcome)).startswith(f"::{level} file=small.toml,title=aging")

    def test_every_line_is_a_command(self) -> None:
        text = render("github", hostile_gate())
        assert text.splitlines() == text.rstrip("\n").split("\n")
        assert len(text.splitlines()) == 4
        for line in text.splitlines():
            found = re.fullmatch(r"::(error|warning) file=small\.toml,title=([^:,\n]*)::(.*)", line)
            assert found
            assert "%0A" not in found[3]
            assert not re.search(r"%(?!25|0A|0D|3A|2C)", found[2])

    def test_percent(self) -> None:
        assert "50%25 of it" in render("github", gate("failed", condition("failed", reason="50% of it")))

    def test_at_most_ten(self) -> None:
        assert len(render("github", gate("failed", *[condition("failed")] * 30)).splitlines()) == 10

    def test_the_file_is_relative_to_the_checkout(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
        text = render("github", gate(), GateContext("small", tmp_path / "ci" / "small.toml", tmp_path))
        assert text.startswith("::notice file=ci/small.toml,")

    def test_printed_and_summarized(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        summary = tmp_path / "summary.md"
        summary.write_text("before\n")
        monkeypatch.setenv(SUMMARY, str(summary))
        printed: list[str] = []
        assert write_reports(parse_reports(["github"]), gate(), CONTEXT, printed.append) == []
        assert printed == [render("github", gate())]
        assert summary.read_text() == f"before\n{markdown(gate(), CONTEXT)}"


class TestJson:
    def test_valid(self) -> None:
        schema = json.loads((ROOT / "docs" / "schemas" / "gate.schema.json").read_text())
        document = json.loads(render("json", hostile_gate()))
        assert list(Draft202012Validator(schema).iter_errors(document)) == []
        assert (document["schema"], document["exit_code"]) == (1, 1)
        assert document["gate"]["conditions"][0]["deployment"] == HOSTILE
        document["gate"]["outcome"] = "green"
        assert list(Draft202012Validator(schema).iter_errors(document))

    @pytest.mark.parametrize(
        ("outcome", "code"),
        [
            ("passed", ExitCode.DONE),
            ("failed", ExitCode.GATE_FAILED),
            ("inconclusive", ExitCode.INCONCLUSIVE),
            ("server-failed", ExitCode.SERVER_FAILED),
        ],
    )
    def test_exit_code(self, outcome: GateOutcome, code: ExitCode) -> None:
        assert json.loads(render("json", gate(outcome)))["exit_code"] == code


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_known(kind: str) -> None:
    unknown = condition("inconclusive", estimate=None, interval=None, smallest_excluded=None, points=(), n=0)
    assert render(kind, gate("inconclusive", unknown))


class TestParse:
    def test_paths(self, tmp_path: Path) -> None:
        wanted = parse_reports([f"junit={tmp_path}/new/gate.xml", "github"])
        assert [(one.format.kind, one.path) for one in wanted] == [
            ("junit", tmp_path / "new" / "gate.xml"),
            ("github", None),
        ]

    def test_every_mistake_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        file = tmp_path / "file"
        texts = ["junti=a.xml", "junit", "base=x", f"json={tmp_path}", f"json={file}/a", "json=a", "markdown=a"]
        with pytest.raises(MistakesError) as caught:
            parse_reports(texts)
        mistakes = caught.value.mistakes
        assert [one.where for one in mistakes] == [repr(one) for one in (*texts[:5], texts[6])]
        assert "'junit'" in mistakes[0].what
        assert "junit=PATH" in mistakes[1].what

    def test_what_cannot_be_written_is_returned_and_the_others_are_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        wanted = [
            WantedReport(report_formats()["json"](), tmp_path / "file" / "gate.json"),
            WantedReport(report_formats()["junit"](), tmp_path / "new" / "gate.xml"),
        ]
        (problem,) = write_reports(wanted, gate(), CONTEXT, pytest.fail)
        assert str(tmp_path / "file" / "gate.json") in problem
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["gate.xml"]


class TestPlot:
    @pytest.mark.parametrize(
        ("result", "suffix"),
        [
            (gate(), "png"),
            (hostile_gate(), "svg"),
            pytest.param(
                gate("failed", condition("failed"), condition(quantity="growth_total", work_per_minute=None)),
                "svg",
                marks=pytest.mark.thorough,
            ),
            (
                gate("inconclusive", condition("inconclusive", estimate=None, interval=None, work_per_minute=None)),
                "svg",
            ),
            pytest.param(
                gate("passed", condition(points=[(0.0, 0.0)], indicator="engine_名_$x$")),
                "png",
                marks=pytest.mark.thorough,
            ),
        ],
    )
    def test_drawn(self, result: GateResult, suffix: str, tmp_path: Path) -> None:
        path = tmp_path / f"gate.{suffix}"
        write_gate_plot(result, path)
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
        assert b"<script" not in content

    def test_another_suffix(self, tmp_path: Path) -> None:
        with pytest.raises(AgingError, match=r"gate\.txt"):
            write_gate_plot(gate(), tmp_path / "gate.txt")

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(AgingError, match="cannot be written"):
            write_gate_plot(gate(), tmp_path / "none" / "gate.svg")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07a", "a"),
        ("a\x00b", "a\\x00b"),
        ("a\r\n\nb", "a b"),
        ("a\u202eb", "a\\x202eb"),
        ("a\tb", "a b"),
        ("| ##[add-mask]x", "| ## [add-mask]x"),
    ],
)
def test_one_line(text: str, plain: str) -> None:
    assert one_line(text) == plain


def test_lines() -> None:
    assert lines(["a\nb", "", "c\x07"]) == ["a", "b", "", "c\\x07"]


def flat(tokens: Any) -> Iterator[Any]:
    for token in tokens:
        yield token
        yield from flat(token.children or ())


class TestWords:
    def test_no_rate(self) -> None:
        assert "measured" in rate_text(condition(estimate=None, interval=None, points=[]))
        assert "known" in rate_text(condition(estimate=None, interval=None))

    def test_callers_are_not_those_of_pythons_library(self) -> None:
        library = ["/usr/lib/python3.11/http/server.py:424 handle", "/opt/x/lib/python3.12/socketserver.py:9 f"]
        installed = "/opt/x/lib/python3.12/site-packages/app/views.py:3 view"
        own = [f"/srv/app.py:{line} f" for line in (1, 2, 3)]
        site = AllocationSite(2048, 2, [library[0], *library, installed, library[1], *own])
        (line,) = site_text(condition(sites=[site]))
        assert line.partition(": ")[2].split(" ← ") == [library[0], installed, own[0]]

    @pytest.mark.parametrize(("minutes", "said"), [(0.142, "9s"), (2.12, "2m 07s"), (16.6, "16m 36s"), (0.001, "1s")])
    def test_how_much_longer(self, minutes: float, said: str) -> None:
        one = gate("inconclusive", condition("inconclusive", longer_minutes=minutes))
        assert any(f"Measure {said} longer" in line for line in advice(one))

    def test_an_undecided_gate_says_what_to_do(self) -> None:
        assert any("--budget" in line for line in advice(gate("inconclusive", condition("inconclusive"))))
        assert not any("--budget" in line for line in advice(gate("server-failed", condition("inconclusive"))))


@pytest.mark.parametrize(
    ("quantity", "estimate", "named"),
    [
        ("per_request", 1000.0, True),  # 2 MB in 20 s of 6000 requests a minute
        ("per_request", 10_000.0, False),
        ("per_hour", 3600e6, False),
        ("per_hour", 180e6, True),
        ("growth_total", 4e6, True),  # of four minutes: 0.33 MB in 20 s
        ("growth_total", 400e6, False),  # a step of the start: it does not come again
    ],
)
def test_sites_that_explain_nothing_are_not_named(quantity: Any, estimate: float, named: bool) -> None:
    sites = [AllocationSite(500_000, 10, ["a.py:1 f"])]
    assert explain(sites, condition(quantity=quantity, estimate=estimate), 20.0, 4.0) == named


def test_line_of_a_look_at_many_conditions() -> None:
    few = look_line(gate("inconclusive", *[condition("inconclusive")] * 3))
    many = look_line(gate("failed", condition("failed"), *[condition("inconclusive")] * 7, *[condition()] * 4))
    assert few.count("KiB") > 3
    assert (many.count("server: "), len(many) < 200) == (1, True)
    assert all(part in many for part in ("1 failed", "7 undecided", "4 passed"))
