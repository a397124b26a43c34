"""The OpenAI completion protocol as pure functions: parsed requests, and the bytes of the answers."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import shake_128
from itertools import accumulate
from typing import Any

from aging.deployments.reference_server.documents import SchemaError, document

MODEL = "reference"
MAX_OUTPUT_TOKENS = 32_768
MAX_CHOICES = 128
MAX_LOGPROBS = 20
_DEFAULT_OUTPUT_TOKENS = 16  # the default of the completions API

_SURE, _UNLIKELY = -0.01, -7.5

_WORDS = tuple(
    " " + onset + vowel + coda for coda in ("n", "r", "st", "l") for onset in ("b", "d", "k", "m") for vowel in "aeio"
)


class BadRequestError(Exception):
    """A request that cannot be answered; the message is for the client."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A parsed completion request. One whitespace-separated word is one token.

    ``output_tokens`` is the length of each of its ``choices`` answers; ``logprobs`` the number of alternatives per
    token, None without log-probabilities. ``pieces`` are its tokens if they are not words in turn, and ``reason`` is
    the finish reason.
    """

    chat: bool
    streaming: bool
    usage_at_end: bool
    prompt_tokens: int
    output_tokens: int
    choices: int = 1
    logprobs: int | None = None
    drawn: bytes = b""
    pieces: tuple[str, ...] | None = None
    reason: str = "length"

    def token(self, index: int) -> str:
        """The ``index``-th token of every answer."""
        return _WORDS[self.drawn[index] % len(_WORDS)] if self.pieces is None else self.pieces[index]


def parse(body: bytes | bytearray, *, chat: bool) -> Asked:
    """Parse the body of a request; ``chat`` is true for the chat endpoint.

    The answer is a function of the prompt, the length asked for and the ``seed`` of the request, so that a client can
    verify it token by token, whichever server answered. Raises :class:`BadRequestError`.
    """
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
    most = _output_tokens(request)
    pieces, whole = _pieces(request), False
    if pieces is not None:
        whole = len(pieces) <= most
        pieces = pieces[:most]
    output_tokens = most if pieces is None else len(pieces)
    texts = _chat_texts(request) if chat else (_prompt(request),)
    drawn = _drawn(request.get("seed"), texts, most) if pieces is None else b""
    stopped = _stopped(request, pieces, drawn)
    if stopped is not None:
        output_tokens = stopped
    return Asked(
        chat=chat,
        streaming=bool(request.get("stream")),
        usage_at_end=bool(options.get("include_usage")),
        prompt_tokens=sum(len(text.split()) for text in texts),
        output_tokens=output_tokens,
        choices=_whole_number(request, "n", 1, 1, MAX_CHOICES),
        logprobs=_logprobs(request, chat=chat),
        drawn=drawn,
        pieces=pieces,
        reason="stop" if whole or stopped is not None else "length",
    )


def _drawn(seed: object, texts: Sequence[str], tokens: int) -> bytes:
    """A byte for each token: SHAKE-128 of the seed, the length and the prompt, all at once and so cheap per token."""
    return shake_128(json.dumps([seed, tokens, *texts]).encode()).digest(tokens)


def _whole_number(request: dict[str, Any], key: str, default: int, least: int, most: int) -> int:
    asked = request.get(key)
    if asked is None:
        return default
    if type(asked) is not int or not least <= asked <= most:
        raise BadRequestError(f"{key} is not a whole number from {least} to {most}")
    return asked


def _logprobs(request: dict[str, Any], *, chat: bool) -> int | None:
    """Number of alternatives per token; a chat request has two keys for it, a completion one."""
    if not chat:
        return None if request.get("logprobs") is None else _whole_number(request, "logprobs", 0, 0, MAX_LOGPROBS)
    if not request.get("logprobs"):
        return None
    return _whole_number(request, "top_logprobs", 0, 0, MAX_LOGPROBS)


def _pieces(request: dict[str, Any]) -> tuple[str, ...] | None:
    """The tokens of a structured answer; None for free text."""
    wanted = request.get("response_format")
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise BadRequestError("response_format.type is none of text, json_object and json_schema")
    if kind == "text":
        return None
    described = wanted.get("json_schema") if kind == "json_schema" else {"schema": {"type": "object"}}
    if not isinstance(described, dict) or not isinstance(described.get("schema"), dict):
        raise BadRequestError("response_format.json_schema has no schema")
    try:
        return document(described["schema"])
    except SchemaError as error:
        raise BadRequestError(f"response_format.json_schema: {error}") from error


def _stopped(request: dict[str, Any], pieces: Sequence[str] | None, drawn: bytes) -> int | None:
    """The number of whole tokens before the first stop word; None without a stop word."""
    asked = request.get("stop")
    if not asked:
        return None
    stops = [asked] if isinstance(asked, str) else asked
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        raise BadRequestError("stop is neither a string nor a list of strings")
    tokens = [_WORDS[byte % len(_WORDS)] for byte in drawn] if pieces is None else pieces
    text, ends = "".join(tokens), accumulate(len(token) for token in tokens)
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    return sum(end <= min(found) for end in ends) if found else None


def _output_tokens(request: dict[str, Any]) -> int:
    asked = request.get("max_completion_tokens", request.get("max_tokens"))
    if asked is None:
        return _DEFAULT_OUTPUT_TOKENS
    if type(asked) is not int or not 1 <= asked <= MAX_OUTPUT_TOKENS:
        raise BadRequestError(f"max_tokens is not a whole number from 1 to {MAX_OUTPUT_TOKENS}")
    return asked


def _prompt(request: dict[str, Any]) -> str:
    prompt = request.get("prompt")
    if not isinstance(prompt, str):
        raise BadRequestError("prompt is not a string")
    return prompt


def _chat_texts(request: dict[str, Any]) -> list[str]:
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages is not a list with something in it")
    return [_message_text(message) for message in messages]


def _message_text(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else None for part in content]
        if all(isinstance(text, str) for text in texts):
            return "\n".join(str(text) for text in texts)
    raise BadRequestError("a message's content is neither a string nor a list of text parts")


def whole_reply(asked: Asked, number: int) -> bytes:
    """The answer to a request that does not stream; ``number`` makes its id unique."""
    tokens = [asked.token(index) for index in range(asked.output_tokens)]
    text = "".join(tokens)
    content = {"message": {"role": "assistant", "content": text}} if asked.chat else {"text": text}
    logprobs = None if asked.logprobs is None else _token_logprobs(asked, tokens, 0)
    return json.dumps(
        {
            "id": f"{_prefix(asked)}-{number}",
            "object": "chat.completion" if asked.chat else "text_completion",
            "created": int(time.time()),
            "model": MODEL,
            "choices": [
                {"index": index, **content, "logprobs": logprobs, "finish_reason": asked.reason}
                for index in range(asked.choices)
            ],
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
        self._at = 0

    def token(self, index: int) -> bytes:
        """The events of the ``index``-th output token, one per choice; the last ones have the finish reason."""
        asked = self._asked
        word = asked.token(index)
        logprobs = "null" if asked.logprobs is None else json.dumps(_token_logprobs(asked, [word], self._at))
        self._at += len(word)
        written = f'"{word}"' if asked.pieces is None else json.dumps(word)
        reason = f'"{asked.reason}"' if index == asked.output_tokens - 1 else "null"
        if asked.chat:
            role = '"role":"assistant",' if index == 0 else ""
            content = f'"delta":{{{role}"content":{written}}}'
        else:
            content = f'"text":{written}'
        return "".join(
            f'{self._head}{{"index":{choice},{content},"logprobs":{logprobs},"finish_reason":{reason}}}]}}\n\n'
            for choice in range(asked.choices)
        ).encode()

    def end(self) -> bytes:
        """Usage, if requested, and the end marker."""
        asked = self._asked
        last = ""
        if asked.output_tokens == 0:  # a stop word before the first token: no event has sent the finish reason
            empty = '"delta":{}' if asked.chat else '"text":""'
            last = "".join(
                f'{self._head}{{"index":{choice},{empty},"logprobs":null,"finish_reason":"{asked.reason}"}}]}}\n\n'
                for choice in range(asked.choices)
            )
        usage = f'{self._head}],"usage":{json.dumps(_usage(asked))}}}\n\n' if asked.usage_at_end else ""
        return f"{last}{usage}data: [DONE]\n\n".encode()


def _token_logprobs(asked: Asked, tokens: list[str], start: int) -> dict[str, Any]:
    """Log-probabilities of ``tokens``, whose text begins at ``start``, in the format of the endpoint.

    The token itself is certain but for its alternatives, which are the words after it.
    """
    count = asked.logprobs or 0
    others = [_WORDS[place % len(_WORDS)] for place in range(1, count)]
    if asked.chat:
        return {
            "content": [
                {
                    **_alternative(token, _SURE),
                    "top_logprobs": [
                        _alternative(token, _SURE),
                        *(_alternative(other, _UNLIKELY) for other in others),
                    ][:count],
                }
                for token in tokens
            ]
        }
    offsets = list(accumulate((len(token) for token in tokens[:-1]), initial=start))
    return {
        "tokens": tokens,
        "token_logprobs": [_SURE] * len(tokens),
        "top_logprobs": [({token: _SURE} | dict.fromkeys(others, _UNLIKELY) if count else {}) for token in tokens],
        "text_offset": offsets,
    }


def _alternative(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def error_reply(message: str, kind: str, code: int) -> bytes:
    """An error in the format of OpenAI."""
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
        "completion_tokens": asked.output_tokens * asked.choices,
        "total_tokens": asked.prompt_tokens + asked.output_tokens * asked.choices,
    }
