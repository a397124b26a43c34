"""The list of pages in docs/README.md, and the links of a page where the site has it."""

from __future__ import annotations

import re

import pytest

from aging.cli.main import VERBS, parser
from tests.conftest import ROOT
from tests.docs.test_code_blocks import options_of, verb_parser
from tools.command_reference import page
from tools.documentation import index_page, llms_page, parts, site_path, with_links_of_the_site


def test_the_parts_are_those_of_diataxis_and_the_project() -> None:
    assert [part.title for part in parts()] == ["Tutorial", "How-to guides", "Reference", "Explanation", "The project"]
    assert all(part.pages for part in parts())


def test_the_navigation_has_every_page() -> None:
    listed = re.findall(r"^([\w/-]+)$", "\n".join(re.findall(r"```\{toctree\}(.*?)```", index_page(), re.DOTALL)), re.M)
    assert listed == [site_path(page.path).removesuffix(".md") for part in parts() for page in part.pages]


def test_llms_txt_has_its_form() -> None:
    title, summary, *rest = [line for line in llms_page().splitlines() if line]
    assert title == "# aging"
    assert summary.startswith("> ")
    assert [line for line in rest if not re.fullmatch(r"## [\w -]+|- \[[^]]+\]\([^)]+\.md\): .+", line)] == []


@pytest.mark.parametrize(
    ("text", "written_in", "there"),
    [
        ("[a](methods.md#x)", "docs/ci.md", "[a](methods.md#x)"),
        ("[a](../README.md)", "docs/ci.md", "[a](project/readme.md)"),
        ("[a](docs/ci.md#x)", "README.md", "[a](../ci.md#x)"),
        ("[a](docs/README.md)", "CONTRIBUTING.md", "[a](../index.md)"),
        ("[a](CONTRIBUTING.md)", "README.md", "[a](contributing.md)"),
        ("![a](docs/report.png)", "README.md", "![a](../report.png)"),
        ("[a](../campaigns/quickstart.toml)", "docs/ci.md", "[a](../campaigns/quickstart.toml)"),
        ("[the folder](../results/recordings)", "docs/evidence.md", "the folder"),
        ("[a](https://example.org/x.md)", "README.md", "[a](https://example.org/x.md)"),
        ("[a](#here)", "README.md", "[a](#here)"),
        ("```\n[a](docs/ci.md)\n```", "README.md", "```\n[a](docs/ci.md)\n```"),
    ],
)
def test_links_hold_where_the_site_has_the_page(text: str, written_in: str, there: str) -> None:
    assert with_links_of_the_site(text, written_in) == there


def test_every_command_and_option_is_on_its_page() -> None:
    text = page()
    for verb in VERBS:
        assert f"## `aging {verb}`\n" in text
        options = {option for option in options_of(verb_parser(verb) or parser()) if option.startswith("--")}
        assert [option for option in sorted(options - {"--help"}) if f"`{option}" not in text] == []


def test_copies_of_a_build_are_not_kept() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/docs/_build/", "/docs/project/"} <= set(ignored)
