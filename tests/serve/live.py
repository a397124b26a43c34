"""A live page of a directory, in this process, behind a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.core.openmetrics import Own
from aging.core.web import Address
from aging.report.preliminary import judge
from aging.report.verdict_so_far import VerdictSoFar
from aging.serve.campaign import Followed
from aging.serve.metrics import Exported
from aging.serve.server import LiveServer, Serving
from aging.store.layout import Layout

_LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def exported(followed: Followed, verdict: VerdictSoFar | None = None) -> str:
    """What is exported of a campaign."""
    series = {key: run.series for key, run in followed.runs.items()}
    snapshot, deaths = followed.snapshot(), followed.journal.deaths
    return Exported(followed.about, snapshot, series, deaths, verdict, Own.now(), 1, gone=False).openmetrics()


def exported_with_verdict(root: Path) -> str:
    """The same of a directory, with the verdict on it."""
    followed = Followed(Layout(root))
    followed.read()
    found = exported(followed, VerdictSoFar.of_json(json.loads(json.dumps(judge({"root": str(root)})))))
    followed.close()
    return found


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what it waits for says nothing
        await asyncio.sleep(0.01)


class Page:
    """A client of one live server."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.html: dict[str, str] = {}
        self.figures: dict[str, Any] = {}
        self.said: list[tuple[str, str]] = []

    @property
    def port(self) -> int:
        assert self.server.web.port is not None
        return self.server.web.port

    async def get(self, path: str, **headers: str) -> Answer:
        reader, writer = await self._ask(path, headers)
        whole = await reader.read()
        writer.close()
        head, _, body = whole.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        named = dict(field.split(": ", 1) for field in fields)
        return Answer(int(first.split()[1]), {name.lower(): value for name, value in named.items()}, body)

    async def follow(self, until: Callable[[], object]) -> None:
        """Take the events as the page's script does, until something holds of them."""
        async with asyncio.timeout(_LIMIT_SECONDS):
            reader, writer = await self._ask("/events", {})
            try:
                await reader.readuntil(b"\r\n\r\n")
                while not until():
                    self._take((await reader.readuntil(b"\n\n")).decode())
            finally:
                writer.close()

    def _take(self, event: str) -> None:
        fields = [line.partition(": ") for line in event.rstrip("\n").split("\n")]
        kind = next((value for name, _, value in fields if name == "event"), "")
        data = "\n".join(value for name, _, value in fields if name == "data")
        self.said.append((kind, data))
        if kind == "update":
            news = json.loads(data)
            self.html |= news["html"]
            self.figures |= news["figures"]

    async def _ask(self, path: str, headers: Mapping[str, str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        sent = {"Host": f"127.0.0.1:{self.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        return reader, writer


@contextlib.asynccontextmanager
async def served(root: Path, token: str | None = None, *, until_end: bool = False) -> AsyncIterator[Page]:
    said: asyncio.Event = asyncio.Event()
    serving = Serving(Layout(root), Address("127.0.0.1", 0), token, until_end, "1.2.3")
    server = LiveServer(serving, lambda _line: said.set())
    running = asyncio.create_task(server.run())
    await asyncio.wait({running, asyncio.create_task(said.wait())}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield Page(server)
    finally:
        server.stop()
        await running
