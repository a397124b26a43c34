"""The live page of one campaign: follows its directory, answers browsers and scrapers, reads and never writes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from aging.core.errors import ResultsError
from aging.core.openmetrics import CONTENT_TYPE, Own
from aging.core.tasks import cancel_all
from aging.core.web import PLAIN, Address, EventStream, ListenError, Request, Response, Web, server_sent_event
from aging.report.charts.encoding import encoded
from aging.report.progress import Snapshot
from aging.serve import page
from aging.serve.access import SECURITY_HEADERS, Access
from aging.serve.campaign import Followed
from aging.serve.charts import indicator_chart
from aging.serve.live_parts import LiveParts
from aging.serve.metrics import Exported
from aging.serve.parts import Parts
from aging.serve.verdicts import Verdicts
from aging.store.layout import Layout

_WATCHED_SECONDS = 2.0
_UNWATCHED_SECONDS = 10.0
"""Between two reads of the files, with a page open and without."""

_SCRAPED_SECONDS = 1.0
_BEAT_SECONDS = 5.0
_MOST_STREAMS = 8
_MOST_CLIENTS = 24
_MOST_REPORT_BYTES = 64 * 2**20
_ORPHANED_SECONDS = 30.0

_JAVASCRIPT = "text/javascript; charset=utf-8"
_CSS = "text/css; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"
_ASSETS: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "/report.css": (_CSS, "aging.report.html", ("report.css",)),
    "/charts.css": (_CSS, "aging.report.html", ("static/uPlot.min.css", "charts.css")),
    "/live.css": (_CSS, "aging.serve", ("static/live.css",)),
    "/uplot.js": (_JAVASCRIPT, "aging.report.html", ("static/uPlot.iife.min.js",)),
    "/charts.js": (_JAVASCRIPT, "aging.report.html", ("charts.js",)),
    "/live.js": (_JAVASCRIPT, "aging.serve", ("static/live.js",)),
}

_REPORT_POLICY = "sandbox allow-scripts allow-downloads; frame-ancestors 'none'"
"""The report has a policy of its own beside; what is in it may not read the answers of this server."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served where, to whom. ``until_end``: end when no process owns the campaign any more."""

    layout: Layout
    address: Address
    token: str | None = None
    until_end: bool = False
    version: str = ""


