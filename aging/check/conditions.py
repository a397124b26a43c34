"""The conditions of a gate: which indicator may grow how fast, or by how much, parsed from what users write."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from aging.campaign.errors import suggestion
from aging.core.errors import Mistake, MistakeCode, MistakesError
from aging.core.metrics import PRIMARY, base_name
from aging.core.quantities import parse_bytes, parse_duration
from aging.findings.gate import Quantity

QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

_CONDITION = re.compile(
    r"\s*([A-Za-z][A-Za-z0-9_]*(?:\{[^}]*\})?)\s*(?::\s*([A-Za-z_]+)\s*)?>\s*(?![=>])(\S(?:.*\S)?)\s*"
)
_MOST = 1e15
_HOW = "write 'INDICATOR:per_request > LIMIT', with per_request, per_hour or growth_total, like '{}:per_request > 256B'"


@dataclass(frozen=True, slots=True)
class Condition:
    """It fails where ``quantity`` of ``indicator`` is more than ``limit``.

    ``limit`` is in the indicator's unit per request, per hour, or in all; with ``percent`` it is a percentage of the
    indicator's level. ``written`` is the limit as the user wrote it. Of an indicator that ages downwards the limit is
    on how fast it falls.
    """

    indicator: str
    quantity: Quantity
    limit: float
    percent: bool = False
    written: str = ""

    def __str__(self) -> str:
        return f"{self.indicator}:{self.quantity} > {self.written or f'{self.limit:g}'}"


def parse_conditions(texts: Sequence[str]) -> list[Condition]:
    """Conditions as written on the command line, each once. Raises :class:`MistakesError` with every wrong text."""
    conditions, mistakes = conditions_and_mistakes(texts)
    if mistakes:
        raise MistakesError("--fail", mistakes)
    return conditions


def conditions_and_mistakes(texts: Sequence[str]) -> tuple[list[Condition], list[Mistake]]:
    """The conditions that are well written, and what is wrong with the others."""
    conditions: dict[str, Condition] = {}
    mistakes = []
    for text in texts:
        try:
            condition = _parsed(text)
        except ValueError as error:
            mistakes.append(Mistake(repr(text), str(error)))
        else:
            conditions.setdefault(str(condition), condition)
    return list(conditions.values()), mistakes


def without_rates(texts: Sequence[str]) -> str | None:
    """Why no rates of these conditions can be stored; None if there are some, or there is another mistake."""
    conditions, mistakes = conditions_and_mistakes(texts)
    if mistakes or not conditions or any(one.quantity != "growth_total" for one in conditions):
        return None
    return "stores rates, and growth_total is none; add a condition per_request or per_hour, or leave it out"


def name_mistakes(
    conditions: Sequence[Condition], deployments: Sequence[str], known: Sequence[str], indicators: Sequence[str]
) -> list[Mistake]:
    """Every deployment and indicator that the campaign does not have, with the nearest that it has."""
    mistakes = [
        Mistake("--deployment", f"unknown deployment {name!r}; {suggestion(name, known)}", MistakeCode.UNKNOWN_NAME)
        for name in deployments
        if name not in known
    ]
    for condition in conditions:
        name = condition.indicator
        if name not in indicators and not name.startswith("engine_"):
            what = f"unknown indicator {name!r}; {suggestion(name, indicators)}"
            mistakes.append(Mistake("--fail", what, MistakeCode.UNKNOWN_NAME))
    return mistakes


def check_names(conditions: Sequence[Condition], indicators: Sequence[str], verb: str) -> None:
    """Raise MistakesError for an indicator that is not known, before anything is measured."""
    if mistakes := name_mistakes(conditions, [], [], indicators):
        raise MistakesError(verb, mistakes)


def _parsed(text: str) -> Condition:
    """Raises ValueError with what is wrong and what would be right."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(f"is not a condition; {_HOW.format(PRIMARY)}")
    name, asked, written = match.groups()
    if asked is None and name in QUANTITIES:  # 'growth_total > 500MiB' is of the memory
        name, asked = PRIMARY, name
    if asked is None:
        near = get_close_matches(name, QUANTITIES, n=1)
        meant = f"did you mean {near[0]!r}? Or " if near else ""
        raise ValueError(f"says no quantity; {meant}{_HOW.format(PRIMARY if near else name)}")
    quantity = next((one for one in QUANTITIES if one == asked), None)
    if quantity is None:
        raise ValueError(f"unknown quantity {asked!r}; {suggestion(asked, QUANTITIES)}; {_HOW.format(name)}")
    limit, percent = _limit(name, quantity, written)
    return Condition(name, quantity, limit, percent, written)


def _limit(indicator: str, quantity: Quantity, written: str) -> tuple[float, bool]:
    """The limit as a number, and whether it is a percentage. Raises ValueError."""
    percent = written.endswith("%")
    if percent and quantity == "per_request":
        raise ValueError(f"{written} of the level per request is no sensible limit; {_in_units(indicator)}")
    limit = _number(indicator, written.removesuffix("%").rstrip() if percent else written, plain=percent)
    if math.isnan(limit):
        raise ValueError(f"{written} is no number; {_in_units(indicator)}")
    if limit < 0:
        raise ValueError(
            f"{written} is negative; a limit is the least growth that fails, or the least fall of what ages downwards"
        )
    if limit == 0:
        raise ValueError(
            f"{written}: no measurement can show that there is no growth at all; "
            "give the smallest growth that matters, like 64B per request"
        )
    if limit > _MOST:
        raise ValueError(f"{written} is no sensible limit: nothing grows so much; {_in_units(indicator)}")
    return limit, percent


def _number(indicator: str, written: str, *, plain: bool) -> float:
    try:
        return float(written)
    except ValueError:
        pass
    sign = -1.0 if written.startswith("-") else 1.0
    name = base_name(indicator)
    parse = parse_bytes if name.endswith(("_bytes", "_bytes_total")) else parse_duration
    if plain or not name.endswith(("_bytes", "_bytes_total", "_seconds")):
        raise ValueError(f"{written!r} is no limit of {indicator}; {_in_units(indicator)}")
    try:
        return sign * parse(written.lstrip("-"))
    except ValueError:
        raise ValueError(f"{written!r} is no limit of {indicator}; {_in_units(indicator)}") from None


def _in_units(indicator: str) -> str:
    name = base_name(indicator)
    if name.endswith(("_bytes", "_bytes_total")):
        return "write a size, like 256B, 1KiB or 4MiB, or a plain number of bytes"
    if name.endswith("_seconds"):
        return "write a time, like 5ms or 0.1s, or a percentage of its level per hour, like 5%"
    return "write a plain number in its unit, or a percentage of its level per hour, like 5%"
