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


def sound_part(table: type[BaseModel], raw: Any) -> Mapping[str, Any]:
    """The keys of a table in which nothing is wrong: what involves only these can be judged beside other mistakes."""
    if not isinstance(raw, Mapping):
        return {}
    try:
        table.model_validate(raw)
    except ValidationError as error:
        faulty = {details["loc"][0] for details in error.errors() if details["loc"]}
        return {key: value for key, value in raw.items() if key not in faulty}
    return raw


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


PATTERNS = {
    r"^[A-Za-z_][A-Za-z0-9_]*$": "a letter or _, then letters, digits and _, like MY_NAME",
    r"^[^\x00]*$": "text without the character NUL",
    r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$": "the name of a header, like X-Mode",
    r"^[\t\x20-\x7e]*$": "one line of ASCII characters",
    r"^/[^\x00-\x20\x7f#]*$": "a path that begins with / and has no spaces and no #, like /v1/items?limit=5",
    r"^[a-z0-9][a-z0-9-]*$": "lower-case letters, digits and -, and begin with a letter or digit, like my-server",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": "letters, digits, _, . and -, and begin with a letter or digit, like my_run-1",
    r"^https?://[^/\s]+": "an address that begins with http:// or https://, like http://127.0.0.1:8000/x",
    r"^https?://[^/]+/?$": "an address with http:// or https:// and no path, like http://127.0.0.1:8000",
    r"^https?://": "an address that begins with http:// or https://, like http://127.0.0.1:8000/x",
    r"^/": "a path that begins with /, like /metrics",
    r"^[a-z][A-Za-z0-9_]*$": "the name of an indicator, like process_anon_swap_bytes",
}
"""What each pattern of the tables asks for, in the words that follow "must be"."""


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
        case kind if kind in _MUST:
            numbers = {key: f"{value:,.10g}" if isinstance(value, float) else value for key, value in context.items()}
            return f"must be {_MUST[kind].format(**numbers)}, got {given!r}"
        case "too_short":
            return f"needs at least {context['min_length']}, got {context['actual_length']}"
        case "too_long":
            return f"may have at most {context['max_length']}, got {context['actual_length']}"
        case "string_too_short":
            return "must not be empty" if context["min_length"] == 1 else f"is too short, got {given!r}"
        case "string_too_long":
            return f"may have at most {context['max_length']} characters, got {len(given)}"
        case "string_pattern_mismatch":
            what = "the name must be" if details["loc"][-1] == "[key]" else "must be"
            return f"{what} {PATTERNS.get(context['pattern'], 'another text')}, got {given!r}"
        case _:
            return f"{details['msg'].replace('Input should be', 'must be')}, got {given!r}"


_WHOLE, _NUMBER, _TABLE, _LIST = "a whole number", "a number", "a table", 'a list, like ["a", "b"]'
_MUST = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "string_type": 'text in quotes, like "a"',
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type", "mapping_type"), _TABLE),
    **dict.fromkeys(("tuple_type", "list_type", "sequence_str", "set_type", "frozen_set_type"), _LIST),
}
"""By pydantic's types of errors: what would be right, with the numbers of the key."""


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
