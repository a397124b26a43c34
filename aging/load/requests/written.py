"""Plain HTTP requests, written out in the campaign file: read once, filled in for every request of the schedule."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256, shake_128
from pathlib import Path

from aging.campaign.schema import RequestTable
from aging.core.errors import CampaignError, Mistake, MistakeCode

BODY_LIMIT_BYTES = 64 * 2**20
"""Most bytes of a body."""

_CONTENT_TYPE = "Content-Type"
_NUMBER, _RANDOM = "{number}", "{random}"
_RANDOM_BYTES = 8
_SUCCESS = range(200, 300)


class UnreadableBodyError(Exception):
    """A body file that cannot be read; the message names it."""


@dataclass(frozen=True)
class WrittenRequest:
    """A plain request as the campaign file has it, with its body; ``expect`` are the statuses of a right answer."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    expect: Collection[int]
    weight: float = 1.0

    def filled(self, number: int, name: str) -> tuple[str, dict[str, str], bytes]:
        """Path, headers and body of request ``number``; its random digits follow from ``name``.

        Requests outside of the schedule have numbers below 0, and are filled in without the sign.
        """
        if not self._has_placeholders:
            return self.path, dict(self.headers), self.body
        digits, chance = str(abs(number)), shake_128(f"{name}/{number}".encode()).hexdigest(_RANDOM_BYTES)

        def fill(text: str) -> str:
            return text.replace(_NUMBER, digits).replace(_RANDOM, chance)

        body = self.body.replace(_NUMBER.encode(), digits.encode()).replace(_RANDOM.encode(), chance.encode())
        return fill(self.path), {key: fill(value) for key, value in self.headers}, body

    def line(self) -> str:
        """The request as the schedule hash sees it."""
        head = [self.method, self.path, *map(list, self.headers), sorted(self.expect), self.weight]
        return json.dumps([*head, sha256(self.body).hexdigest()]) + "\n"

    @cached_property
    def _has_placeholders(self) -> bool:
        texts = (self.path, *(value for _, value in self.headers))
        return any(mark in text or mark.encode() in self.body for mark in (_NUMBER, _RANDOM) for text in texts)


def written_request(table: RequestTable) -> WrittenRequest:
    """The request of a table, its body read from the file. Raises CampaignError if that cannot be read."""
    try:
        body = body_of(table)
    except UnreadableBodyError as error:
        mistake = Mistake("load.request.body_file", str(error), MistakeCode.UNREADABLE_FILE)
        raise CampaignError("load", [mistake]) from None
    headers = dict(table.headers)
    if body and _CONTENT_TYPE.lower() not in map(str.lower, headers):
        headers[_CONTENT_TYPE] = _content_type(body)
    expect = table.expect or _SUCCESS
    return WrittenRequest(table.method, table.path, tuple(headers.items()), body, expect, table.weight)


def body_of(table: RequestTable) -> bytes:
    """The body of a table's request; empty without. Raises UnreadableBodyError."""
    if table.body_file is None:
        return (table.body or "").encode()
    path = Path(table.body_file)
    try:
        with path.open("rb") as file:
            body = file.read(BODY_LIMIT_BYTES + 1)
    except OSError as error:
        raise UnreadableBodyError(f"{table.body_file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UnreadableBodyError(f"{table.body_file!r} is not the name of a file") from None
    if len(body) > BODY_LIMIT_BYTES:
        raise UnreadableBodyError(f"{table.body_file} is larger than {BODY_LIMIT_BYTES // 2**20} MiB")
    return body


def _content_type(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    try:
        json.loads(text.replace(_NUMBER, "0").replace(_RANDOM, "0"))
    except (ValueError, RecursionError):
        return "text/plain; charset=utf-8"
    return "application/json"
