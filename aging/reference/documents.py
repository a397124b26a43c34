"""Structured answers: a document that follows the JSON schema of its request, in pieces as a model would write it."""

from __future__ import annotations

import json
from typing import Any

_DEEPEST = 16


class SchemaError(ValueError):
    """A schema that nothing can be written after, with the reason."""


def document(schema: dict[str, Any]) -> tuple[str, ...]:
    """The pieces, one a token, of the shortest document that follows ``schema``. Raises :class:`SchemaError`."""
    written = json.dumps(_value(schema, 0))
    pieces: list[str] = []
    for character in written:
        if pieces and character.isalnum() and pieces[-1][-1].isalnum():
            pieces[-1] += character
        else:
            pieces.append(character)
    return tuple(pieces)


def _value(schema: Any, depth: int) -> Any:  # noqa: PLR0911 - a table of types
    if not isinstance(schema, dict):
        raise SchemaError(f"a schema is an object, not {schema!r}")
    if depth > _DEEPEST:
        raise SchemaError("the schema is nested too deeply")
    if "enum" in schema:
        if not isinstance(schema["enum"], list) or not schema["enum"]:
            raise SchemaError("enum is not a list with something in it")
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            properties = schema.get("properties", {})
            if not isinstance(properties, dict):
                raise SchemaError("properties is not an object")
            return {name: _value(inner, depth + 1) for name, inner in properties.items()}
        case "array":
            least = schema.get("minItems", 0)
            if type(least) is not int or not 0 <= least <= 1024:
                raise SchemaError("minItems is not a whole number from 0 to 1024")
            return [_value(schema.get("items", {"type": "null"}), depth + 1) for _ in range(least)]
        case "string":
            return ""
        case "integer" | "number":
            return 0
        case "boolean":
            return True
        case "null":
            return None
        case other:
            raise SchemaError(f"the type {other!r} is not known")
