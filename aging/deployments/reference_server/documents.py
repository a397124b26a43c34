"""Structured answers: a document valid under the JSON schema of its request, in token-sized pieces."""

from __future__ import annotations

import json
from typing import Any

_DEEPEST, _LONGEST_ARRAY = 16, 64


class SchemaError(ValueError):
    """A schema without a valid document; the message is the reason."""


def document(schema: dict[str, Any]) -> tuple[str, ...]:
    """The pieces (one per token) of the shortest document valid under ``schema``. Raises :class:`SchemaError`."""
    written = json.dumps(_value(schema, 0))
    pieces: list[str] = []
    for character in written:
        if pieces and character.isalnum() and pieces[-1][-1].isalnum():
            pieces[-1] += character
        else:
            pieces.append(character)
    return tuple(pieces)


_SIMPLEST: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": True, "null": None}


def _value(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict):
        raise SchemaError(f"a schema is an object, not {schema!r}")
    if depth > _DEEPEST:
        raise SchemaError("the schema is nested too deeply")
    if "enum" in schema:
        if not isinstance(schema["enum"], list) or not schema["enum"]:
            raise SchemaError("enum is not a list with something in it")
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        return _object(schema, depth)
    if kind == "array":
        return _array(schema, depth)
    if not isinstance(kind, str) or kind not in _SIMPLEST:
        raise SchemaError(f"the type {kind!r} is not known")
    return _SIMPLEST[kind]


def _object(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        raise SchemaError("properties is not an object")
    return {name: _value(inner, depth + 1) for name, inner in properties.items()}


def _array(schema: dict[str, Any], depth: int) -> list[Any]:
    least = schema.get("minItems", 0)
    if type(least) is not int or not 0 <= least <= _LONGEST_ARRAY:
        raise SchemaError(f"minItems is not a whole number from 0 to {_LONGEST_ARRAY}")
    return [_value(schema.get("items", {"type": "null"}), depth + 1) for _ in range(least)]
