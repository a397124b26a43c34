"""What a reader looks up is there: every page in the index, every kind of problem with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.findings.problem_kinds import ProblemKind
from tests.conftest import ROOT

DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_the_index_names_every_page(page: Path) -> None:
    assert page.name == "README.md" or f"]({page.name})" in (DOCS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["findings.md", "troubleshooting.md"])
@pytest.mark.parametrize("kind", ProblemKind, ids=lambda kind: kind.key)
def test_every_kind_of_problem_is_on_the_page(kind: ProblemKind, page: str) -> None:
    assert f"`{kind.key}`" in (DOCS / page).read_text(encoding="utf-8")
