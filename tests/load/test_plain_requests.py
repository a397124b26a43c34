"""Plain HTTP requests: drawn, filled in and sent to a real server, and judged by their status and their end."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from aging.core.endpoint import Endpoint
from aging.core.errors import CampaignError
from aging.core.records import RequestRecord
from aging.load.client import Client
from aging.load.job import Job, load_table
from aging.load.requests.outgoing import outgoing
from aging.load.requests.written import WrittenRequest
from aging.load.schedule.classes import classes_of
from aging.load.schedule.planned_request import ClosedLoop, PlannedRequest
from aging.load.schedule.schedule import closed_loops, merged, schedule_hash, written_of
from tests.load import virtual
from tests.load.clients import LIMITS, SEED

LARGE = bytes(range(256)) * 2**14
OK = range(200, 300)
ENDPOINT = Endpoint("http://127.0.0.1:1", "m")


@dataclass
class Site:
    """A server of answers of every kind, and the requests that it got."""

    url: str = ""
    got: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            served.got.append((self.command, self.path, dict(self.headers.items()), body))
            served.connections.add(self.client_address)
            match self.path.partition("?")[0].split("/")[1]:
                case "items":
                    self.reply(200, b'{"ok": true}')
                case "echo":
                    self.reply(201, body)
                case "empty":
                    self.send_response(204)
                    self.end_headers()
                case "large":
                    self.reply(200, LARGE)
                case "chunked":
                    self.send_response(200)
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"5\r\nfirst\r\n")
                    self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")
                case "close":
                    self.close_connection = True
                    self.reply(200, b"bye", ("Connection", "close"))
                case "moved":
                    self.reply(302, b"", ("Location", "/items/1"))
                case "cut":
                    self.send_response(200)
                    self.send_header("Content-Length", "100")
                    self.end_headers()
                    self.wfile.write(b"short")
                    self.close_connection = True
                case _:
                    self.reply(404, b"there is no such thing")

        def reply(self, status: int, body: bytes, *more: tuple[str, str]) -> None:
            self.send_response(status)
            for name, value in (("Content-Length", str(len(body))), *more):
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that leaves in the middle of an answer."""

    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = Server(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    server.server_close()
    serving.join()


class Pieces(httpx.AsyncBaseTransport):
    """A server in memory: a status, and pieces of body, each so many seconds after the one before."""

    def __init__(self, status: int, *pieces: tuple[float, bytes]) -> None:
        self._status, self._pieces = status, pieces

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(self._status, stream=Body(self._pieces))


class Body(httpx.AsyncByteStream):
    def __init__(self, pieces: Sequence[tuple[float, bytes]]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for seconds, piece in self._pieces:
            await asyncio.sleep(seconds)
            yield piece


def written(path: str, method: str = "GET", expect: Any = OK, body: bytes = b"", **headers: str) -> WrittenRequest:
    return WrittenRequest(method, path, tuple(headers.items()), body, expect)


def planned(count: int, place: int = 0, fault: Any = "", gap: float = 0.02) -> list[PlannedRequest]:
    return [PlannedRequest(k, k * gap, 0, 0, True, fault=fault, written=place) for k in range(count)]


def drive(
    site: Site, requests: list[PlannedRequest], *one: WrittenRequest, reuse: bool = True, seed: int = SEED
) -> list[RequestRecord]:
    records: list[RequestRecord] = []

    async def run() -> None:
        endpoint = Endpoint(site.url, "m", reuse_connections=reuse)
        client = Client(endpoint, LIMITS, seed, time.monotonic() + 0.05, records.append, written=one)
        await client.run(requests)

    asyncio.run(run())
    return sorted(records, key=lambda record: record.index)


def load(requests: list[dict[str, Any]], **more: Any) -> Any:
    return load_table({"arrivals": {"kind": "constant", "rate": 100.0}, "request": requests} | more)


class TestAnswers:
    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (written("/items/1"), 200),
            (written("/items/1", "HEAD"), 200),
            (written("/items/1", "DELETE"), 200),
            (written("/items/1?a=1&b=2", "OPTIONS"), 200),
            (written("/empty"), 204),
            (written("/empty", "PUT", body=b"{}"), 204),
            (written("/missing", expect=[404]), 404),
            (written("/moved", expect=[302]), 302),
            (written("/chunked"), 200),
            (written("/close"), 200),
            (written("/large"), 200),
            (written("/echo", "POST", body=LARGE), 201),
        ],
    )
    def test_expected_status(self, site: Site, request_: WrittenRequest, status: int) -> None:
        records = drive(site, planned(3), request_)
        assert [(record.status, record.http_status, record.failure) for record in records] == [("ok", status, None)] * 3
        for record in records:
            assert record.sent is not None
            assert record.first_token is not None
            assert record.last_token is not None
            assert record.sent < record.first_token <= record.last_token <= record.finished
            assert (record.prompt_tokens, record.output_tokens) == (0, None)
        assert len(site.got) == 3
        assert {method for method, *_ in site.got} == {request_.method}
        assert {body for *_, body in site.got} == {request_.body}

    def test_times_of_first_and_last_byte(self) -> None:
        server = Pieces(200, (0.5, b"first"), (0.25, b"last"))
        (record,) = virtual.drive(server, planned(1), LIMITS, written=[written("/")])
        assert record.sent is not None
        assert record.first_token == pytest.approx(record.sent + 0.5)
        assert record.last_token == pytest.approx(record.sent + 0.75)

    def test_no_answer_in_time(self) -> None:
        (record,) = virtual.drive(Pieces(200, (1000.0, b"")), planned(1), LIMITS, written=[written("/")])
        assert (record.status, record.failure) == ("error", "timeout")
        assert record.finished - record.scheduled == pytest.approx(LIMITS.timeout)

    @pytest.mark.parametrize(
        ("request_", "failure", "said"),
        [
            (written("/missing"), "http", "HTTP 404: there is no such thing"),
            (written("/items/1", expect=[404]), "http", "HTTP 200"),
            (written("/empty", expect=[200]), "http", "HTTP 204"),
            (written("/moved"), "redirect", "/items/1"),
            (written("/cut"), "truncated", "body"),
        ],
    )
    def test_error(self, site: Site, request_: WrittenRequest, failure: str, said: str) -> None:
        (record,) = drive(site, planned(1), request_)
        assert (record.status, record.failure) == ("error", failure)
        assert said in (record.error or "")
        assert len(site.got) == 1, "no redirect is followed, and nothing is sent again"

    def test_no_server(self) -> None:
        (record,) = drive(Site("http://127.0.0.1:9"), planned(1), written("/"))
        assert (record.status, record.failure) == ("error", "connect")

    @pytest.mark.parametrize(
        ("path", "reuse", "connections"), [("/items", True, 1), ("/items", False, 4), ("/close", True, 4)]
    )
    def test_connections(self, site: Site, path: str, reuse: bool, connections: int) -> None:
        records: list[RequestRecord] = []
        endpoint = Endpoint(site.url, "m", reuse_connections=reuse)
        client = Client(endpoint, LIMITS, SEED, time.monotonic(), records.append, written=[written(path)])
        asyncio.run(client.run((), [ClosedLoop(iter(planned(4, gap=0.0)), concurrency=1)]))
        assert [record.status for record in records] == ["ok"] * 4
        assert len(site.connections) == connections

    @pytest.mark.parametrize(
        ("path", "fault", "status"),
        [("/large", "abort", "aborted"), ("/large", "disconnect", "aborted"), ("/x", "probe", "aborted")],
    )
    def test_faults(self, site: Site, path: str, fault: str, status: str) -> None:
        (record,) = drive(site, planned(1, fault=fault), written(path))
        assert (record.status, record.failure) == (status, None)


