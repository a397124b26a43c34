"""The report of a committed campaign in a browser: silent, self-contained, as wide as the window, accessible."""

from __future__ import annotations

from pathlib import Path

import aging
from tests.browser.conftest import Opened

EXAMPLE = Path(__file__).parents[2] / "results" / "first-look"


def test_the_report_is_silent_self_contained_and_accessible(opened: Opened, tmp_path: Path) -> None:
    path = aging.load_results(EXAMPLE).report(tmp_path / "report.html")

    opened.page.goto(path.as_uri())
    opened.page.wait_for_timeout(300)

    assert opened.complaints == []
    assert opened.requested == [path.as_uri()]
    assert opened.overflow() == 0
    assert opened.serious_findings() == []
