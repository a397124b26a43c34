"""What a reader looks up is there: every page in the index, every kind of problem with its remedy."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from importlib import import_module

import pytest

from aging.core.plugins import _FORMER_GROUPS
from aging.findings.problem_kinds import ProblemKind
from tests.conftest import ROOT
from tools.documentation import FROM_OUTSIDE, parts

DOCS = ROOT / "docs"
NOT_LISTED = {"results/recordings/README.md"}  # a page of `results`


def test_the_index_names_every_page_once() -> None:
    listed = [page.path for part in parts() for page in part.pages]
    written = {f"docs/{page.name}" for page in DOCS.glob("*.md")} - {"docs/README.md", "docs/index.md"}
    assert Counter(listed) == Counter({*written, *FROM_OUTSIDE} - NOT_LISTED)


@pytest.mark.parametrize("page", ["findings.md", "troubleshooting.md"])
def test_every_kind_of_problem_is_on_the_page(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [kind.key for kind in ProblemKind if f"`{kind.key}`" not in text] == []


def _moved() -> list[tuple[str, str]]:
    """The rows of imports under "Names that moved" in CHANGELOG.md."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("\nImports.")[2]
    return [(old, new) for old, new in re.findall(r"^\| (`aging\..+?) \| (.+?) \|$", text, re.MULTILINE)]


@pytest.mark.parametrize(("old", "new"), _moved(), ids=lambda cell: re.findall(r"`([^`]+)`", cell)[0])
def test_a_name_that_moved_is_where_the_changelog_says(old: str, new: str) -> None:
    module, *own = re.findall(r"`([^`]+)`", new.partition(";")[0])
    names = own or re.findall(r"`([^`]+)`", old)[1:]
    assert all(hasattr(import_module(module), name) for name in names)


def test_the_entry_point_groups_that_moved_are_those_that_are_read() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("### Names that moved")[2]
    groups = {new: old for old, new in re.findall(r"^\| `(aging\.[\w.]+)` \| `(aging\.\w+)` \|$", text, re.MULTILINE)}
    assert _FORMER_GROUPS.items() <= groups.items()


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    cited = re.search(r"^version: (\S+)\ndate-released: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    newest = re.search(r"^## (\d\S*) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert newest is not None
    assert cited.groups() == newest.groups()
    assert newest[1] == version
