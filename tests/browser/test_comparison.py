"""The page of a comparison in a browser: nothing complains, nothing is loaded, nothing overflows."""

from __future__ import annotations

from pathlib import Path

import pytest

import aging
from tests.browser.conftest import Opened
from tests.comparable import made, noisy


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    hostile = "server<script>alert(1)</script>"
    roots = [made(folder / f"c{size}", {hostile: noisy(size, size)}) for size in (1024, 2048)]
    return aging.compare(roots).report(folder / "page.html")


def test_sound(comparison: Path, opened: Opened) -> None:
    opened.page.goto(comparison.as_uri())
    opened.page.locator('[data-figure="chart"]').scroll_into_view_if_needed()
    opened.page.wait_for_selector(".is-live")
    assert opened.complaints == []
    assert opened.requested == [comparison.as_uri()]
    assert opened.overflow() <= 0
    assert opened.serious_findings() == []
    assert opened.page.locator(".headline.bad").count() == 1
