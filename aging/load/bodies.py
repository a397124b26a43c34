"""What is sent: path and JSON body of a request, as the endpoint's protocol has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aging.deployments import Endpoint
from aging.load.planned import PlannedRequest

_GENERATE_STREAM = "/generate_stream"


def path(endpoint: Endpoint, request: PlannedRequest) -> str:
    """Where it is sent: Triton answers whole beside where it streams."""
    if endpoint.path.endswith(_GENERATE_STREAM) and not request.streaming:
        return endpoint.path.removesuffix("_stream")
    return endpoint.path


def body(endpoint: Endpoint, request: PlannedRequest, messages: Sequence[str]) -> dict[str, Any]:
    """The JSON body of an OpenAI-style completion (or chat completion, or Triton's generate: the path says so)."""
    if endpoint.path.endswith(_GENERATE_STREAM):
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
    if endpoint.path.endswith("/chat/completions"):
        roles = ("user", "assistant")
        asked["messages"] = [{"role": roles[turn % 2], "content": said} for turn, said in enumerate(messages)]
    else:
        asked["prompt"] = "".join(messages)
    if request.streaming:
        asked["stream_options"] = {"include_usage": True}
    return asked | dict(endpoint.body)


def content(endpoint: Endpoint, request: PlannedRequest, messages: Sequence[str]) -> bytes:
    """The bytes of the request's body."""
    return json.dumps(body(endpoint, request, messages), separators=(",", ":")).encode()
