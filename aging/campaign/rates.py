"""Calibrated rates, written into the text of a campaign file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import tomlkit
from tomlkit.items import InlineTable, SingleKey, Table

from aging.core.errors import AgingError

_RATE = "rate"


def with_rates(text: str, rates: Mapping[str, float], remark: str) -> str:
    """The text of a campaign file with ``rate = …`` in each named deployment's table; all else stays as it is.

    ``remark`` becomes its comment, but in an inline table, which can have none.
    Raises :class:`AgingError` where the text cannot be kept as it is.
    """
    document = tomlkit.parse(text)
    unchanged = tomlkit.dumps(document) == text  # not where the tables of one array stand apart
    for table in document["deployment"]:
        if table["name"] in rates:
            _set_rate(table, _written(rates[table["name"]]), remark)
    filled = tomlkit.dumps(document)
    if not unchanged or not _has_rates(filled, text, rates):
        wanted = "; ".join(f"{name}: rate = {rate:g}" for name, rate in rates.items())
        raise AgingError(f"the rates could not be written into the file's text; write them by hand: {wanted}")
    return filled


def _set_rate(table: Table | InlineTable, rate: float, remark: str) -> None:
    """Replace the rate where there is one; else write it below the name."""
    written = tomlkit.item(rate)
    if isinstance(table, InlineTable):
        table[_RATE] = written
        return
    written.comment(remark)
    if _RATE in table:
        table[_RATE] = written
        return
    written.indent(len(table["name"].trivia.indent))
    body = table.value.body
    place = next(place for place, (key, _) in enumerate(body) if key is not None and key.key == "name")
    body.insert(place + 1, (SingleKey(_RATE), written))


def _written(rate: float) -> float:
    return float(f"{rate:g}")


def _has_rates(filled: str, text: str, rates: Mapping[str, float]) -> bool:
    """Whether the file is what it was but for the rates."""
    try:
        now, before = tomllib.loads(filled), tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    for table in before["deployment"]:
        if table["name"] in rates:
            table["rate"] = _written(rates[table["name"]])
    return now == before