class TestPlaceholders:
    def test_every_request_has_its_own(self, site: Site) -> None:
        one = written("/items/{number}-{random}", "POST", body=b'{"n": {number}}\xff{random}', Tag="{number}")
        drive(site, planned(3), one)
        assert [headers["Tag"] for _, _, headers, _ in site.got] == ["0", "1", "2"]
        for k, (_, path, _, body) in enumerate(site.got):
            digits = path.removeprefix(f"/items/{k}-")
            assert len(digits) == 16
            assert int(digits, 16) >= 0
            assert body == b'{"n": %d}\xff%b' % (k, digits.encode())
        assert len({path for _, path, *_ in site.got}) == 3

    def test_same_seed_same_requests(self, site: Site) -> None:
        one = written("/items/{random}")
        for seed in (SEED, SEED, SEED + 1):
            drive(site, planned(2), one, seed=seed)
        paths = [path for _, path, *_ in site.got]
        assert paths[:2] == paths[2:4]
        assert not set(paths[:2]) & set(paths[4:])

    def test_requests_outside_the_schedule_have_no_sign(self) -> None:
        sent = outgoing(ENDPOINT, PlannedRequest(-7, 0.0, 0, 0, True, written=0), SEED, [written("/items/{number}")])
        assert sent.path == "/items/7"

    @pytest.mark.parametrize(
        ("path", "sent"),
        [("/a/../b", "/a/../b"), ("/ü?q=é", "/%C3%BC?q=%C3%A9"), ("/a%40b", "/a%40b"), ('/"<>|', "/%22%3C%3E%7C")],
    )
    def test_path_is_sent_as_written(self, site: Site, path: str, sent: str) -> None:
        drive(site, planned(1), written(path))
        assert [path for _, path, *_ in site.got] == [sent]

    def test_path_below_that_of_the_server(self, site: Site) -> None:
        drive(Site(f"{site.url}/items/"), planned(1), written("/x"))
        assert [path for _, path, *_ in site.got] == ["/items/x"]


