"""Server-sent events of OpenAI-style streams and of Triton's generate extension, parsed as they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class StreamedAnswer:
    """What a stream has brought so far. Times are what the caller passes, here monotonic seconds.

    ``ended`` is true only after an end marker (``[DONE]`` or a ``finish_reason``): a
    stream that stops without one was cut short, whatever its HTTP status.
    """

    first_token: float | None = None
    last_token: float | None = None
    chunks: int = 0
    usage_tokens: int | None = None
    ended: bool = False
    error: str | None = None

    @property
    def tokens(self) -> int:
        """Output tokens as the server counted them, else one a chunk."""
        return self.chunks if self.usage_tokens is None else self.usage_tokens

    def feed(self, line: str, now: float) -> None:
        """Take one line of the stream, received at ``now``."""
        if not line.startswith("data:"):
            return
        data = line[5:].strip()
        if data == "[DONE]":
            self.ended = True
            return
        try:
            event = json.loads(data)
        except ValueError:
            self.error = f"a stream event is not JSON: {data[:80]!r}"
            return
        if not isinstance(event, dict):
            self.error = f"a stream event is no object: {data[:80]!r}"
            return
        if event.get("error"):
            self.error = f"the stream carried an error: {event['error']!r}"[:200]
            return
        self.usage_tokens = completion_tokens(event) or self.usage_tokens
        if isinstance(text := event.get("text_output"), str):
            self._feed_generated(event, text, now)
        for choice in choices(event):
            delta = choice.get("delta")
            if choice.get("text") or (isinstance(delta, dict) and delta.get("content")):
                self.first_token = self.first_token or now
                self.last_token = now
                self.chunks += 1
            if choice.get("finish_reason"):
                self.ended = True

    def _feed_generated(self, event: Mapping[str, Any], text: str, now: float) -> None:
        """One response of Triton's: it counts its own tokens, and its vLLM backend writes a missing reason "None"."""
        if text:
            self.first_token = self.first_token or now
            self.last_token = now
            self.chunks += 1
        if (count := generated_tokens(event)) is not None:
            self.usage_tokens = (self.usage_tokens or 0) + count
        if event.get("finish_reason") not in (None, "", "None"):
            self.ended = True


def completion_tokens(answer: Mapping[str, Any]) -> int | None:
    """Output tokens that an answer (or a stream's last event) says it used; None where it does not say."""
    usage = answer.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) else None


def generated_tokens(answer: Mapping[str, Any]) -> int | None:
    """Output tokens that a response of Triton's says it brings; None where it does not say."""
    count = answer.get("num_output_tokens")
    return count if isinstance(count, int) else None


def choices(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The choices of an answer that are such, whatever else the server put there."""
    listed = answer.get("choices")
    return [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