class LiveServer:
    """Serves one directory until SIGINT or SIGTERM. Raises ResultsError where there is no campaign in it."""

    def __init__(self, serving: Serving, say: Callable[[str], None]) -> None:
        self._serving, self._say = serving, say
        self._assets = {path: _asset(*of) for path, of in _ASSETS.items()}
        self._access = Access(serving.token, serving.address.port)
        self._changed = asyncio.Condition()
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._streams = 0
        self._read = 0.0
        self._damage = ""
        self._owned = False
        self._bye = ""
        self._open(Followed(serving.layout))
        self.web = Web(self._answer, _MOST_CLIENTS)

    async def run(self) -> None:
        """Raises ListenError."""
        serving = self._serving
        try:
            await self.web.start(serving.address)
        except ListenError:
            self._followed.close()
            raise
        address = replace(serving.address, port=self.web.port or serving.address.port)
        self._access = Access(serving.token, address.port)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        self._say(f"live page: http://{address}/" + ("" if serving.token is None else " (with the token)"))
        tasks = [asyncio.create_task(one) for one in (self._stop.wait(), self._follow(), self._look())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await cancel_all(tasks)
            await self._finish()
        finally:
            await cancel_all(tasks)
            await self.web.close()
            self._followed.close()

    def stop(self) -> None:
        """Send the last state to the pages that are open, and end."""
        self._stop.set()

    def _open(self, followed: Followed) -> None:
        self._followed = followed
        self._verdicts = Verdicts(self._serving.layout)
        self._live = LiveParts(followed, self._verdicts, self._serving.version)
        self._parts = Parts()
        self._snapshot: Snapshot | None = None
        self._serves = _fingerprint(followed, self._assets)

    # --- following

    async def _follow(self) -> None:
        orphaned: float | None = None
        while True:
            self._turn()
            await self._notify()
            orphaned = self._orphaned_since(orphaned)
            if orphaned is not None and time.monotonic() - orphaned > _ORPHANED_SECONDS:
                return
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WATCHED_SECONDS if self._streams else _UNWATCHED_SECONDS):
                    await self._wake.wait()

    async def _look(self) -> None:
        """Read sealed hours, then judge when it is due; one process at a time."""
        while True:
            if await self._followed.read_history():
                self._live.draw_anew()
                self._wake.set()
                continue
            if self._snapshot is not None and await self._verdicts.look(self._snapshot):
                self._wake.set()
            await asyncio.sleep(1.0)

    async def _finish(self) -> None:
        """Send the last state to every page that is open, and why nothing follows."""
        self._turn()
        ended = self._snapshot is not None and self._snapshot.state.ended is not None
        what = "The campaign has ended, and this page with it" if ended else "This page was stopped"
        self._bye = f"{what}. To open it again: aging serve {self._serving.layout.root}"
        await self._notify()
        for _ in range(20):
            if not self._streams:
                break
            await asyncio.sleep(0.05)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _turn(self) -> None:
        """Read what is new; with a page open, make the parts that have changed."""
        self._read = time.monotonic()
        try:
            self._followed.read()
            self._damage = ""
        except OSError as error:
            self._damage = f"{error.filename or self._serving.layout.root} cannot be read: {error.strerror}"
        if self._followed.gone:
            self._reopen()
        self._snapshot = self._followed.snapshot()
        if self._streams:
            self._parts.turn += 1
            self._live.make(self._parts, self._snapshot, self._damage)

    def _reopen(self) -> None:
        """Follow another campaign that lies in the place of the one that is gone."""
        try:
            other = Followed(self._serving.layout)
        except (ResultsError, OSError):
            return
        self._followed.close()
        self._open(other)
        other.read()

    def _orphaned_since(self, before: float | None) -> float | None:
        """Since when no process owns the campaign, where this server is to end with it."""
        alive = self._snapshot is not None and self._snapshot.runner_alive
        self._owned = self._owned or alive
        if alive or not (self._owned and self._serving.until_end):
            return None
        return time.monotonic() if before is None else before

    # --- answers

    def _answer(self, request: Request) -> Response | EventStream:
        refused = self._access.refusal(request)
        if refused is not None:
            return refused
        if (asset := self._assets.get(request.path)) is not None:
            return asset
        pages: Mapping[str, Callable[[], Response | EventStream]] = {
            "/": self._page,
            "/events": self._events,
            "/figure": lambda: self._figure(request.query),
            "/report.html": self._report,
            "/metrics": self._metrics,
            "/healthz": self._health,
        }
        answer = pages.get(request.path)
        if answer is None:
            return _response(404, f"there are {', '.join(pages)}\n")
        return answer()

    def _page(self) -> Response:
        return _response(200, page.whole_page(self._followed.about, self._serves), _HTML)

    def _report(self) -> Response:
        report = self._serving.layout.report
        try:
            with open(os.open(report, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                content = file.read(_MOST_REPORT_BYTES)
        except OSError:
            text = "There is no report yet: it is written when the campaign has ended, or by aging analyze."
            return _response(404, page.message_page("No report", text), _HTML)
        headers = {**SECURITY_HEADERS, "Content-Security-Policy": _REPORT_POLICY}
        return Response(200, _HTML, content, headers)

    def _figure(self, query: Mapping[str, str]) -> Response:
        """A chart of any indicator of a run, by the run's number on the page: its element, or its data alone."""
        runs = list(self._followed.runs.items())
        number = query.get("run", "")
        if not (number.isascii() and number.isdigit() and len(number) < 6 and int(number) < len(runs)):
            return _response(404, "no such run\n")
        key, run = runs[int(number)]
        chart = indicator_chart(key, run, self._followed.journal.marks(key), query.get("indicator", ""))
        if chart is None:
            return _response(404, "no such indicator\n")
        if query.get("form") == "data":
            return _response(200, encoded(chart), _JSON)
        return _response(200, f'<div class="plots">{page.figure(chart)}</div>', _HTML)

    def _metrics(self) -> Response:
        if time.monotonic() - self._read > _SCRAPED_SECONDS:
            self._turn()
        if self._snapshot is None:
            return _response(503, "nothing has been read yet\n")
        followed = self._followed
        exported = Exported(
            about=followed.about,
            snapshot=self._snapshot,
            series={key: run.series for key, run in followed.runs.items()},
            deaths=followed.journal.deaths,
            verdict=self._verdicts.last,
            own=Own.now(),
            clients=self.web.clients,
            gone=followed.gone,
        )
        return _response(200, exported.openmetrics(), CONTENT_TYPE)

    def _health(self) -> Response:
        if self._followed.gone:
            return _response(503, "the directory is gone\n")
        return _response(503, f"{self._damage}\n") if self._damage else _response(200, "ok\n")

    def _events(self) -> Response | EventStream:
        if self._streams >= _MOST_STREAMS:
            return _response(503, f"{_MOST_STREAMS} pages are open already\n")
        return EventStream(self._news(), SECURITY_HEADERS)

    async def _news(self) -> AsyncIterator[bytes]:
        """What is to be seen now, then what changes."""
        self._streams += 1
        try:
            yield b"retry: 1500\n" + server_sent_event("hello", self._serves)
            self._wake.set()  # it is not made while no page is open
            parts, seen = self._parts, -1
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_BEAT_SECONDS), self._changed:
                        await self._changed.wait()
                if parts is not self._parts:
                    yield server_sent_event("hello", self._serves)
                    parts, seen = self._parts, -1
                news = parts.since(seen)
                seen = parts.turn
                yield server_sent_event("beat", "") if news is None else news
                if self._bye:
                    yield server_sent_event("bye", self._bye)
                    return
        finally:
            self._streams -= 1


def _response(status: int, text: str, kind: str = PLAIN) -> Response:
    return Response.of(status, text, kind, SECURITY_HEADERS)


def _asset(kind: str, package: str, names: Sequence[str]) -> Response:
    text = "\n".join(resources.files(package).joinpath(name).read_text("utf-8") for name in names)
    return _response(200, text, kind)


def _fingerprint(followed: Followed, assets: Mapping[str, Response]) -> str:
    """Of the campaign and of the page's files: another one means that a page that is open is to be loaded again."""
    made = hashlib.sha256()
    status = os.stat(followed.layout.journal)
    made.update(f"{followed.layout.root} {status.st_dev} {status.st_ino} {followed.about}".encode(errors="replace"))
    for one in assets.values():
        made.update(one.body)
    return made.hexdigest()[:16]
