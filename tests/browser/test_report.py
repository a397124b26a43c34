"""The report in a browser: silent, self-contained, as wide as the window, accessible, and deaf to hostile text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import aging
from aging.findings.series import Measured
from aging.findings.types import Control, Problem
from aging.report.html.page import write_report
from tests.browser.conftest import Opened
from tests.report.conftest import FOUR, Made, control, finding, findings_of, write_campaign

EXAMPLE = Path(__file__).parents[2] / "results" / "first-look"


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aging.load_results(EXAMPLE).report(tmp_path_factory.mktemp("example") / "report.html")


def test_the_report_is_silent_self_contained_and_accessible(opened: Opened, example: Path) -> None:
    opened.page.goto(example.as_uri())
    opened.page.wait_for_timeout(300)

    assert opened.complaints == []
    assert opened.requested == [example.as_uri()]
    assert opened.overflow() == 0
    assert opened.serious_findings() == []


def test_with_everything_unfolded(opened: Opened, example: Path) -> None:
    opened.page.goto(example.as_uri())
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    opened.page.wait_for_timeout(500)

    assert opened.complaints == []
    assert opened.overflow() == 0
    assert opened.serious_findings() == []


def test_no_text_lies_over_another(opened: Opened, example: Path) -> None:
    """In the tables and the decisions; the charts have a test of their own."""
    opened.page.goto(example.as_uri())
    over = opened.page.evaluate(
        """() => {
          const parts = [...document.querySelectorAll(
            '.decisions p, .decisions h3, .heat td, .heat th, .findings td, .findings th, nav a, .facts dd')]
            .filter((one) => one.getClientRects().length && !one.closest('.wide'));
          const boxes = parts.map((one) => [one.innerText, one.getBoundingClientRect()]);
          const found = [];
          boxes.forEach(([text, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (wide > 1 && high > 1) found.push(`${text} | ${other}`);
          }));
          return found;
        }"""
    )
    assert over == []


def test_the_keyboard_reaches_the_decision_and_opens_a_block(opened: Opened, example: Path) -> None:
    page = opened.page
    page.goto(example.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#decision")

    block = page.locator("details.block > summary").first
    block.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('details.block').open")


def test_a_link_opens_the_block_that_it_names(opened: Opened, example: Path) -> None:
    page = opened.page
    page.goto(example.as_uri())
    page.locator(".decisions h3 a").first.click()
    target = page.evaluate("location.hash.slice(1)")
    assert target.startswith("deployment-")
    assert page.evaluate(f"document.getElementById({json.dumps(target)}).closest('details').open")
    assert page.locator(f"#{target}").is_visible()


PAYLOADS = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror='window.hacked = 3'>",
    "\"><svg onload='window.hacked = 4'>",
    "</style><script>window.hacked = 5</script>",
    "javascript:window.hacked=6",
    "{{ 7 * 7 }}{% set x = 1 %}",
    "\u202eevil\u202c \x00\x1b[31m\x07 \ud800",
    "<!--<script>",
    "x" * 10_000,
)


def test_hostile_text_does_nothing(opened: Opened, tmp_path: Path) -> None:
    text = " ".join(PAYLOADS)
    server = replace(FOUR[1], name=f"a {text}"[:200].replace("/", "").replace("\x00", "").replace("\ud800", ""))
    server = replace(server, dies_at=120.0, dies_saying=[*PAYLOADS[:7], "\x1b[31mred\u202e"])
    safe = text.replace("\ud800", "")
    made = Made(
        [server],
        description=safe,
        campaign_file=safe.replace("\x00", ""),
        manifest={
            "command_line": ["aging", safe],
            "model": safe,
            safe: safe,
            "packages": {safe: safe},
            "host": {"name": safe, "cpu": safe, "kernel": safe},
            "schedule_hashes": {safe: safe},
        },
    )
    results = write_campaign(tmp_path / "hostile", made)
    indicator = f"engine_{text}"
    findings = findings_of(
        [
            finding(server.name, shape=text, notes=(text,), note_codes=(text,), tests={text: 0.5}),
            finding(server.name, "aging", indicator="process_fds"),
            finding(server.name, indicator=indicator),
            finding(text),
        ],
        campaign=text,
        controls=[replace(control(text, ages=True), indicator=text), *_controls(text)],
        problems=[Problem(server.name, "died", text, 124.0), Problem(text, text, text, None)],
    )
    path = tmp_path / "report.html"
    write_report(Measured(results), findings, path)

    page = opened.page
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.wait_for_timeout(300)

    assert page.evaluate("typeof window.hacked") == "undefined"
    assert opened.complaints == []
    assert opened.requested == [path.as_uri()]
    assert opened.overflow() == 0
    shown = page.evaluate("document.body.innerText")
    assert "<script>window.hacked = 1</script>" in shown
    assert "[U+202E]" in shown
    assert "\u202e" not in shown
    assert path.stat().st_size < 2_000_000


def _controls(text: str) -> list[Control]:
    return [control(f"_harness/{text}", ages=False)]
