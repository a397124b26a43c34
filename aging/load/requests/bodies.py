"""Path and body of a request in the endpoint's protocol; also of requests that the server should refuse."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from aging.core.endpoint import Endpoint
from aging.load.requests.options import SAYABLE, Protocol, fields
from aging.load.schedule.planned_request import PlannedRequest

OVERSIZED_BYTES = 9 * 2**20
"""More than the reference server reads, and over a million words: beyond the context of any model that is served."""

_COMPLETIONS, _CHAT, _GENERATE_STREAM = "/completions", "/chat/completions", "/generate_stream"
_FILLER = "oversized"
_BOUNDED_BY_SCHEMA = ("ignore_eos", "min_tokens")


def protocol(endpoint: Endpoint, request: PlannedRequest) -> Protocol:
    """The request's protocol: chat in place of completions where its options need it and the endpoint has it."""
    if endpoint.path.endswith(_GENERATE_STREAM):
        return "generate"
    if endpoint.path.endswith(_CHAT):
        return "chat"
    needs = {"chat", "structured"} & set(request.options) - set(endpoint.unsupported)
    return "chat" if needs and endpoint.path.endswith(_COMPLETIONS) else "completions"


def left_out(endpoint: Endpoint, wanted: Collection[str]) -> tuple[str, ...]:
    """Which of these options (and ``priority``) the endpoint's requests cannot express, sorted."""
    if endpoint.path.endswith(_GENERATE_STREAM):
        sayable = SAYABLE["generate"]
    else:
        sayable = SAYABLE["chat" if endpoint.path.endswith(_COMPLETIONS) else "completions"]
    return tuple(sorted(set(wanted) - (sayable - set(endpoint.unsupported))))


def path(endpoint: Endpoint, request: PlannedRequest) -> str:
    """Where it is sent: Triton answers whole beside where it streams; nothing is where ``not-found`` is sent."""
    if request.fault == "not-found":  # another path for each: a server that counts by path then counts without end
        return f"{endpoint.path.rpartition('/')[0]}/not-found-{max(request.number, 0)}"
    spoken = protocol(endpoint, request)
    if spoken == "chat" and not endpoint.path.endswith(_CHAT):
        return endpoint.path.removesuffix(_COMPLETIONS) + _CHAT
    if spoken == "generate" and not request.streaming:
        return endpoint.path.removesuffix("_stream")
    return endpoint.path


def body(endpoint: Endpoint, request: PlannedRequest, messages: Sequence[str]) -> dict[str, Any]:
    """The JSON body of an OpenAI-style completion (or chat completion, or Triton's generate, by the path)."""
    spoken = protocol(endpoint, request)
    if spoken == "generate":
        # Names of Triton's vLLM backend; another model gets those that it has no input for as parameters.
        return {
            "text_input": "".join(messages),
            "max_tokens": request.output_tokens,
            "stream": request.streaming,
            "exclude_input_in_output": True,
            "return_finish_reason": True,
            "return_num_output_tokens": True,
        } | dict(endpoint.body)
    asked: dict[str, Any] = {"model": endpoint.model, "max_tokens": request.output_tokens, "stream": request.streaming}
    if spoken == "chat":
        roles = ("user", "assistant")
        asked["messages"] = [{"role": roles[turn % 2], "content": said} for turn, said in enumerate(messages)]
    else:
        asked["prompt"] = "".join(messages)
    if request.streaming:
        asked["stream_options"] = {"include_usage": True}
    if request.priority and "priority" not in endpoint.unsupported:
        asked["priority"] = request.priority
    options = (SAYABLE[spoken] & set(request.options)) - set(endpoint.unsupported)
    if not options:
        return asked | dict(endpoint.body)
    configured = {key: value for key, value in endpoint.body.items() if _fits(key, options)}
    return asked | configured | fields(options, spoken, request.number)


def _fits(key: str, options: Collection[str]) -> bool:
    """A complete document ends there: an engine forced to continue has no token left that its schema allows."""
    return "structured" not in options or key not in _BOUNDED_BY_SCHEMA


def content(endpoint: Endpoint, request: PlannedRequest, messages: Sequence[str]) -> bytes:
    """The bytes of the request's body: whole and well-formed, but for the faults that are meant to be refused.

    A ``malformed`` body ends in its middle, an ``oversized`` one has a prompt of :data:`OVERSIZED_BYTES`.
    """
    if request.fault == "oversized":
        # Put in as bytes: to encode as much as JSON would hold up every other request for 10 ms.
        return _encoded(body(endpoint, request, (_FILLER,))).replace(
            f'"{_FILLER}"'.encode(), b'"' + b" oversized" * (OVERSIZED_BYTES // 10) + b'"', 1
        )
    encoded = _encoded(body(endpoint, request, messages))
    return encoded[: len(encoded) // 2] if request.fault == "malformed" else encoded


def _encoded(asked: dict[str, Any]) -> bytes:
    return json.dumps(asked, separators=(",", ":")).encode()
