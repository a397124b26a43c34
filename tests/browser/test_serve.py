"""The live page of a running campaign in a browser: it moves, it survives its server, it runs nothing that is shown."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.lock import Lock
from aging.store.segments import SegmentWriter
from tests.browser.conftest import Opened
from tests.builders import event
from tests.conftest import unused_port
from tests.report.conftest import FOUR, Made, Server, write_campaign
from tests.serve.test_server import begun, request, sample

HOSTILE = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>\u202e\x1b[31m"
LIMIT_MS = 60_000

if TYPE_CHECKING:
    from playwright.sync_api import Page


@dataclass
class Served:
    """``aging serve`` as a process, which can be killed and started again at its port."""

    root: Path
    port: int = field(default_factory=unused_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        command = [sys.executable, "-m", "aging", "serve", str(self.root), "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("live page: ")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.communicate(timeout=60)
            self.process = None


@pytest.fixture
def serving() -> Iterator[Callable[[Path], Served]]:
    started: list[Served] = []

    def serve(root: Path) -> Served:
        started.append(Served(root))
        started[-1].start()
        return started[-1]

    yield serve
    for one in started:
        one.end(signal.SIGKILL)


@contextlib.contextmanager
def growing(folder: Path) -> Iterator[Layout]:
    """A campaign whose rows are written at four times the speed of its clock."""
    layout = begun(folder)
    ended, lock = Event(), Lock.take(layout.root, "runner")

    def write() -> None:
        process, requests = (SegmentWriter(layout.source("a", source)) for source in ("process", "requests"))
        start = time.monotonic()
        for second in range(10_000):
            process.append(time.time(), [sample(start + second, 2**24 + second * 2**17)])
            requests.append(time.time(), [request(start + second + part / 4, part) for part in range(4)])
            if ended.wait(0.25):
                break
        process.close()
        requests.close()

    writer = Thread(target=write)
    writer.start()
    try:
        yield layout
    finally:
        ended.set()
        writer.join()
        lock.close()


def wait(page: Page, condition: str) -> None:
    """Return when an expression holds in the page. Playwright's own would be run by `eval`, which the page forbids."""
    deadline = time.monotonic() + LIMIT_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(100)


REQUESTS = "Number(document.querySelector('[data-label=Requests]')?.textContent.replace(',', ''))"
STATE = "document.getElementById('connection').dataset.state"
LAST = "Math.max(...AgingCharts.charts().map((one) => one.model.figure.last))"


def test_moves_and_survives_its_server(opened: Opened, serving: Callable[[Path], Served], tmp_path: Path) -> None:
    with growing(tmp_path) as layout:
        served = serving(layout.root)
        page = opened.page
        page.goto(served.url)
        wait(page, f"{REQUESTS} > 0")
        page.locator("#series").scroll_into_view_if_needed()
        wait(page, "AgingCharts.charts().length > 0")
        page.evaluate("window.same = 'the same document'")
        requests, last = page.evaluate(REQUESTS), page.evaluate(LAST)
        wait(page, f"{REQUESTS} > {requests} && {LAST} > {last}")
        assert opened.overflow() == 0
        assert opened.serious_findings() == []
        assert opened.complaints == []

        served.end(signal.SIGKILL)
        wait(page, f"{STATE} === 'lost'")
        assert "last data at" in page.inner_text("#connection")
        requests = page.evaluate(REQUESTS)
        assert requests > 0
        served.start()
        wait(page, f"{STATE} === 'live' && {REQUESTS} > {requests}")
        assert page.evaluate("window.same") == "the same document"

        served.end()
        wait(page, f"{STATE} === 'ended'")
        assert "aging serve" in page.inner_text("#connection")


def test_a_further_indicator(opened: Opened, serving: Callable[[Path], Served], tmp_path: Path) -> None:
    root = write_campaign(tmp_path / "c" / "20260921T143320Z", Made(FOUR)).layout.root
    page = opened.page
    page.goto(serving(root).url)
    page.wait_for_selector("#indicator-1 option[value=process_fds]", state="attached", timeout=LIMIT_MS)
    page.select_option("#indicator-1", "process_fds")
    page.wait_for_selector("#more-1 figure.plot", timeout=LIMIT_MS)
    page.locator("#more-1").scroll_into_view_if_needed()
    page.wait_for_selector("#more-1 figure.is-live canvas", timeout=LIMIT_MS)
    wait(page, "document.getElementById('verdict').textContent.includes('Final findings')")
    page.locator("#logs").scroll_into_view_if_needed()
    assert opened.overflow() == 0
    assert opened.serious_findings() == []
    assert opened.complaints == []
    assert {url.partition("?")[0].rpartition("/")[0] for url in opened.requested} <= {page.url.rstrip("/"), "data:,"}


def test_nothing_that_is_shown_is_run(opened: Opened, serving: Callable[[Path], Served], tmp_path: Path) -> None:
    made = Made((Server("a"),), name="hostile", description=HOSTILE)
    root = write_campaign(tmp_path / "c" / "20260921T143320Z", made).layout.root
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["campaign"]["name"] = HOSTILE
    (root / "manifest.json").write_text(json.dumps(manifest))
    journal = Journal(root / "journal.jsonl")
    journal.record(event("deployment_started", "<b onclick=x>b", replica=1, generation=1, pid=1, command=[HOSTILE]))
    journal.record(event("sampler_unavailable", sampler=HOSTILE, reason=HOSTILE * 10_000))
    journal.close()
    engine = SegmentWriter(root / "a" / "r01" / "engine")
    row = {"mono": 5010.0, "entity": "engine", "generation": 1, f'engine_x{{l="{HOSTILE}"}}': 3.0}
    engine.append(0.0, [row, row | {"mono": 5020.0}])
    engine.close()
    logs = root / "a" / "r01" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "1.log").write_text("y" * 1_000_000 + f"\n{HOSTILE}\n")
    (root / "report.html").write_text(
        f"{HOSTILE}<script>try {{ document.cookie }} catch {{ document.title = 'apart' }}</script>"
    )
    page = opened.page
    page.goto(serving(root).url)
    wait(page, "document.getElementById('log-0')?.textContent.includes('window.hacked')")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.select_option("#indicator-0", index=1)
    page.wait_for_selector("#more-0 figure.plot", timeout=LIMIT_MS)
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('main script:not([type]), main img, main [onclick]').length") == 0
    assert opened.overflow() == 0
    assert opened.serious_findings() == []
    page.goto(f"{page.url}report.html")
    wait(page, "document.title === 'apart'")  # an origin of its own: it has no cookies


def test_a_directory_that_is_deleted(opened: Opened, serving: Callable[[Path], Served], tmp_path: Path) -> None:
    root = write_campaign(tmp_path / "c" / "20260921T143320Z", Made(FOUR)).layout.root
    page = opened.page
    page.goto(serving(root).url)
    page.wait_for_selector("#runs table", timeout=LIMIT_MS)
    shutil.rmtree(root)
    page.wait_for_selector("#banner .bad", timeout=LIMIT_MS)
    assert str(root) in page.inner_text("#banner")
    assert page.locator("#runs table").count() == 1
    assert opened.serious_findings() == []
    assert not os.path.exists(root)
