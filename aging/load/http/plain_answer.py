"""The answer to a plain HTTP request: timed, counted, and not kept."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from aging.core import http
from aging.load.http.answer import REFUSAL_BYTES, Reading, redirected
from aging.load.schedule.planned_request import PlannedRequest


class PlainReading(Reading):
    """An answer is right if its status is one of ``expect`` and its body is complete.

    Its first token is the first piece of its body, its last token the last one; without a body both are its head.
    """

    def __init__(self, request: PlannedRequest, expect: Collection[int]) -> None:
        super().__init__()
        self._expect = expect
        self._disconnects, self._aborts = request.fault == "disconnect", request.fault == "abort"
        self._expected = False
        self._first: float | None = None
        self._last = 0.0
        self._refusal = bytearray()

    def begin(self, response: http.Response) -> bool:
        self._last = time.monotonic()
        self.http_status = response.status_code
        self._expected = response.status_code in self._expect
        if self._expected:
            self.left = self._disconnects
        elif response.has_redirect_location:
            self.fail("redirect", redirected(response))
        return not self.left and self.failure is None

    def take(self, piece: bytes, now: float) -> bool:
        if not self._expected:
            self._refusal += piece
            return len(self._refusal) < REFUSAL_BYTES
        if self._first is None:
            self._first = now
        self._last = now
        self.left = self._aborts
        return not self.left

    def end(self) -> None:
        if not self._expected and not self.left:
            self.fail("http", f"HTTP {self.http_status}: {self._refusal.decode(errors='replace')}")

    def measured(self) -> Mapping[str, Any]:
        if not self._expected or self.left:
            return {}
        return {"first_token": self._last if self._first is None else self._first, "last_token": self._last}
