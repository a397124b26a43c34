"""The options of a request: the keys that they add to its body.

The fields are OpenAI's; that vLLM 0.32 takes them was read in its source
(``entrypoints/openai/*/protocol.py``); how the runtimes that run here treat them is in
``docs/runtimes.md``. What a deployment's server refuses or ignores is listed
by its endpoint (``unsupported``), and is left out.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Any, Literal

from aging.core.records import CHOICES
from aging.core.words import WORDS, text

Protocol = Literal["completions", "chat", "generate"]
"""OpenAI's completions, its chat completions, Triton's generate extension."""

SAYABLE: dict[Protocol, frozenset[str]] = {
    "completions": frozenset({"n", "logprobs", "stop", "long", "priority"}),
    "chat": frozenset({"chat", "n", "logprobs", "stop", "structured", "long", "priority"}),
    "generate": frozenset({"long"}),
}
"""The options of each protocol.

A structured answer is asked for in chats: OpenAI's completions have no ``response_format``,
and llama.cpp's pass over it. Triton's extension hands numbers and texts to its model, no lists.
"""


LOGPROBS = 5
"""Alternatives returned for a token: the most that OpenAI's completions take; vLLM's default limit is 20."""

_STOPS, _STOP_WORDS = 2, 4
_PROPERTIES = 4


def fields(options: Collection[str], protocol: Protocol, number: int) -> dict[str, Any]:
    """The keys that ``options`` add to the body of request ``number`` in ``protocol``."""
    asked: dict[str, Any] = {}
    if "n" in options:
        asked["n"] = CHOICES
    if "logprobs" in options:
        chat = protocol == "chat"
        asked |= {"logprobs": True, "top_logprobs": LOGPROBS} if chat else {"logprobs": LOGPROBS}
    if "stop" in options:
        asked["stop"] = stop_phrases(number)
    if "structured" in options:
        name = f"answer_{number}" if number >= 0 else "answer"
        asked["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": name, "strict": True, "schema": unique_schema(number)},
        }
    return asked


def stop_phrases(number: int) -> list[str]:
    """Phrases that end an answer, other ones for every request; so long that an answer seldom holds one."""
    words = Random(f"stop/{number}")
    return [text(words.choices(WORDS, k=_STOP_WORDS)) for _ in range(_STOPS)]


def unique_schema(number: int) -> dict[str, Any]:
    """Another JSON schema for every request, so that a cache of compiled grammars has an entry for each.

    Every value is bounded, so that a model which would not stop must end its answer.
    """
    draw = Random(f"schema/{number}")
    names = draw.sample(WORDS, k=_PROPERTIES)
    kinds: tuple[dict[str, Any], ...] = (
        {"type": "boolean"},
        {"type": "string", "enum": draw.sample(WORDS, k=3)},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
    )
    properties = {name: kinds[place % len(kinds)] for place, name in enumerate(names)}
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