class TestTables:
    def test_text_and_files(self, tmp_path: Path) -> None:
        file = tmp_path / "body.bin"
        file.write_bytes(b"\x00\xff\r\n")
        table = load(
            [
                {"path": "/a", "method": "POST", "body": '{"id": {number}}'},
                {"path": "/b", "method": "PUT", "body": "plain"},
                {"path": "/c", "method": "POST", "body_file": str(file)},
                {"path": "/d", "method": "POST", "body": "{}", "headers": {"content-type": "x/y"}},
                {"path": "/e", "expect": [404, 410]},
            ]
        )
        (one,) = classes_of(table)
        kinds = [dict(request.headers) for request in one.written]
        assert kinds[0] == {"Content-Type": "application/json"}
        assert kinds[1]["Content-Type"].startswith("text/plain")
        assert kinds[2] == {"Content-Type": "application/octet-stream"}
        assert kinds[3] == {"content-type": "x/y"}
        assert kinds[4] == {}
        assert one.written[2].body == b"\x00\xff\r\n"
        assert list(one.written[4].expect) == [404, 410]

    def test_unreadable_body_is_no_crash(self, tmp_path: Path) -> None:
        with pytest.raises(CampaignError, match="cannot be read"):
            classes_of(load([{"path": "/", "body_file": str(tmp_path / "none")}]))

    def test_job_of_the_load_process(self, tmp_path: Path) -> None:
        (tmp_path / "b").write_bytes(b"\xfe")
        table = load([{"path": "/{number}", "method": "POST", "body_file": str(tmp_path / "b"), "weight": 2.5}])
        job = Job(ENDPOINT, table, None, 3, 10.0, 0.0, tmp_path)
        again = Job.from_json(job.to_json())
        assert again.written() == job.written()
        assert list(again.requests()) == list(job.requests())
        assert str(again.digest()) == str(job.digest())


class TestSchedule:
    def test_weights(self) -> None:
        table = load([{"path": "/a", "weight": 3}, {"path": "/b"}])
        counts = Counter(request.written for request in merged(classes_of(table), 1, 100.0))
        assert sum(counts.values()) == 9999
        assert counts[0] / 9999 == pytest.approx(0.75, abs=0.02)

    def test_class_beside_completions(self) -> None:
        lengths = {"kind": "fixed", "tokens": 4}
        table = load_table(
            {
                "arrivals": {"kind": "constant", "rate": 10.0},
                "class": [
                    {"name": "chat", "prompt_tokens": lengths, "output_tokens": lengths},
                    {"name": "a", "request": [{"path": "/a"}, {"path": "/b"}]},
                    {"name": "c", "request": [{"path": "/c"}]},
                ],
            }
        )
        classes = classes_of(table)
        requests = list(merged(classes, 1, 10.0))
        places = {name: {one.written for one in requests if one.load_class == name} for name in ("chat", "a", "c")}
        assert places == {"chat": {-1}, "a": {0, 1}, "c": {2}}
        assert [one.path for one in written_of(classes)] == ["/a", "/b", "/c"]
        assert not table.plain
        assert load([{"path": "/"}]).plain

    def test_hash_covers_what_is_sent(self, tmp_path: Path) -> None:
        body = tmp_path / "b"
        body.write_bytes(b"1")
        tables = [{"path": "/", "method": "POST", "body_file": str(body)}]

        def hashed() -> str:
            return schedule_hash(classes_of(load(tables)), 1, 10.0)

        before = hashed()
        assert hashed() == before
        body.write_bytes(b"2")
        assert hashed() != before

    def test_recorded_schedule(self) -> None:
        # Recorded once; a change here means that published campaigns would no longer be repeated.
        table = load([{"path": "/a/{random}", "weight": 3}, {"path": "/b", "method": "POST", "body": "x"}])
        lines = "".join(one.line() for one in islice(merged(classes_of(table), 5, 60.0), 1000))
        assert hashlib.sha256(lines.encode()).hexdigest()[:16] == "4d934681215802a4"
        sent = outgoing(ENDPOINT, PlannedRequest(3, 0.0, 0, 0, True, written=0), 5, written_of(classes_of(table)))
        assert sent.path == "/a/05c3822351b04ea7"

    def test_closed_loop_with_a_rate(self) -> None:
        classes = classes_of(load([{"path": "/"}], arrivals={"kind": "closed", "concurrency": 2, "rate": 50.0}))
        (loop,) = closed_loops(classes, 1)
        assert [one.at for one in islice(loop.requests, 3)] == pytest.approx([0.02, 0.04, 0.06])
        (later,) = closed_loops(classes, 1, first=10**6, after=30.0)
        first = next(later.requests)
        assert (first.number, round(first.at, 9)) == (10**6, 30.02)

    @pytest.mark.parametrize(("seconds", "answered"), [(0.001, 49), (0.1, 20)])
    def test_slow_server_slows_the_closed_loop(self, seconds: float, answered: int) -> None:
        classes = classes_of(load([{"path": "/"}], arrivals={"kind": "closed", "concurrency": 2, "rate": 50.0}))
        server = Pieces(200, (seconds, b"x"))
        loops = closed_loops(classes, 1)
        records = virtual.drive(server, (), LIMITS, closed=loops, duration=1.0, written=written_of(classes))
        assert {record.status for record in records} == {"ok"}
        assert len(records) == pytest.approx(answered, abs=2)
