"""The documentation site in a browser: no overflow, no serious accessibility finding, search without network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import Opened
from tests.conftest import ROOT

PAGES = ("index", "tutorial", "commands", "leak-found")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
    out = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-E", "-d", str(out / "doctrees")]
    done = subprocess.run([*build, "docs", str(out / "html")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return out / "html"


@pytest.mark.parametrize("name", PAGES)
def test_a_page(site: Path, opened: Opened, name: str) -> None:
    opened.page.goto((site / f"{name}.html").as_uri())
    assert opened.overflow() <= 0
    assert [url for url in opened.requested if not url.startswith(("file:", "data:"))] == []
    assert opened.serious_findings() == []


def test_the_search_finds(site: Path, opened: Opened) -> None:
    opened.page.goto((site / "search.html").as_uri() + "?q=jemalloc")
    opened.page.wait_for_selector("#search-results li a", timeout=60_000)
    links = opened.page.eval_on_selector_all("#search-results li a", "all => all.map(one => one.getAttribute('href'))")
    assert any(link.startswith("leak-found.html") for link in links)
    assert [url for url in opened.requested if not url.startswith(("file:", "data:"))] == []
