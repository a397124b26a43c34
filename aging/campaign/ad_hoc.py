"""The campaign of a gate without a file: a command line, the requests that its server gets, and settings for CI."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import tomlkit
from tomlkit.items import AoT, Table

from aging.campaign.errors import validate_table
from aging.campaign.load import CampaignText
from aging.campaign.schema import RequestTable
from aging.core.errors import Mistake, MistakeCode, MistakesError
from aging.core.quantities import parse_duration

DURATION = "10m"
RATE = 100.0
READY_TIMEOUT = "60s"

_CONCURRENCY = 8
"""Requests at a time: a server that takes 80 ms follows the default rate, and one that takes 1 s is not flooded."""

_SEED = 1
_PORT = "{port}"
_MOST_RATE = 100_000
_SHELL = frozenset(("&&", "||", "|", "&", ";", ">", ">>", "<", "2>", "2>&1"))
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_STARTS_ANOTHER = re.compile(
    r"(python|pypy|node|ruby|perl|java)[\d.]*|(ba|da|z)?sh|env|exec|nice|stdbuf|timeout|uv|uvx|npx|npm|poetry|pipenv|run|"
    r"[\d.]+[smhd]?|\w+=.*"
)
"""Words of a command line before the program that it is about."""


@dataclass(frozen=True, slots=True)
class AdHocRequest:
    """One kind of request, as a table of ``[[load.request]]`` has it."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    body_file: str | None = None
    expect: Sequence[int] = ()
    weight: float = 1.0

    def table(self) -> dict[str, Any]:
        """Its keys that differ from their defaults."""
        keys: dict[str, Any] = {"method": self.method, "path": self.path}
        if self.headers:
            keys["headers"] = dict(self.headers)
        keys |= {key: text for key in ("body", "body_file") if (text := getattr(self, key)) is not None}
        if self.expect:
            keys["expect"] = list(self.expect)
        return keys if self.weight == 1 else keys | {"weight": self.weight}


@dataclass(frozen=True, slots=True)
class AdHoc:
    """What is asked: the servers, and what each of them gets.

    A command is a command line, or its words; ``{port}`` in it is a free port, otherwise ``port`` is where its server
    listens. A request is a :class:`AdHocRequest`, or text that :func:`parse_request` reads. ``rate`` is the most
    requests per second, ``headers`` are added to every request, ``env`` to the environment of the servers. Durations
    are text with a unit.
    """

    commands: Sequence[str | Sequence[str]]
    requests: Sequence[str | AdHocRequest]
    rate: float = RATE
    headers: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    ready_timeout: str = READY_TIMEOUT
    duration: str = DURATION


def ad_hoc_campaign(asked: AdHoc) -> CampaignText:
    """The text of the campaign. Raises MistakesError with everything that is wrong, by options of the command line."""
    mistakes: list[Mistake] = []
    commands = [_words(command, mistakes) for command in asked.commands]
    requests = [_request(request, asked.headers, mistakes) for request in asked.requests]
    mistakes.extend(_mistakes(asked, commands))
    if mistakes:
        raise MistakesError("aging check --command", list(dict.fromkeys(mistakes)))
    text = _text(asked, commands, [request for request in requests if request is not None])
    return CampaignText(text, "the campaign of aging check --command")


def parse_request(text: str) -> AdHocRequest:
    """A request as an option has it: ``METHOD:PATH[@BODYFILE][=STATUS[,STATUS]]``, like ``GET:/items/{number}=404``.

    A space before ``=`` separates the statuses from a path with a query: ``GET:/items?limit=100 =404``. An ``@`` of a
    path is written ``%40``. Raises ValueError.
    """
    head, _, statuses = text.strip().rpartition(" =") if " =" in text else (text.strip(), "", "")
    method, colon, target = head.partition(":")
    if not colon:
        raise ValueError("must be METHOD:PATH, like GET:/health, POST:/v1/x@body.json or GET:/items/{number}=404")
    path, _, file = target.partition("@")
    last = file or path
    if not statuses and "?" not in last and (found := re.fullmatch(r"(.*)=(\d{3}(?:,\d{3})*)", last)):
        last, statuses = found[1], found[2]
    if file:
        file = last
    else:
        path = last
    if "@" in target and not file:
        raise ValueError("names no body file after @; give one, like POST:/v1/x@body.json, or write %40 in the path")
    if statuses and not re.fullmatch(r"\d{3}(,\d{3})*", statuses):
        raise ValueError(f"{statuses!r} is no list of statuses; write them like =404 or =200,404")
    expect = [int(status) for status in statuses.split(",")] if statuses else ()
    return AdHocRequest(path, method.upper(), body_file=file or None, expect=expect)


def _request(given: str | AdHocRequest, headers: Mapping[str, str], mistakes: list[Mistake]) -> AdHocRequest | None:
    where = f"--request {given if isinstance(given, str) else f'{given.method}:{given.path}'!r}"
    try:
        request = parse_request(given) if isinstance(given, str) else given
    except ValueError as error:
        mistakes.append(Mistake(where, str(error)))
        return None
    wrong: list[Mistake] = []
    validate_table(RequestTable, request.table(), "", wrong)
    mistakes.extend(Mistake(where, f"{one.where}: {one.what}", one.code) for one in wrong)
    request = replace(request, headers={**headers, **request.headers})
    return None if wrong else request


