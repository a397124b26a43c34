"""The answer that a request must have, where it is known beforehand: verified token by token as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aging.core.endpoint import Endpoint
from aging.deployments.reference_server.completions import Asked, BadRequestError, parse
from aging.load.requests.bodies import protocol
from aging.load.schedule.planned_request import PlannedRequest


def expectation(endpoint: Endpoint, request: PlannedRequest, content: bytes) -> Expectation | None:
    """What must be answered to ``content``; None where it is not known, or a refusal is intended."""
    if endpoint.answers == "unknown" or request.fault in ("probe", "oversized", "malformed", "not-found"):
        return None
    try:
        return Expectation(parse(content, chat=protocol(endpoint, request) == "chat"))
    except BadRequestError:  # the server refuses it as well
        return None


class Expectation:
    """The tokens that are due, choice by choice. The methods return what is wrong, None while all is right."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._got = [0] * asked.choices

    def take(self, choice: Mapping[str, Any], text: str) -> str | None:
        """Take the next token of a streamed choice."""
        place, asked, got = choice.get("index", 0), self._asked, self._got
        if type(place) is not int or not 0 <= place < len(got):
            return f"choice {place!r} of {len(got)}"
        index = got[place]
        if index == asked.output_tokens:
            return f"token {index} {text!r} after the last one"
        if text != asked.token(index):
            return f"token {index} is {text!r} and must be {asked.token(index)!r}"
        got[place] = index + 1
        return None

    def end(self) -> str | None:
        """Whether all tokens of a stream have come."""
        short = min(self._got)
        return None if short == self._asked.output_tokens else f"{short} of {self._asked.output_tokens} tokens"

    def whole(self, texts: list[str]) -> str | None:
        """Verify the texts of an answer that came whole."""
        if len(texts) != self._asked.choices:
            return f"{len(texts)} of {self._asked.choices} choices"
        due = "".join(self._asked.token(index) for index in range(self._asked.output_tokens))
        wrong = next((text for text in texts if text != due), None)
        if wrong is None:
            return None
        same = next((at for at, (one, other) in enumerate(zip(wrong, due, strict=False)) if one != other), None)
        at = min(len(wrong), len(due)) if same is None else same
        return f"from character {at} on it is {wrong[at : at + 20]!r} and must be {due[at : at + 20]!r}"
