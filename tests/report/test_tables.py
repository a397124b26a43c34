"""The report's tables as Markdown and LaTeX: figures, alignment, and text that a format would act on."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aging.core.metrics import PRIMARY
from aging.findings.types import Findings, Problem
from aging.report.tables.content import tables
from aging.report.tables.latex import latex
from aging.report.tables.markdown import markdown
from aging.store.manifest import ManifestDeployment
from tests.report.conftest import MIB, control, finding, findings_of, leaking

SERVER = ManifestDeployment(name="server", kind="vllm")
LEAK = ManifestDeployment(name="leak", kind="reference", known_ageing={"indicator": PRIMARY})
FOUND = findings_of(
    [leaking("leak"), finding("server"), finding("_harness/runner")],
    controls=[control("leak", ages=True)],
    problems=[Problem("server", "died", "exit 3", 61.0)],
)


def rows_of(text: str, heading: str) -> list[list[str]]:
    """The cells of the pipe table below a heading, its head and its rule included."""
    part = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in part.splitlines()
        if line.startswith("|")
    ]


def hostile(text: str) -> Findings:
    return replace(FOUND, campaign=text, problems=[Problem(text, text, text, None)])


class TestMarkdown:
    def test_verdicts(self) -> None:
        rows = rows_of(markdown(tables(FOUND, [LEAK, SERVER]), "c"), "Verdicts by anonymous memory plus swap")
        assert rows[1][3] == "---:"
        assert rows[2][:5] == ["`server`", "`vllm`", "stable", "+1.25 MiB/h", "+0.50 to +2.00 MiB/h"]
        assert rows[3][:5] == ["`leak`", "`reference`", "aging", "+57.6 MiB/h", "+56.9 to +58.1 MiB/h"]

    def test_the_harness_is_no_indicator(self) -> None:
        rows = rows_of(markdown(tables(FOUND, [LEAK, SERVER]), "c"), "All indicators")
        assert [row[0] for row in rows[2:]] == ["`leak`", "`server`"]

    def test_what_is_not_there_has_no_table(self) -> None:
        text = markdown(tables(findings_of([finding("server")]), [SERVER]), "c")
        assert "## Controls" not in text
        assert "## Problems" not in text

    def test_a_deployment_without_a_finding(self) -> None:
        rows = rows_of(markdown(tables(findings_of(), [SERVER]), "c"), "Verdicts by anonymous memory plus swap")
        assert rows[2][2:] == ["no data", "–", "–", "–", "–", "–"]

    @pytest.mark.parametrize(
        "text", ["a|b", "a\nb", "`|`", "\\|", "<script>x</script>", "\x1b[31m\u202e", "x" * 10_000]
    )
    def test_hostile_text_stays_in_its_cell(self, text: str) -> None:
        rows = rows_of(markdown(tables(hostile(text), [SERVER]), text), "Problems of the measurement")
        assert [len(row) for row in rows] == [4, 4, 4]
        shown = "".join("".join(row) for row in rows)
        assert "<script" not in shown.replace("\\<script", "").replace(rows[2][0], "")
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert len(shown) < 10_000


class TestLatex:
    def test_rules_and_figures(self) -> None:
        text = latex(tables(FOUND, [LEAK, SERVER]), "c")
        assert text.count("\\begin{longtable}") == text.count("\\end{longtable}") == 4
        assert "\\label{tab:verdicts}" in text
        assert "\\texttt{server} & \\texttt{vllm} & stable & +1.25 MiB/h & +0.50 to +2.00 MiB/h" in text
        assert "95 \\% interval" in text

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("a_b & 5 % #1 {x}", "a\\_b \\& 5 \\% \\#1 \\{x\\}"),
            ("\\input{/etc/passwd}", "\\textbackslash{}input\\{/etc/passwd\\}"),
            ("$x^2$ ~", "\\$x\\textasciicircum{}2\\$ \\textasciitilde{}"),
            ("--port---", "-{}-port-{}-{}-"),
            ("−3 to 4 ≤ 5 µs", "$-$3 to 4 $\\le$ 5 \\textmu{}s"),
            ("漢 é", "{[}U+6F22{]} é"),
            ("a\nb\x1b[31m", "a b"),
        ],
    )
    def test_text_is_text(self, text: str, written: str) -> None:
        line = latex(tables(hostile(text), [SERVER]), "c").splitlines()[-3]
        assert line.endswith(f" & -- & {written} \\\\")

    def test_a_campaign_name_ends_no_comment(self) -> None:
        first = latex(tables(FOUND, [SERVER]), "c\n\\input{x}").splitlines()[0]
        assert first.startswith("% ")
        assert "\\input{x}" in first


def test_rates_have_the_unit_of_their_interval() -> None:
    grows = finding("server", slope_per_hour=0.96 * 1024 * MIB, ci_per_hour=(0.92 * 1024 * MIB, 1.0 * 1024 * MIB))
    row = tables(findings_of([grows]), [SERVER])[0].rows[0]
    assert row[3:5] == ("+0.96 GiB/h", "+0.92 to +1.00 GiB/h")
