"""A headless Chromium; its tests are skipped where there is none (`apt-get install chromium`, extra `browser`)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil
import pytest

from tests.conftest import _running_children

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """As for every test; but the browser, which all of them share, starts processes of its own when it likes."""
    before = _running_children()
    yield
    left = {one for one in _running_children() - before if not _of_browser(one)}
    assert not left, f"left behind: {[process.cmdline() for process in left]}"


def _of_browser(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("chrom")
    except psutil.NoSuchProcess:  # it has ended since
        return True


class Opened:
    """A page, and what the browser said of it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requested: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requested.append(request.url))

    def serious_findings(self) -> list[str]:
        """The serious and critical findings of axe-core, each with the first element that it names."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window: 0, or a reader must scroll sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Literal["light", "dark"]:
    return "dark" if request.param == "dark" else "light"


@pytest.fixture(params=[1280, 390])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def opened(chromium: Browser, scheme: Literal["light", "dark"], width: int) -> Iterator[Opened]:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield Opened(context.new_page())
    context.close()
