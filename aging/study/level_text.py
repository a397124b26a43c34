"""Puts levels into the text of a campaign file; its comments stay."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from aging.campaign.key_paths import KeyPath


class UnwritableLevelsError(Exception):
    """Levels that cannot be written into the campaign file."""


def with_levels(text: str, levels: Sequence[tuple[KeyPath, Any]], wanted: Mapping[str, Any]) -> str:
    """The text with each level at its key path; ``wanted`` are the tables that it must have then.

    A file that tomlkit would change elsewhere is written anew, without its comments. Raises UnwritableLevelsError.
    """
    if not levels:
        return text
    try:
        document = tomlkit.parse(text)
        for path, level in levels:
            path.put(document, _item(level))
        written = tomlkit.dumps(document)
        if _is(written, wanted):
            return written
        written = tomlkit.dumps(wanted)
    except (TOMLKitError, TypeError, AttributeError, ValueError) as error:
        raise UnwritableLevelsError(f"cannot be written into the campaign file: {error}") from None
    if not _is(written, wanted):
        raise UnwritableLevelsError("cannot be written into the campaign file")
    return written


def _item(level: Any) -> Any:
    """A level as TOML; a table in one line, so that it stands where its key is."""
    if isinstance(level, dict):
        table = tomlkit.inline_table()
        table.update({key: _item(value) for key, value in level.items()})
        return table
    return level


def _is(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False
