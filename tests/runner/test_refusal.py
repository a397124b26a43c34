"""What a server that is not ready last answered, in words that name what to look at."""

from __future__ import annotations

import pytest

from aging.load.requests.outgoing import Outgoing
from aging.load.requests.send import Answer
from aging.runner.probe import _refusal


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (Answer("error", failure="connect", error="ConnectError: [Errno 111]"), ("127.0.0.1:1", "nothing accepts")),
        (Answer("error", failure="http", error="HTTP 500: x"), ("GET /x was answered with HTTP 500: x", "=STATUS")),
        (Answer("error", failure="timeout", error="no answer"), ("no answer",)),
    ],
)
def test_words(answer: Answer, parts: tuple[str, ...]) -> None:
    text = _refusal(Outgoing("GET", "/x", {}, b"", [200]), answer, "127.0.0.1:1")
    assert text is not None
    assert all(part in text for part in parts)
    assert "Errno" not in text


def test_right_answer() -> None:
    assert _refusal(Outgoing("GET", "/x", {}, b"", [200]), Answer(), "127.0.0.1:1") is None
