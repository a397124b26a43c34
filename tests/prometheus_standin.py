"""A stand-in for a Prometheus server: the parts of its HTTP API that `aging` uses, as its documentation has them.

It evaluates plain selectors, ``rate`` of them (summed or divided) and ``count_over_time``, refuses more than 11,000
points a series, and fails, limits or asks for a user as it is told to. Errors have the server's own words.
"""

from __future__ import annotations

import base64
import json
import math
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

Value = Callable[[float], float | None]
"""The value at an epoch second; None where there is no sample."""

Labels = dict[str, str]

TLS = Path(__file__).parent / "tables" / "tls"
"""A certificate of 127.0.0.1 that signs itself, with its key: for these tests alone."""

_MOST_POINTS = 11_000
_MATCHER = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_SELECTOR = re.compile(r'\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?\s*')
_RATE = re.compile(r"rate\((.*)\[(\d+)s\]\)")
_WITHOUT = re.compile(r"sum without \(([^)]*)\) \((.*)\)")
_COUNT = re.compile(r"max\(count_over_time\((.*)\[(\d+)m\]\)\)")


@dataclass
class StandIn:
    """What the server holds and how it behaves. ``asked`` are the paths and queries that it got."""

    series: Sequence[tuple[Labels, Value]] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    every: float = 15.0
    failing: str = ""
    """Queries that match this regular expression fail with ``failure``."""
    failure: tuple[int, str, str] = (422, "execution", "something broke")
    most_samples: int = 50_000_000
    user: str = ""
    token: str = ""
    header: tuple[str, str] | None = None
    busy: int = 0
    """So many requests are answered with 503 before it answers."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def queries(self, path: str = "query_range") -> list[str]:
        return [query for where, query in self.asked if where == path]


class QueryError(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


@contextmanager
def serving(standin: StandIn, *, tls: bool = False, client_certificate: bool = False) -> Iterator[StandIn]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, standin)) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
            if client_certificate:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(TLS / "certificate.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        standin.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        try:
            yield standin
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, standin: StandIn, *arguments: Any) -> None:
        self.standin = standin
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._answer(parse_qs(urlparse(self.path).query))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._answer(parse_qs(body))

    def _answer(self, asked: dict[str, list[str]]) -> None:
        path = urlparse(self.path).path
        one = self.standin
        expected = one.user and "Basic " + base64.b64encode(one.user.encode()).decode()
        expected = expected or (one.token and f"Bearer {one.token}")
        if expected and self.headers.get("Authorization") != expected:
            return self._send(401, b"Unauthorized\n")
        if one.header is not None and self.headers.get(one.header[0]) != one.header[1]:
            return self._send(401, b"no org id\n")
        if one.busy > 0:
            one.busy -= 1
            return self._send(503, b"Service Unavailable\n")
        if not path.startswith("/api/v1/"):
            return self._send(404, b"404 page not found\n")
        try:
            data = _evaluated(one, path.removeprefix("/api/v1/"), asked)
            status, body = 200, {"status": "success", "data": data}
        except QueryError as error:
            status, body = error.status, {"status": "error", "errorType": error.kind, "error": str(error)}
        return self._send(status, json.dumps(body).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _evaluated(one: StandIn, path: str, asked: dict[str, list[str]]) -> Any:
    query = (asked.get("query") or asked.get("match[]") or [""])[0]
    one.asked.append((path, query))
    if one.failing and re.search(one.failing, query) and path.startswith("query"):
        raise QueryError(*one.failure)
    if path == "metadata":
        names = asked.get("metric") or list(one.types)
        return {name: [{"type": one.types[name], "help": "", "unit": ""}] for name in names if name in one.types}
    if path == "query":
        at = float(asked["time"][0])
        values = ((labels, value(at)) for labels, value in _of(one, query))
        found = [{"metric": labels, "value": [at, _text(value)]} for labels, value in values if value is not None]
        return {"resultType": "vector", "result": found}
    start, end = float(asked["start"][0]), float(asked["end"][0])
    if path == "query_range":
        return {"resultType": "matrix", "result": _range(one, query, start, end, float(asked["step"][0]))}
    selectors = asked.get("match[]") or ["{}"]
    there = [labels for text in selectors for labels, value in _selected(one, text) if _any(value, start, end)]
    if path == "series":
        return there
    if path == "label/__name__/values":
        return sorted({labels["__name__"] for labels in there})
    raise QueryError(404, "not_found", path)


def _range(one: StandIn, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
    points = math.floor((end - start) / step) + 1
    if points > _MOST_POINTS:
        raise QueryError(
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution",
        )
    found = _of(one, query)
    if len(found) * points > one.most_samples:
        raise QueryError(
            422, "execution", "query processing would load too many samples into memory in query execution"
        )
    times = [start + k * step for k in range(points)]
    every = [(labels, [(at, value(at)) for at in times]) for labels, value in found]
    return [
        {"metric": labels, "values": [[at, _text(value)] for at, value in values if value is not None]}
        for labels, values in every
        if any(value is not None for _, value in values)
    ]


def _of(one: StandIn, query: str) -> list[tuple[Labels, Value]]:
    """The series of an expression."""
    parts = query.split(" / ")
    if len(parts) == 2:
        below = {tuple(sorted(labels.items())): value for labels, value in _of(one, parts[1])}
        return [
            (labels, partial(_ratio, value, below[tuple(sorted(labels.items()))]))
            for labels, value in _of(one, parts[0])
            if tuple(sorted(labels.items())) in below
        ]
    if (summed := _WITHOUT.fullmatch(query)) is not None:
        groups: dict[tuple[tuple[str, str], ...], list[Value]] = {}
        for labels, value in _of(one, summed[2]):
            kept = {name: text for name, text in labels.items() if name not in summed[1].split(", ")}
            groups.setdefault(tuple(sorted(kept.items())), []).append(value)
        return [(dict(key), partial(_sum, values)) for key, values in groups.items()]
    if (rate := _RATE.fullmatch(query)) is not None:
        return [
            ({name: text for name, text in labels.items() if name != "__name__"}, partial(_rate, value, float(rate[2])))
            for labels, value in _selected(one, rate[1])
        ]
    if (count := _COUNT.fullmatch(query)) is not None:
        number = 60 * float(count[2]) / one.every
        return [({}, lambda _at: number)] if _selected(one, count[1]) else []
    return _selected(one, query)


def _selected(one: StandIn, text: str) -> list[tuple[Labels, Value]]:
    found = _SELECTOR.fullmatch(text)
    if found is None or not text.strip():
        raise QueryError(400, "bad_data", f'invalid parameter "query": 1:1: parse error: unexpected {text!r}')
    name, matchers = found[1], _MATCHER.findall(found[2] or "")
    return [
        (labels, value)
        for labels, value in one.series
        if (not name or labels["__name__"] == name) and all(_matches(labels, *one_) for one_ in matchers)
    ]


def _matches(labels: Labels, name: str, how: str, text: str) -> bool:
    text, value = text.replace("\\\\", "\\").replace('\\"', '"'), labels.get(name, "")
    equal = re.fullmatch(text, value) is not None if "~" in how else value == text
    return equal != how.startswith("!")


def _any(value: Value, start: float, end: float) -> bool:
    return any(value(start + k * (end - start) / 200) is not None for k in range(201))


def _ratio(above: Value, below: Value, at: float) -> float | None:
    over, under = above(at), below(at)
    return None if over is None or under is None else over / under if under else math.nan


def _rate(value: Value, seconds: float, at: float) -> float | None:
    now, before = value(at), value(at - seconds)
    return None if now is None or before is None else (now - before) / seconds


def _sum(values: Sequence[Value], at: float) -> float | None:
    found = [value(at) for value in values]
    known = [one for one in found if one is not None]
    return sum(known) if known else None


def _text(value: float) -> str:
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN" if math.isnan(value) else repr(value))
