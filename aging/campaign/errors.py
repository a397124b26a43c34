"""Mistakes of a campaign file in the words of who wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from aging.core.errors import Mistake


def checked(table: type[BaseModel], raw: Any, where: str, mistakes: list[Mistake]) -> Any:
    """The table, or None after its mistakes were added to ``mistakes`` with their keys."""
    try:
        return table.model_validate(raw)
    except ValidationError as error:
        mistakes.extend(_mistake(table, details, where) for details in error.errors())
        return None


def _mistake(table: type[BaseModel], details: Any, where: str) -> Mistake:
    path = _path(where, details["loc"])
    if details["type"] == "extra_forbidden":
        return Mistake(path, f"unknown key; {suggestion(details['loc'][-1], _keys(table, details['loc'][:-1]))}")
    return Mistake(path.removesuffix(".[key]"), _in_words(details))


def _in_words(details: Any) -> str:  # noqa: PLR0911 - a table of words
    """What was wrong and what would be right, as the writer of a TOML file calls it."""
    given, context = details["input"], details.get("ctx", {})
    match details["type"]:
        case "missing":
            return "is missing"
        case "value_error":
            return str(context["error"])
        case "tuple_type" | "list_type":
            return f'must be a list, like ["a", "b"], got {given!r}'
        case "bool_type":
            return f"must be true or false, got {given!r}"
        case "dict_type":
            return f"must be a table, got {given!r}"
        case "too_short":
            return f"needs at least {context['min_length']}, got {context['actual_length']}"
        case "string_pattern_mismatch":
            what = "the name" if details["loc"][-1] == "[key]" else "the text"
            return f"{what} {given!r} does not match {context['pattern']}"
        case _:
            return f"{details['msg'][0].lower()}{details['msg'][1:]}, got {given!r}"


def _keys(table: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """The keys of the (nested) table at ``path``."""
    for key in path:
        field = table.model_fields.get(key) if isinstance(key, str) else None
        inner = (
            [
                candidate
                for candidate in (field.annotation, *getattr(field.annotation, "__args__", ()))
                if isinstance(candidate, type) and issubclass(candidate, BaseModel)
            ]
            if field
            else []
        )
        if not inner:
            return []
        table = inner[0]
    return [field.alias or name for name, field in table.model_fields.items()]


def _path(where: str, loc: tuple[Any, ...]) -> str:
    path = where
    for key in loc:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
    return path


def suggestion(word: Any, known: Any) -> str:
    """What somebody who wrote ``word`` may have meant."""
    options = sorted(option for option in known if isinstance(option, str))
    close = get_close_matches(str(word), options, n=1)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(options)


@dataclass(frozen=True, slots=True)
class Choice:
    """Plug-ins that a table names with ``key``: what they are called in messages, and their tables by kind."""

    key: str
    noun: str
    tables: Mapping[str, type[BaseModel]]


def by_kind(table: Any, where: str, choice: Choice, mistakes: list[Mistake]) -> BaseModel | None:
    """A table whose keys depend on the plug-in that it names; None after its mistakes were told."""
    key, known = choice.key, choice.tables
    if not isinstance(table, dict):
        mistakes.append(Mistake(where, f"must be a table with `{key}`, got {table!r}"))
        return None
    kind = table.get(key)
    if not isinstance(kind, str) or kind not in known:
        what = f"`{key}` is missing" if kind is None else f"unknown {choice.noun} {kind!r}"
        mistakes.append(Mistake(f"{where}.{key}", f"{what}; {suggestion(kind, known)}"))
        return None
    found: BaseModel | None = checked(known[kind], table, where, mistakes)
    return found
