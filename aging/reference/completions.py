"""The OpenAI completion protocol as pure functions: what a request asks for, and the bytes that answer it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

MODEL = "reference"
MAX_OUTPUT_TOKENS = 32_768
_DEFAULT_OUTPUT_TOKENS = 16  # the completions API's own default

_WORDS = tuple(
    " " + onset + vowel + coda for coda in ("n", "r", "st", "l") for onset in ("b", "d", "k", "m") for vowel in "aeio"
)


class BadRequestError(Exception):
    """A request that cannot be answered, with the sentence that tells the client why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a completion request asks for. One whitespace-separated word is one token."""

    chat: bool
    streaming: bool
    usage_at_end: bool
    prompt_tokens: int
    output_tokens: int


def parse(body: bytes | bytearray, *, chat: bool) -> Asked:
    """Read a request's body; ``chat`` tells which of the two endpoints it came in by."""
    try:
        request = json.loads(body)
    except ValueError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise BadRequestError("the body is nested too deeply") from error
    if not isinstance(request, dict):
        raise BadRequestError("the body is not a JSON object")
    options = request.get("stream_options") or {}
    if not isinstance(options, dict):
        raise BadRequestError("stream_options is not an object")
    return Asked(
        chat=chat,
        streaming=bool(request.get("stream")),
        usage_at_end=bool(options.get("include_usage")),
        prompt_tokens=_chat_words(request) if chat else _prompt_words(request),
        output_tokens=_output_tokens(request),
    )


def _output_tokens(request: dict[str, Any]) -> int:
    asked = request.get("max_completion_tokens", request.get("max_tokens"))
    if asked is None:
        return _DEFAULT_OUTPUT_TOKENS
    if type(asked) is not int or not 1 <= asked <= MAX_OUTPUT_TOKENS:
        raise BadRequestError(f"max_tokens is not a whole number from 1 to {MAX_OUTPUT_TOKENS}")
    return asked


def _prompt_words(request: dict[str, Any]) -> int:
    prompt = request.get("prompt")
    if not isinstance(prompt, str):
        raise BadRequestError("prompt is not a string")
    return len(prompt.split())


def _chat_words(request: dict[str, Any]) -> int:
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages is not a list with something in it")
    return sum(_message_words(message) for message in messages)


def _message_words(message: object) -> int:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return len(content.split())
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else None for part in content]
        if all(isinstance(text, str) for text in texts):
            return sum(len(str(text).split()) for text in texts)
    raise BadRequestError("a message's content is neither a string nor a list of text parts")


def whole_reply(asked: Asked, number: int) -> bytes:
    """The answer to a request that does not stream; ``number`` tells replies apart."""
    text = "".join(_WORDS[index % len(_WORDS)] for index in range(asked.output_tokens))
    content = {"message": {"role": "assistant", "content": text}} if asked.chat else {"text": text}
    return json.dumps(
        {
            "id": f"{_prefix(asked)}-{number}",
            "object": "chat.completion" if asked.chat else "text_completion",
            "created": int(time.time()),
            "model": MODEL,
            "choices": [{"index": 0, **content, "logprobs": None, "finish_reason": "length"}],
            "usage": _usage(asked),
        }
    ).encode()


class Events:
    """The server-sent events of one streamed reply.

    What the events of one reply have in common is made once: a long reply costs
    a concatenation a token, not an encoding.
    """

    def __init__(self, asked: Asked, number: int) -> None:
        self._asked = asked
        kind = "chat.completion.chunk" if asked.chat else "text_completion"
        self._head = (
            f'data: {{"id":"{_prefix(asked)}-{number}","object":"{kind}",'
            f'"created":{int(time.time())},"model":"{MODEL}","choices":['
        )

    def token(self, index: int) -> bytes:
        """The event of the ``index``-th output token; the last one carries the finish reason."""
        word = _WORDS[index % len(_WORDS)]
        reason = '"length"' if index == self._asked.output_tokens - 1 else "null"
        if self._asked.chat:
            role = '"role":"assistant",' if index == 0 else ""
            content = f'"delta":{{{role}"content":"{word}"}}'
        else:
            content = f'"text":"{word}"'
        return f'{self._head}{{"index":0,{content},"logprobs":null,"finish_reason":{reason}}}]}}\n\n'.encode()

    def end(self) -> bytes:
        """Usage, where it was asked for, and the end marker."""
        usage = f'{self._head}],"usage":{json.dumps(_usage(self._asked))}}}\n\n' if self._asked.usage_at_end else ""
        return f"{usage}data: [DONE]\n\n".encode()


def error_reply(message: str, kind: str, code: int) -> bytes:
    """An error in the shape OpenAI clients expect."""
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def models_reply() -> bytes:
    """The answer of ``GET /v1/models``."""
    return json.dumps(
        {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "aging"}]}
    ).encode()


def _prefix(asked: Asked) -> str:
    return "chatcmpl" if asked.chat else "cmpl"


def _usage(asked: Asked) -> dict[str, int]:
    return {
        "prompt_tokens": asked.prompt_tokens,
        "completion_tokens": asked.output_tokens,
        "total_tokens": asked.prompt_tokens + asked.output_tokens,
    }
