"""The page of a study in a browser: nothing complains, nothing is loaded, nothing overflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.app.study_report import write_page
from tests.browser.conftest import Opened
from tests.report.study.studies import made


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(made(tmp_path_factory.mktemp("study")))


def test_sound(study: Path, opened: Opened) -> None:
    opened.page.goto(study.as_uri())
    assert opened.complaints == []
    assert opened.requested == [study.as_uri()]
    assert opened.overflow() <= 0
    assert opened.serious_findings() == []
    assert opened.page.locator(".headlines.bad").count() == 1
    opened.page.locator("#cells a").first.click()
    assert opened.page.title() == "cell"
