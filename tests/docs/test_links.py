"""Every relative link of the documents resolves, anchors included, and hand-written pages keep to docs/style.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools.generated import GENERATED

DOCS = ROOT / "docs"
OF_THE_SITE = {*(DOCS / "_build").rglob("*.md"), *(DOCS / "project").glob("*.md")}  # copies that a build has made
PAGES = sorted({*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "results").glob("*.md")} - OF_THE_SITE)
BY_STUDIES = {DOCS / "tables" / name for name in ("accelerated.md", "faults.md")}
HAND_WRITTEN = sorted({*PAGES} - BY_STUDIES - {ROOT / name for name in GENERATED})
WIDTH = 118
UNUSED = re.compile(
    r"\b(ageing|somebody|nobody|whoever|meanwhile|of ours|what became of|is told|are told)\b", re.IGNORECASE
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines outside of code blocks."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    times: Counter[str] = Counter()
    found = set()
    for _, line in _prose(text):
        if heading := re.match(r"#{1,6} +(.+)", line):
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1])
            slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
            found.add(f"{slug}-{times[slug]}" if times[slug] else slug)
            times[slug] += 1
    return found


def _broken(text: str, page: Path) -> list[str]:
    """The links of a page's text that lead nowhere, each with its line."""
    wrong = []
    for number, line in _prose(text):
        for link in _LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name
            if not target.exists():
                wrong.append(f"{page.name}:{number}: {link}: no such file")
            elif anchor and anchor not in _anchors(target.read_text(encoding="utf-8") if name else text):
                wrong.append(f"{page.name}:{number}: {link}: no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    assert _broken(page.read_text(encoding="utf-8"), page) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("# Two words\n[here](#two-words)", 0),
        ("# Twice\n# Twice\n[the second](#twice-1)", 0),
        ("# `code` in it: yes\n[here](#code-in-it-yes)", 0),
        ("[nowhere](#missing)", 1),
        ("[nowhere](missing.md)", 1),
        ("```\n[not a link](missing.md)\n```", 0),
        ("`[not a link](missing.md)`", 0),
    ],
)
def test_broken_links_are_found(text: str, count: int, tmp_path: Path) -> None:
    assert len(_broken(text, tmp_path / "page.md")) == count


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_hand_written_pages_keep_to_the_style(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    long = [number for number, line in _prose(text) if len(line) > WIDTH and not line.lstrip().startswith("|")]
    assert long == [], f"{page.name}: lines of over {WIDTH} characters"
    if page.name != "style.md":  # which quotes what it advises against
        words = [f"{number}: {found[0]}" for number, line in _prose(text) if (found := UNUSED.search(line))]
        assert words == [], f"{page.name}: see docs/style.md"
