"""Writes calibrated rates into the text of a campaign file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import tomlkit
from tomlkit.items import InlineTable, SingleKey, Table

from aging.core.errors import AgingError

_RATE = "rate"


def with_rates(text: str, rates: Mapping[str, float], remark: str) -> str:
    """The text of a campaign file with ``rate = …`` in the table of each named deployment, otherwise unchanged.

    ``rates`` are requests per second by deployment. ``remark`` is the comment of each rate; an inline table has none.
    Raises :class:`AgingError` if other parts of the text would change.
    """
    document = tomlkit.parse(text)
    unchanged = tomlkit.dumps(document) == text  # tomlkit reorders an array of tables that other tables interrupt
    for table in document["deployment"]:
        if table["name"] in rates:
            _set_rate(table, _rounded(rates[table["name"]]), remark)
    filled = tomlkit.dumps(document)
    if not unchanged or not _has_rates(filled, text, rates):
        wanted = "; ".join(f"{name}: rate = {rate:g}" for name, rate in rates.items())
        raise AgingError(f"the rates cannot be written without other changes to the file; edit it by hand: {wanted}")
    return filled


def _set_rate(table: Table | InlineTable, rate: float, remark: str) -> None:
    """Replace the rate, or insert it below the name."""
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


def _rounded(rate: float) -> float:
    return float(f"{rate:g}")


def _has_rates(filled: str, text: str, rates: Mapping[str, float]) -> bool:
    """Whether ``filled`` differs from ``text`` only in the rates."""
    try:
        now, before = tomllib.loads(filled), tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    for table in before["deployment"]:
        if table["name"] in rates:
            table["rate"] = _rounded(rates[table["name"]])
    return now == before