def _words(command: str | Sequence[str], mistakes: list[Mistake]) -> Sequence[str]:
    if not isinstance(command, str):
        return command
    where = f"--command {command!r}"
    try:
        words = shlex.split(command)
    except ValueError as error:
        mistakes.append(Mistake(where, f"is no command line: {str(error).lower()}"))
        return ()
    if shell := [word for word in words if word in _SHELL]:
        what = f"{shell[0]} is of a shell, and no shell is started; write \"sh -c '…'\""
        mistakes.append(Mistake(where, what))
    if words and _ASSIGNMENT.match(words[0]):
        mistakes.append(Mistake(where, f"begins with a variable; give it as --env {words[0]}"))
    return words


def _mistakes(asked: AdHoc, commands: Sequence[Sequence[str]]) -> Iterator[Mistake]:
    if not commands:
        yield Mistake("--command", "is missing; give the command line of a server", MistakeCode.MISSING_KEY)
    if not asked.requests:
        what = "is missing; say what is sent to the server, like --request GET:/"
        yield Mistake("--request", what, MistakeCode.MISSING_KEY)
    for given, words in zip(asked.commands, commands, strict=True):
        where = f"--command {given if isinstance(given, str) else shlex.join(given)!r}"
        if not any(words) and (not isinstance(given, str) or not given.strip()):
            yield Mistake(where, "is empty; give the command line of a server")
        elif words and asked.port is None and not any(_PORT in word for word in words):
            what = f"has no {_PORT}; write {_PORT} where the port belongs, or give --port with the one it listens on"
            yield Mistake(where, what)
    if asked.port is not None and len(commands) > 1:
        what = f"is given for {len(commands)} servers, which cannot listen on one port; write {_PORT} in each --command"
        yield Mistake("--port", what, MistakeCode.CONFLICT)
    if asked.port is not None and not 1024 <= asked.port <= 65535:
        yield Mistake("--port", f"must be 1024 to 65535, got {asked.port}", MistakeCode.OUT_OF_RANGE)
    if not (math.isfinite(asked.rate) and 0 < asked.rate <= _MOST_RATE):
        what = f"must be above 0 and at most {_MOST_RATE:,} requests per second, got {asked.rate:g}"
        yield Mistake("--rate", what, MistakeCode.OUT_OF_RANGE)
    yield from _duration_mistakes("--ready-timeout", asked.ready_timeout)
    yield from _duration_mistakes("--budget", asked.duration)
    wrong: list[Mistake] = []
    validate_table(RequestTable, {"path": "/", "headers": dict(asked.headers)}, "", wrong)
    yield from (Mistake("--header", one.what, one.code) for one in wrong)
    for name, value in asked.env.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or "\0" in value:
            yield Mistake("--env", f"{name!r} is no name of a variable; write it like --env NAME=VALUE")


def _duration_mistakes(option: str, text: str) -> Iterator[Mistake]:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        yield Mistake(option, str(error))
        return
    if seconds <= 0:
        yield Mistake(option, f"must be above 0, got {text!r}", MistakeCode.OUT_OF_RANGE)


def _text(asked: AdHoc, commands: Sequence[Sequence[str]], requests: Sequence[AdHocRequest]) -> str:
    names = _names(commands)
    document = tomlkit.document()
    document.add(tomlkit.comment("Made by aging check --command. Save it and run: aging check FILE --fail …"))
    document["schema"] = 1
    document["name"] = names[0]
    document["seed"] = _SEED
    document["duration"] = asked.duration
    document["warmup"] = "auto"
    document["orphan_grace"] = "0s"
    load = tomlkit.table()
    arrivals = tomlkit.inline_table()
    arrivals.update({"kind": "closed", "concurrency": _CONCURRENCY, "rate": asked.rate})
    load["arrivals"] = arrivals.comment("at most this rate; a server that cannot follow slows it down")
    load["timeout"] = "30s"
    load["drain"] = "5s"
    load["request"] = _tables(request.table() for request in requests)
    document["load"] = load
    document["sampling"] = {"process": "500ms", "footprint": "10s"}
    document["analysis"] = {"grid": "1s"}
    document["deployment"] = _tables(
        {
            "name": name,
            "kind": "command",
            "command": list(words),
            **({} if asked.port is None else {"port": asked.port}),
            "ready_timeout": asked.ready_timeout,
            "stop_timeout": "5s",
            **({"env": dict(asked.env)} if asked.env else {}),
        }
        for name, words in zip(names, commands, strict=True)
    )
    return tomlkit.dumps(document)


def _tables(rows: Iterator[Mapping[str, Any]]) -> AoT:
    tables = tomlkit.aot()
    for row in rows:
        tables.append(_table(row))
    return tables


def _table(row: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    for key, value in row.items():
        if isinstance(value, Mapping):
            inline = tomlkit.inline_table()
            inline.update(value)
            table[key] = inline
        else:
            table[key] = value
    return table


def _names(commands: Sequence[Sequence[str]]) -> list[str]:
    """A short name for each server: its script or program, numbered where two have the same."""
    names = [_name(words) for words in commands]
    several, seen = {name for name, count in Counter(names).items() if count > 1}, Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name}-{seen[name]}" if name in several else name)
    return found


def _name(words: Sequence[str]) -> str:
    programs = [word.rpartition("/")[2] for word in words if not word.startswith("-") and _PORT not in word]
    while len(programs) > 1 and _STARTS_ANOTHER.fullmatch(programs[0]):
        del programs[0]
    name = re.sub(r"\.(py|js|mjs|ts|rb|pl|jar|sh)$", "", (programs or ["server"])[0])
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "server"
