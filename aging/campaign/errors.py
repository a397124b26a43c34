"""From pydantic's validation errors to mistakes that name the keys of the campaign file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from aging.core.errors import Mistake, MistakeCode


def validate_table(table: type[BaseModel], raw: Any, where: str, mistakes: list[Mistake]) -> Any:
    """The validated table, or None if ``raw`` has mistakes; they are appended to ``mistakes`` with their keys."""
    try:
        return table.model_validate(raw)
    except ValidationError as error:
        mistakes.extend(_mistake(table, details, where) for details in error.errors())
        return None


def _mistake(table: type[BaseModel], details: Any, where: str) -> Mistake:
    path = _path(where, details["loc"])
    if details["type"] == "extra_forbidden":
        what = f"unknown key; {suggestion(details['loc'][-1], _keys(table, details['loc'][:-1]))}"
        return Mistake(path, what, MistakeCode.UNKNOWN_KEY)
    return Mistake(path.removesuffix(".[key]"), _message(details), _code(details["type"]))


_CODES = {"missing": MistakeCode.MISSING_KEY, "too_short": MistakeCode.OUT_OF_RANGE, "string_too_long": "out-of-range"}


def _code(kind: str) -> MistakeCode:
    """The code of one of pydantic's error types (https://docs.pydantic.dev/latest/errors/validation_errors/)."""
    if kind in _CODES:
        return MistakeCode(_CODES[kind])
    if kind.startswith(("greater_than", "less_than", "finite")):
        return MistakeCode.OUT_OF_RANGE
    if kind.endswith(("_type", "_parsing", "int_from_float")):
        return MistakeCode.WRONG_TYPE
    return MistakeCode.INVALID_VALUE


def _message(details: Any) -> str:  # noqa: PLR0911 - a table of messages
    """What is wrong and what would be right, in the terms of TOML."""
    given, context = details["input"], details.get("ctx", {})
    match details["type"]:
        case "missing":
            return "is missing"
        case "value_error":
            return str(context["error"])
        case "tuple_type" | "list_type" if isinstance(given, Mapping):
            key = details["loc"][-1]
            return f"must be a list of tables; write [[{key}]] with two brackets, not [{key}]"
        case "tuple_type" | "list_type" | "sequence_str":
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
        if isinstance(key, int):  # a place in a list of tables
            continue
        field = next((field for name, field in table.model_fields.items() if key in (name, field.alias)), None)
        inner = None if field is None else next(_tables(field.annotation), None)
        if inner is None:
            return []
        table = inner
    return [field.alias or name for name, field in table.model_fields.items()]


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    """The tables in a type, such as a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _tables(part)


def _path(where: str, loc: tuple[Any, ...]) -> str:
    path = where
    for key in loc:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
    return path


def suggestion(word: Any, known: Any) -> str:
    """The known name that is closest to ``word``, or all of them, as the end of a message."""
    options = sorted(option for option in known if isinstance(option, str))
    begun = [option for option in options if word and option.startswith(str(word))]
    close = begun or get_close_matches(str(word), options, n=1)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(options)


@dataclass(frozen=True, slots=True)
class Choice:
    """The plug-ins that a table chooses from with ``key``: their noun in messages, and their option tables by kind."""

    key: str
    noun: str
    tables: Mapping[str, type[BaseModel]]


def validate_by_kind(table: Any, where: str, choice: Choice, mistakes: list[Mistake]) -> BaseModel | None:
    """The validated options of the plug-in that ``table`` names; None if it has mistakes, which are appended."""
    key, known = choice.key, choice.tables
    if not isinstance(table, dict):
        mistakes.append(Mistake(where, f"must be a table with `{key}`, got {table!r}", MistakeCode.WRONG_TYPE))
        return None
    kind = table.get(key)
    if not isinstance(kind, str) or kind not in known:
        what = f"`{key}` is missing" if kind is None else f"unknown {choice.noun} {kind!r}"
        code = MistakeCode.MISSING_KEY if kind is None else MistakeCode.UNKNOWN_NAME
        mistakes.append(Mistake(f"{where}.{key}", f"{what}; {suggestion(kind, known)}", code))
        return None
    found: BaseModel | None = validate_table(known[kind], table, where, mistakes)
    return found
